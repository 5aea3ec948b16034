import ms from "ms";
import { expiryOf, type KeyRow } from "./rows";

/** A part of the timeline. */
export interface TimeSlot {
  /** Short, for the axis. */
  readonly label: string;
  /** The whole, e.g. "2026-12-03 to 2026-12-10". */
  readonly title: string;
  readonly rows: readonly KeyRow[];
}

/** Lengths of a slot, shortest first. The last one applies to everything that is longer. */
const DAY_MS = ms("1d");
const MONTH_MS = ms("30d");
const LENGTHS = [DAY_MS, ms("7d"), MONTH_MS];
const MAX_SLOTS = 14;

/** Sorts the keys into slots of equal length from now on, and into those that have expired and that never expire. */
export function timelineOf(rows: readonly KeyRow[], now: number): TimeSlot[] {
  const expired = rows.filter((row) => expiryOf(row) <= now);
  const never = rows.filter((row) => expiryOf(row) === Number.POSITIVE_INFINITY);
  const future = rows.filter(
    (row) => expiryOf(row) > now && expiryOf(row) < Number.POSITIVE_INFINITY,
  );
  const last = Math.max(now, ...future.map(expiryOf));
  const length = LENGTHS.find((one) => last - now < MAX_SLOTS * one) ?? MONTH_MS;
  const count =
    future.length === 0 ? 0 : Math.min(MAX_SLOTS, Math.floor((last - now) / length) + 1);
  const end = now + count * length;
  const later = future.filter((row) => expiryOf(row) >= end);
  return [
    { label: "expired", title: "expired", rows: expired },
    ...Array.from({ length: count }, (_, i) => slot(future, now + i * length, length)),
    { label: "later", title: `from ${dateOf(end)} on`, rows: later },
    { label: "never", title: "never", rows: never },
  ].filter((one, i) => one.rows.length > 0 || (i > 0 && i <= count));
}

function slot(rows: readonly KeyRow[], from: number, length: number): TimeSlot {
  const to = from + length;
  return {
    label: shortDate.format(from),
    title: length === DAY_MS ? `until ${dateOf(to)}` : `${dateOf(from)} to ${dateOf(to)}`,
    rows: rows.filter((row) => expiryOf(row) >= from && expiryOf(row) < to),
  };
}

const shortDate = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

/** The day in UTC. */
export function dateOf(time: number | string): string {
  return minuteOf(time).slice(0, 10);
}

/** The day and the minute in UTC. */
export function minuteOf(time: number | string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime())
    ? "?"
    : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
