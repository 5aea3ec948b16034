import { createdAt } from "../api/ids";
import type { Key, User } from "../api/schemas";
import { isUniqueNameOf } from "../session/auto-name";
import { hasPassed } from "../shared/duration";
import { sameRoles } from "../shared/roles";
import { byAge } from "./listing";
import type { KnownObject, PendingObject } from "./stack-export";

/** Any other type of owner counts as a user, whose keys `orphans` skips by default. */
export const ACCOUNT = "service_account";

/** All that decides whether something is an orphan. */
export interface OrphanCriteria {
  /** The tenant's service accounts, without archived ones. */
  readonly accounts: readonly User[];
  readonly keys: readonly Key[];
  /** What the stacks hold. */
  readonly known: readonly KnownObject[];
  /** What unfinished operations of the stacks may have created. */
  readonly pending: readonly PendingObject[];
  readonly caller: User;
  /** The display id of the credential's own key; undefined for an access token. */
  readonly ownDisplayId: string | undefined;
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  /** Anything younger is skipped, in milliseconds. */
  readonly minimumAgeMs: number;
  /** Ids that the user wants to keep. */
  readonly keep: ReadonlySet<string>;
  /** Whether keys of users count. */
  readonly userKeys: boolean;
  /** Whether expired keys count. */
  readonly expired: boolean;
}

/** Why something that no stack holds is not an orphan. */
export type SkipReason =
  | "own"
  | "kept"
  | "ofUser"
  | "expired"
  | "leftToExpire"
  | "pending"
  | "young"
  | "inUse";

export type Classification = "known" | "orphan" | SkipReason;

export interface Classified {
  readonly classification: Classification;
}

/** The criteria, prepared for many objects. */
export interface Classifier extends OrphanCriteria {
  /** An account is in use when a stack holds a key of it, whoever created the account. */
  readonly knownIds: ReadonlySet<string>;
  readonly pendingIds: ReadonlySet<string>;
}

export function classifierOf(criteria: OrphanCriteria): Classifier {
  const knownIds = criteria.known.flatMap(({ id, ownerId }) => [id, ownerId ?? id]);
  return { ...criteria, knownIds: new Set(knownIds), pendingIds: findPending(criteria) };
}

/** Decides for each key whether it is an orphan, oldest first. */
export function classifyKeys(
  classifier: Classifier,
): (Key & { readonly classification: Classification })[] {
  return [...classifier.keys]
    .sort(byAge)
    .map((key) => ({ ...key, classification: classifyKey(key, classifier) }));
}

function classifyKey(key: Key, classifier: Classifier): Classification {
  const { caller, ownDisplayId, keep, userKeys, expired, now, minimumAgeMs } = classifier;
  // Display ids are not unique. Sparing one key too many is better than revoking the credential in use.
  if (key.user_id === caller.id && key.display_id === ownDisplayId) return "own";
  if (classifier.knownIds.has(key.id)) return "known";
  if (keep.has(key.id) || keep.has(key.user_id)) return "kept";
  if (key.user_type !== ACCOUNT && !userKeys) return "ofUser";
  if (hasExpired(key, now)) {
    if (!expired) return "expired";
  } else if (isLeftToExpire(key, classifier.known)) {
    return "leftToExpire";
  }
  if (classifier.pendingIds.has(key.id)) return "pending";
  return isTooNew(Date.parse(key.created_at), now, minimumAgeMs) ? "young" : "orphan";
}

export function classifyAccount(
  { id }: User,
  activeKeys: readonly Classified[],
  { knownIds, pendingIds, caller, keep, now, minimumAgeMs }: Classifier,
): Classification {
  if (id === caller.id) return "own";
  if (knownIds.has(id)) return "known";
  if (keep.has(id)) return "kept";
  if (pendingIds.has(id)) return "pending";
  if (!activeKeys.every(isOrphan)) return "inUse";
  return isTooNew(createdAt(id), now, minimumAgeMs) ? "young" : "orphan";
}

export function isOrphan({ classification }: Classified): boolean {
  return classification === "orphan";
}

/** Something without a readable creation time counts as too new, because its age is unknown. */
function isTooNew(time: number | undefined, now: number, minimumAgeMs: number): boolean {
  return !(now - (time ?? Number.NaN) >= minimumAgeMs);
}

export function hasExpired({ expires_at }: Key, now: number): boolean {
  return hasPassed(expires_at ?? undefined, now);
}

/**
 * Whether a rotation may have left the key to its own expiry. Consumers that have not switched yet still use such a
 * key. A stack holds its successor, which lists it, or has the same name or another unique name of the same prefix.
 */
export function isLeftToExpire(key: Key, known: readonly KnownObject[]): boolean {
  if (!key.expires_at) return false;
  return known.some(
    (successor) =>
      successor.predecessors?.includes(key.id) === true ||
      (successor.leavesPredecessor &&
        isOrUnknown(successor.ownerId, key.user_id) &&
        isNamedAfter(successor.names, key.name)),
  );
}

/** Ids of what pending operations may have created, with keys of pending accounts and owners of pending keys. */
export function findPending({
  accounts,
  keys,
  pending,
}: Pick<OrphanCriteria, "accounts" | "keys" | "pending">): ReadonlySet<string> {
  const pendingAccounts = pending.filter(({ kind }) => kind === "account");
  const pendingKeys = pending.filter(({ kind }) => kind === "key");
  const accountIds = accounts
    .filter((account) =>
      pendingAccounts.some((object) =>
        mayBe(
          object,
          account,
          object.roles === undefined || sameRoles(object.roles, account.roles),
        ),
      ),
    )
    .map(({ id }) => id);
  const keyIds = keys
    .filter(
      (key) =>
        accountIds.includes(key.user_id) ||
        pendingKeys.some((object) => mayBe(object, key, isOrUnknown(object.ownerId, key.user_id))),
    )
    .map(({ id }) => id);
  const ownerIds = pendingKeys.flatMap(({ ownerId }) => ownerId ?? []);
  return new Set([...accountIds, ...keyIds, ...ownerIds]);
}

function mayBe(object: PendingObject, { id, name }: User | Key, fits: boolean): boolean {
  return object.id === undefined ? fits && isNamedAfter(object.names, name) : object.id === id;
}

/** Whether it is one of these names, or a unique name made from one. Without readable names it may be any. */
function isNamedAfter(names: readonly string[], name: string): boolean {
  return names.length === 0 || names.some((one) => one === name || isUniqueNameOf(one, name));
}

function isOrUnknown(expected: string | undefined, actual: string): boolean {
  return expected === undefined || expected === actual;
}
