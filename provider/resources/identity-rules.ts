import { durationMs } from "../shared/duration";

/** How long a key lives by default. */
export const LIFETIME = "90d";

/** How long a key and its successor both work, unless the lifetime is short. */
const OVERLAP = "14d";

/** By default, the account's keys go with it. */
export const FORCE_DESTROY = true;

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

/** How long before its expiry a key with this lifetime rotates by default. */
export function overlapWithin(lifetime: string): string {
  const half = (durationMs(lifetime) ?? Number.POSITIVE_INFINITY) / 2;
  return half < (durationMs(OVERLAP) ?? 0) ? `${half / 1_000}s` : OVERLAP;
}
