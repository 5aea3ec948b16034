import type { Key } from "../../api/schemas";
import { rotationDue } from "../../shared/duration";
import {
  ACCOUNT,
  type Classification,
  classifierOf,
  classifyKeys,
  isLeftToExpire,
  type OrphanCriteria,
} from "../classification";
import { groupBy } from "../listing";
import type { KeyResource, KnownObject, StackExport } from "../stack-export";

/** What can be wrong with a key: the name of the condition, and what readers see. */
export const PROBLEMS = {
  expired: "expired",
  expiring: "expires soon",
  "rotation-due": "rotation is due",
  "no-expiry": "never expires",
  "owner-archived": "its owner is archived",
  unmanaged: "in no given stack",
  "super-admin": "its account has super_admin",
} as const;
export type Problem = keyof typeof PROBLEMS;

/** A resource whose state has the key. */
export interface Holder {
  /** `project/stack`. */
  readonly stack: string;
  /** The logical name of the resource. */
  readonly resource: string;
  readonly urn: string;
  /**
   * "predecessor": a rotation of the resource left the key to expire. "deleted": the next `up` deletes the resource.
   * "read": the program gets the key, and does not manage it.
   */
  readonly as: "current" | "predecessor" | "deleted" | "read";
}

/**
 * What the given stacks know about a key. "none" is as sure as for `orphans`; "unknown": it cannot be told, for example
 * because the key is newer than an export; "other": a key of a user, an expired key, or the credential itself.
 */
export type Management = "held" | "left" | "none" | "unknown" | "other";

/** A key, and everything that is known about it. */
export interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly displayId: string;
  readonly roles: readonly string[];
  readonly owner: {
    readonly id: string;
    readonly type: string;
    /** Absent for users and archived accounts, which the server does not list. */
    readonly name?: string;
    readonly isArchived: boolean;
  };
  readonly createdAt: string;
  readonly expiresAt?: string;
  /** When the next `up` after this replaces the key. Only known if a given stack holds it. */
  readonly rotationDueAt?: string;
  /** Absent if no export was given. */
  readonly management?: Management;
  readonly heldBy: readonly Holder[];
  readonly problems: readonly Problem[];
}

export interface KeysCriteria extends Omit<OrphanCriteria, "keep" | "expired"> {
  readonly exports: readonly StackExport[];
  /** A key that expires within this time expires soon, in milliseconds. */
  readonly expiringWithinMs: number;
}

/** Describes every key, in the order of their expiry. Keys that never expire come last. */
export function describeKeys(criteria: KeysCriteria): KeyRow[] {
  const { exports } = criteria;
  const classified = classifyKeys(classifierOf({ ...criteria, keep: new Set(), expired: false }));
  const context = {
    names: new Map(criteria.accounts.map(({ id, name }) => [id, name])),
    resources: groupBy(
      exports.flatMap(({ keys }) => keys),
      ({ id }) => id,
    ),
    holders: groupBy(everyHolder(exports), ({ id }) => id),
  };
  return classified
    .map((key) => describeKey(key, context, criteria))
    .sort((a, b) => expiryOf(a) - expiryOf(b));
}

type ClassifiedKey = Key & { readonly classification: Classification };

/** What describes all keys. Maps, because a tenant can have thousands. */
interface Context {
  /** Names of accounts, by id. */
  readonly names: ReadonlyMap<string, string>;
  /** By the key's id. */
  readonly resources: ReadonlyMap<string, readonly KeyResource[]>;
  readonly holders: ReadonlyMap<string, readonly Held[]>;
}

function describeKey(
  key: ClassifiedKey,
  { names, resources, holders }: Context,
  criteria: KeysCriteria,
): KeyRow {
  const { exports, known } = criteria;
  const heldBy = unique(holders.get(key.id) ?? []);
  const expiresAt = key.expires_at ?? undefined;
  // The account may be newer than the list of accounts: the key then has its name.
  const name = names.get(key.user_id) ?? key.service_account_name;
  const row = {
    id: key.id,
    name: key.name,
    displayId: key.display_id,
    roles: key.roles ?? [],
    owner: {
      id: key.user_id,
      type: key.user_type,
      ...(name === undefined ? {} : { name }),
      isArchived: name === undefined && key.user_type === ACCOUNT,
    },
    createdAt: key.created_at,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...rotationOf(resources.get(key.id) ?? [], expiresAt),
    ...(exports.length === 0 ? {} : { management: managementOf(key, heldBy, known) }),
    heldBy,
  };
  return { ...row, problems: problemsOf(row, criteria) };
}

/** The resources whose state has the key. Several exports of one stack count once. */
export function holdersOf(exports: readonly StackExport[], id: string): Holder[] {
  return unique(everyHolder(exports).filter((one) => one.id === id));
}

/** A key's id, and a resource whose state has it. */
interface Held {
  readonly id: string;
  readonly holder: Holder;
}

function everyHolder(exports: readonly StackExport[]): Held[] {
  return exports.flatMap(({ stack = "", keys }) =>
    keys.flatMap(({ id, urn, isRead, isToBeDeleted, predecessors }) => {
      const place = { stack, resource: urn.split("::").at(-1) ?? "", urn };
      const as = isRead ? "read" : isToBeDeleted ? "deleted" : "current";
      return [
        { id, holder: { ...place, as } },
        ...predecessors.map((predecessor) => ({
          id: predecessor,
          holder: { ...place, as: "predecessor" as const },
        })),
      ];
    }),
  );
}

function unique(held: readonly Held[]): Holder[] {
  return [...new Map(held.map(({ holder }) => [`${holder.as} ${holder.urn}`, holder])).values()];
}

function managementOf(
  key: ClassifiedKey,
  heldBy: readonly Holder[],
  known: readonly KnownObject[],
): Management {
  if (heldBy.some(({ as }) => as !== "predecessor")) return "held";
  switch (key.classification) {
    case "own":
      return "other";
    case "orphan":
      return "none";
    case "young":
    case "pending":
      return "unknown";
    default:
      // Unlike for `orphans`, this also counts for keys that have expired since: they are no surprise.
      return isLeftToExpire(key, known) ? "left" : "other";
  }
}

function rotationOf(
  held: readonly KeyResource[],
  expiresAt: string | undefined,
): Pick<KeyRow, "rotationDueAt"> {
  const rotateBefore = held.find(({ isToBeDeleted }) => !isToBeDeleted)?.rotateBefore;
  if (rotateBefore === undefined || expiresAt === undefined) return {};
  return { rotationDueAt: rotationDue(expiresAt, rotateBefore).toISOString() };
}

function problemsOf(
  row: Omit<KeyRow, "problems">,
  { now, expiringWithinMs }: KeysCriteria,
): Problem[] {
  const { management, owner } = row;
  const leftMs = expiryOf(row) - now;
  const hasExpired = leftMs <= 0;
  const rotationDue = Date.parse(row.rotationDueAt ?? "");
  const found: Readonly<Record<Problem, boolean>> = {
    // A rotation that leaves a key to its expiry wants it to expire.
    expired: hasExpired && management !== "left",
    // A key with a short lifetime is no problem as long as its rotation is ahead.
    expiring:
      !hasExpired && management !== "left" && leftMs <= expiringWithinMs && !(rotationDue > now),
    "rotation-due": !hasExpired && rotationDue <= now,
    "no-expiry": row.expiresAt === undefined,
    "owner-archived": owner.isArchived,
    unmanaged: management === "none",
    // A user needs the role to manage keys. A service does not.
    "super-admin": owner.type !== "user" && row.roles.includes("super_admin"),
  };
  return problemNames.filter((problem) => found[problem]);
}

export const problemNames = Object.keys(PROBLEMS).filter(isProblem);

export function isProblem(text: string): text is Problem {
  return Object.hasOwn(PROBLEMS, text);
}

/** When a key expires, in milliseconds since 1970; infinite for never. */
export function expiryOf({ expiresAt }: Pick<KeyRow, "expiresAt">): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
}
