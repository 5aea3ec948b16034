import { createdAt } from "../api/ids";
import type { Key, User } from "../api/schemas";
import { hasPassed } from "../shared/duration";
import { findPending, isLeftToExpire } from "./orphans-names";
import { byAge, byOwner } from "./rows";
import type { KnownObject, PendingObject } from "./stack-export";

/** What an owner of this type is; any other is taken for a user, whose keys are nobody else's to judge. */
const ACCOUNT = "service_account";

/** All that decides whether something is an orphan. */
export interface OrphanCriteria {
  /** Of the tenant, the archived ones left out. */
  readonly accounts: readonly User[];
  readonly keys: readonly Key[];
  /** What the stacks know. */
  readonly known: readonly KnownObject[];
  /** What their operations that are not over may have made. */
  readonly pending: readonly PendingObject[];
  readonly caller: User;
  /** Of the credential's own key; undefined for an access token. */
  readonly ownDisplayId: string | undefined;
  /** Milliseconds of the epoch, by the server's clock. */
  readonly now: number;
  /** What is younger cannot be judged, in milliseconds. */
  readonly minimumAgeMs: number;
  /** Ids that are to stay. */
  readonly keep: ReadonlySet<string>;
  /** Whether keys of users count. */
  readonly userKeys: boolean;
  /** Whether keys that have expired count. */
  readonly expired: boolean;
}

export interface OrphanKey {
  readonly id: string;
  readonly name: string;
  readonly displayId: string;
  readonly roles: readonly string[];
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly hasExpired: boolean;
  readonly owner: {
    readonly id: string;
    readonly type: string;
    /** Undefined where the server does not show the owner: users, and archived accounts. */
    readonly name?: string;
    readonly isArchived: boolean;
    readonly isKnown: boolean;
  };
}

export interface OrphanAccount {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt?: string;
  /** Its keys that have not expired; all of them are orphans. */
  readonly keys: readonly string[];
}

/** Why something that no stack knows does not count. */
export type SkipReason =
  | "own"
  | "kept"
  | "ofUser"
  | "expired"
  | "leftToExpire"
  | "pending"
  | "young"
  | "inUse";

export interface Orphans {
  readonly keys: readonly OrphanKey[];
  readonly accounts: readonly OrphanAccount[];
  /** How many do not count, by the reason. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

interface Classified {
  readonly classification: "known" | "orphan" | SkipReason;
}
type Classification = Classified["classification"];

/** What no stack knows, oldest first. */
export function findOrphans(evidence: OrphanCriteria): Orphans {
  const accounts = new Map(evidence.accounts.map((account) => [account.id, account]));
  const known = new Set(evidence.known.map(({ id }) => id));
  // An account that a stack has a key of is in use, wherever it was made.
  for (const { ownerId } of evidence.known) if (ownerId !== undefined) known.add(ownerId);
  const pending = findPending(evidence.accounts, evidence.keys, evidence.pending);

  const keys = [...evidence.keys]
    .sort(byAge)
    .map((key) => ({ ...key, classification: classifyKey(key, known, pending, evidence) }));
  const active = byOwner(keys.filter((key) => !hasExpired(key, evidence.now)));
  const judged = [...evidence.accounts].sort(byAge).map((account) => {
    const activeKeys = active.get(account.id) ?? [];
    const classification = classifyAccount(account, known, pending, activeKeys, evidence);
    return { ...account, activeKeys, classification };
  });

  return {
    keys: keys.filter(isOrphan).map((key) => ({
      id: key.id,
      name: key.name,
      displayId: key.display_id,
      roles: key.roles ?? [],
      createdAt: key.created_at,
      ...(key.expires_at ? { expiresAt: key.expires_at } : {}),
      hasExpired: hasExpired(key, evidence.now),
      owner: ownerOf(key, accounts.get(key.user_id), known),
    })),
    accounts: judged.filter(isOrphan).map(({ id, name, roles, activeKeys }) => ({
      id,
      name,
      roles,
      ...whenMade(id),
      keys: activeKeys.map((key) => key.id),
    })),
    skipped: countSkipReasons([...keys, ...judged]),
  };
}

function classifyKey(
  key: Key,
  known: ReadonlySet<string>,
  pending: ReadonlySet<string>,
  evidence: OrphanCriteria,
): Classification {
  const { caller, ownDisplayId, keep, userKeys, expired, now, minimumAgeMs } = evidence;
  // Display ids are not unique: rather spare a key of the caller too many than the one in use.
  if (key.user_id === caller.id && key.display_id === ownDisplayId) return "own";
  if (known.has(key.id)) return "known";
  if (keep.has(key.id) || keep.has(key.user_id)) return "kept";
  if (key.user_type !== ACCOUNT && !userKeys) return "ofUser";
  if (hasExpired(key, now)) {
    if (!expired) return "expired";
  } else if (isLeftToExpire(key, evidence.known)) {
    return "leftToExpire";
  }
  if (pending.has(key.id)) return "pending";
  return isYoung(Date.parse(key.created_at), now, minimumAgeMs) ? "young" : "orphan";
}

function classifyAccount(
  { id }: User,
  known: ReadonlySet<string>,
  pending: ReadonlySet<string>,
  activeKeys: readonly Classified[],
  { caller, keep, now, minimumAgeMs }: OrphanCriteria,
): Classification {
  if (id === caller.id) return "own";
  if (known.has(id)) return "known";
  if (keep.has(id)) return "kept";
  if (pending.has(id)) return "pending";
  if (!activeKeys.every(isOrphan)) return "inUse";
  return isYoung(createdAt(id), now, minimumAgeMs) ? "young" : "orphan";
}

/** What has no readable time is taken for young: it cannot be judged. */
function isYoung(made: number | undefined, now: number, minimumAgeMs: number): boolean {
  return !(now - (made ?? Number.NaN) >= minimumAgeMs);
}

function hasExpired({ expires_at }: Key, now: number): boolean {
  return hasPassed(expires_at ?? undefined, now);
}

function ownerOf(
  { user_id: id, user_type: type }: Key,
  account: User | undefined,
  known: ReadonlySet<string>,
): OrphanKey["owner"] {
  return {
    id,
    type,
    ...(account === undefined ? {} : { name: account.name }),
    isArchived: account === undefined && type === ACCOUNT,
    isKnown: known.has(id),
  };
}

function whenMade(id: string): { createdAt?: string } {
  const made = createdAt(id);
  return made === undefined ? {} : { createdAt: new Date(made).toISOString() };
}

function isOrphan({ classification }: Classified): boolean {
  return classification === "orphan";
}

function countSkipReasons(judged: readonly Classified[]): Map<SkipReason, number> {
  const counts = new Map<SkipReason, number>();
  for (const { classification } of judged) {
    if (classification === "known" || classification === "orphan") continue;
    counts.set(classification, (counts.get(classification) ?? 0) + 1);
  }
  return counts;
}
