import assert from "node:assert/strict";
import type { KeyRow } from "../../../../provider/cli/keys/rows";
import { minuteOf, timelineOf } from "../../../../provider/cli/keys/timeline";
import { DAY, START } from "../../fixture";

function row(days: number | undefined): KeyRow {
  return {
    ...{ id: `secret_${days}`, name: "k", displayId: "sk", roles: [], heldBy: [], problems: [] },
    owner: { id: "user_1", type: "service_account", isArchived: false },
    createdAt: new Date(START).toISOString(),
    ...(days === undefined ? {} : { expiresAt: new Date(START + days * DAY).toISOString() }),
  };
}

/** The slots of keys that expire in this many days, as "label: count". */
function slots(...days: (number | undefined)[]): string[] {
  return timelineOf(days.map(row), START).map(({ label, rows }) => `${label}: ${rows.length}`);
}

describe("cli/keys/timeline", () => {
  it("has a slot per day if all keys expire within two weeks", () => {
    assert.deepEqual(slots(0.5, 2), ["Nov 24: 1", "Nov 25: 0", "Nov 26: 1"]);
    assert.equal(timelineOf([row(0.5)], START)[0]?.title, "until 2026-11-25");
  });

  it("has a slot per week for ninety days, and per month for a year", () => {
    const weeks = slots(90);
    assert.deepEqual([weeks.length, weeks[1], weeks.at(-1)], [13, "Dec 1: 0", "Feb 16: 1"]);
    const months = slots(365);
    assert.deepEqual([months.length, months[1], months.at(-1)], [13, "Dec 24: 0", "Nov 19: 1"]);
  });

  it("puts keys that expire much later into one slot", () => {
    const found = slots(3, 10_000);
    assert.deepEqual([found.length, found[0], found.at(-1)], [15, "Nov 24: 1", "later: 1"]);
  });

  it("has slots for expired and endless keys only if such keys exist", () => {
    assert.deepEqual(slots(-1, 0, undefined), ["expired: 2", "never: 1"]);
    assert.deepEqual(slots(1), ["Nov 24: 0", "Nov 25: 1"]);
  });

  it("shows every key once", () => {
    const days = Array.from({ length: 800 }, (_, i) => i - 10.5);
    const found = timelineOf([undefined, ...days].map(row), START).flatMap(({ rows }) => rows);
    assert.equal(new Set(found).size, 801);
    assert.equal(found.length, 801);
  });

  it("formats times to the minute, in UTC", () => {
    assert.equal(minuteOf("2026-11-27T13:30:27.303268221+01:00"), "2026-11-27 12:30 UTC");
    assert.equal(minuteOf("yesterday"), "?");
  });
});
