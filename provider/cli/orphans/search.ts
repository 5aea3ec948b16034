import { createdAt } from "../../api/ids";
import type { Key, User } from "../../api/schemas";
import {
  ACCOUNT,
  type Classified,
  classifierOf,
  classifyAccount,
  classifyKeys,
  hasExpired,
  isOrphan,
  type OrphanCriteria,
  type SkipReason,
} from "../classification";
import { byAge, groupBy } from "../listing";

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
    /** Absent for users and archived accounts, which the server does not list. */
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

export interface Orphans {
  readonly keys: readonly OrphanKey[];
  readonly accounts: readonly OrphanAccount[];
  /** How many were skipped, by reason. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

/** How many keys and accounts these are. */
export function orphanCount({ keys, accounts }: Orphans): number {
  return keys.length + accounts.length;
}

/** Finds what no stack holds, oldest first. */
export function findOrphans(criteria: OrphanCriteria): Orphans {
  const { now } = criteria;
  const accountsById = new Map(criteria.accounts.map((account) => [account.id, account]));
  const classifier = classifierOf(criteria);
  const keys = classifyKeys(classifier);
  const activeKeys = groupBy(
    keys.filter((key) => !hasExpired(key, now)),
    ({ user_id }) => user_id,
  );
  const accounts = [...criteria.accounts].sort(byAge).map((account) => {
    const ownKeys = activeKeys.get(account.id) ?? [];
    return { ...account, ownKeys, classification: classifyAccount(account, ownKeys, classifier) };
  });

  return {
    keys: keys.filter(isOrphan).map((key) => ({
      id: key.id,
      name: key.name,
      displayId: key.display_id,
      roles: key.roles ?? [],
      createdAt: key.created_at,
      ...(key.expires_at ? { expiresAt: key.expires_at } : {}),
      hasExpired: hasExpired(key, now),
      owner: ownerOf(key, accountsById.get(key.user_id), classifier.knownIds),
    })),
    accounts: accounts.filter(isOrphan).map(({ id, name, roles, ownKeys }) => {
      const time = createdAt(id);
      return {
        id,
        name,
        roles,
        ...(time === undefined ? {} : { createdAt: new Date(time).toISOString() }),
        keys: ownKeys.map((key) => key.id),
      };
    }),
    skipped: countSkipped([...keys, ...accounts]),
  };
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

function countSkipped(rows: readonly Classified[]): Map<SkipReason, number> {
  const counts = new Map<SkipReason, number>();
  for (const { classification } of rows) {
    if (classification === "known" || classification === "orphan") continue;
    counts.set(classification, (counts.get(classification) ?? 0) + 1);
  }
  return counts;
}
