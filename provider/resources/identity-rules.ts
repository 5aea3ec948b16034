import { durationMs } from "../shared/duration";

/** How long a key lives by default. */
export const LIFETIME = "90d";

/** How long a key and its successor both work, unless the lifetime is short. */
const OVERLAP = "14d";

/** By default, the account's keys go with it. An adopted account may have keys that others still use. */
export function forcesDestroy(adopt: unknown): boolean {
  return adopt === undefined || adopt === null;
}

/** By default, consumers have time to switch over to a new key. */
export const ON_DELETE = "expire";

/**
 * Pulumi does not replace protected resources: every up would fail once the key is due. The component's `protect` only
 * protects the account.
 */
export const KEY_OPTIONS = { protect: false } as const;

/** Why keys, and a component with a key, cannot have the option "deletedWith". */
export const NO_DELETED_WITH = {
  reason: 'the option "deletedWith" would drop the key from the state without revoking it',
  fix: "leave it out: a key is revoked before its account is archived.",
} as const;

/** Why a component cannot have an "adopt" that names no account: it would create one. */
export const NO_ADOPTED_ACCOUNT = {
  reason: '"adopt" has no serviceAccountId',
  fix: 'set adopt: { serviceAccountId: "user_…" }, with the id of the existing account.',
} as const;

/** Why a component cannot have a "movedFrom" that names nothing: account and key would be created. */
export const NOTHING_MOVED = {
  reason: '"movedFrom" names neither a serviceAccount nor a key',
  fix: "set movedFrom: { serviceAccount: …, key: … }, with the logical names that the two resources had.",
} as const;

/** How long before its expiry a key with this lifetime rotates by default. */
export function overlapWithin(lifetime: string): string {
  const half = (durationMs(lifetime) ?? Number.POSITIVE_INFINITY) / 2;
  return half < (durationMs(OVERLAP) ?? 0) ? `${half / 1_000}s` : OVERLAP;
}
