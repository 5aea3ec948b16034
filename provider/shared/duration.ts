import ms from "ms";

const DURATION = /^\d+(?:\.\d+)?\s*(?:[smhdwy]|(?:sec|min|hour|day|week|year)s?)$/;

/** A thousand years: the server cannot read instants after the year 9999. */
const MAX_LENGTH = 1_000 * 365.25 * 24 * 60 * 60 * 1_000;

/** The library throws on longer texts. */
const MAX_CHARACTERS = 99;

/** The milliseconds of a lifetime such as "90d" or "12h"; undefined for invalid text. */
export function durationMs(text: string): number | undefined {
  return durationFailure(text) === undefined ? ms(text as ms.StringValue) : undefined;
}

export const DURATION_RULE = 'must be a number and a unit, e.g. "90d", "12h" or "30m"';

/** What is wrong with a lifetime; undefined if nothing is. */
export function durationFailure(text: string): string | undefined {
  if (!DURATION.test(text)) return DURATION_RULE;
  // The pattern only matches what the library can read.
  const length =
    text.length > MAX_CHARACTERS ? Number.POSITIVE_INFINITY : ms(text as ms.StringValue);
  if (length > MAX_LENGTH) {
    return "is too long: the maximum is 1000 years; a key without an expiry never expires";
  }
  return length > 0 ? undefined : "must be longer than 0";
}

const FIRST_INSTANT = Date.parse("0001-01-01T00:00:00Z");
const LAST_INSTANT = Date.parse("9999-12-31T23:59:59.999Z");

/** The server's database rounds to microseconds. An instant rounded up to the year 10000 breaks every list with it. */
const ROUNDED_UP = /\.\d{3}999[5-9]/;

/** Why the server could not store or return an instant in RFC 3339 format; undefined if it can. */
export function instantFailure(text: string): string | undefined {
  const [, hours = "0"] = /[+-](\d{2}):\d{2}$/.exec(text) ?? [];
  if (Number(hours) > 15) {
    return "has an offset beyond ±15:59, which the server does not accept: use UTC, ending in Z";
  }
  const time = Date.parse(text);
  const isTooLate = time > LAST_INSTANT || (time === LAST_INSTANT && ROUNDED_UP.test(text));
  return time < FIRST_INSTANT || isTooLate
    ? "is outside of the years 1 to 9999, the only ones that the server can return"
    : undefined;
}

/** Whether two lifetimes are the same length; "1d" and "24h" are. */
export function sameDuration(before: unknown, now: unknown): boolean {
  if (typeof before !== "string" || typeof now !== "string") return before === now;
  return before === now || durationMs(before) === durationMs(now);
}

/**
 * Whether two texts mean the same instant. The server rounds to microseconds, so one millisecond of difference is
 * ignored.
 */
export function sameInstant(before: unknown, now: unknown): boolean {
  if (typeof before !== "string" || typeof now !== "string")
    return (before ?? undefined) === (now ?? undefined);
  return before === now || Math.abs(Date.parse(before) - Date.parse(now)) <= 1;
}

/** Whether the instant has passed. A key without an expiry never expires. */
export function hasPassed(instant: string | undefined, now: number): boolean {
  return instant !== undefined && Date.parse(instant) <= now;
}

/** When a key is due for rotation: `rotateBefore` before its expiry. */
export function rotationDue(expiresAt: string, rotateBefore: string): Date {
  return new Date(Date.parse(expiresAt) - (durationMs(rotateBefore) ?? 0));
}
