import ms from "ms";

const DURATION = /^\d+(?:\.\d+)?\s*(?:[smhdwy]|(?:sec|min|hour|day|week|year)s?)$/;

/** A thousand years: what ends after the year 9999 does not fit the format in which the server reads instants. */
const LONGEST = 1_000 * 365.25 * 24 * 60 * 60 * 1_000;

/** Milliseconds of a lifetime such as "90d" or "12h"; undefined for a text that is none. */
export function durationMs(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  // The pattern admits only what the library reads.
  const length = ms(text as ms.StringValue);
  return length > 0 && length <= LONGEST ? length : undefined;
}

/** Whether two lifetimes are the same length; "1d" and "24h" are. */
export function sameDuration(before: unknown, now: unknown): boolean {
  if (typeof before !== "string" || typeof now !== "string") return before === now;
  return before === now || durationMs(before) === durationMs(now);
}

/**
 * Whether two texts name the same instant. The server keeps microseconds and rounds, we compare milliseconds:
 * one apart is the same.
 */
export function sameInstant(before: unknown, now: unknown): boolean {
  if (typeof before !== "string" || typeof now !== "string")
    return (before ?? undefined) === (now ?? undefined);
  return before === now || Math.abs(Date.parse(before) - Date.parse(now)) <= 1;
}

/** Whether the instant has come; never for a key that does not expire. */
export function hasPassed(instant: string | undefined, now: number): boolean {
  return instant !== undefined && Date.parse(instant) <= now;
}

/** When a key is due for rotation: `rotateBefore` ahead of its expiry. */
export function rotationDue(expiresAt: string, rotateBefore: string): Date {
  return new Date(Date.parse(expiresAt) - (durationMs(rotateBefore) ?? 0));
}
