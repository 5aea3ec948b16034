const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MILLISECOND = 1_000_000n;

/** An instant to the nanosecond with its original offset, as the server has it in memory. */
export interface Instant {
  nanos: bigint;
  offsetMinutes: number;
}

/**
 * Reads what Go's `time.Parse` accepts as RFC 3339, which is a little more: an hour of one digit, a comma before the
 * fraction, an offset of 24 hours or 60 minutes. Undefined for anything else.
 */
export function parseInstant(text: string): Instant | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/.exec(
      text,
    );
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const [offsetHours, offsetRest] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (offsetHours > 24 || offsetRest > 60) return undefined;

  const offsetMinutes = (offsetHours * 60 + offsetRest) * (match[8] === "-" ? -1 : 1);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC() would read year 1 as 1901
  date.setUTCHours(hour, minute - offsetMinutes, second);
  const fraction = BigInt((match[7] ?? "").slice(0, 9).padEnd(9, "0"));
  return { nanos: BigInt(date.getTime()) * NANOS_PER_MILLISECOND + fraction, offsetMinutes };
}

/** RFC 3339 with as many decimals as there are, trailing zeros trimmed. */
export function formatInstant({ nanos, offsetMinutes }: Instant): string {
  const seconds = (nanos - positiveModulo(nanos, NANOS_PER_SECOND)) / NANOS_PER_SECOND;
  const fraction = positiveModulo(nanos, NANOS_PER_SECOND)
    .toString()
    .padStart(9, "0")
    .replace(/0+$/, "");
  const local = new Date((Number(seconds) + offsetMinutes * 60) * 1000);
  const year = String(local.getUTCFullYear()).padStart(4, "0");
  const rest = local.toISOString().replace(/^.*?(-\d\d-\d\dT\d\d:\d\d:\d\d).*$/, "$1");
  return `${year}${rest}${fraction && `.${fraction}`}${formatOffset(offsetMinutes)}`;
}

/** PostgreSQL rejects offsets of 16 hours or more. */
export function isStorableInstant({ offsetMinutes }: Instant): boolean {
  return Math.abs(offsetMinutes) < 16 * 60;
}

/** Go cannot write a time outside of the years 0 to 9999 as JSON. Rounding and UTC can lead to one. */
export function isWritable({ nanos }: Instant): boolean {
  const year = new Date(Number(nanos / NANOS_PER_MILLISECOND)).getUTCFullYear();
  return year >= 0 && year <= 9999;
}

/** The instant as PostgreSQL returns it: in UTC, rounded to the microsecond. */
export function asStored({ nanos }: Instant): Instant {
  const micros = (nanos + 500n - positiveModulo(nanos + 500n, 1000n)) / 1000n;
  return { nanos: micros * 1000n, offsetMinutes: 0 };
}

export function utc(nanos: bigint): Instant {
  return { nanos, offsetMinutes: 0 };
}

/** To the second, as tenants and environments show their times. */
export function formatSeconds(nanos: bigint): string {
  return formatInstant(utc(nanos - positiveModulo(nanos, NANOS_PER_SECOND)));
}

export function nanosOf(date: Date): bigint {
  return BigInt(date.getTime()) * NANOS_PER_MILLISECOND;
}

function formatOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  if (month === 2) return leap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function positiveModulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}
