import assert from "node:assert/strict";
import {
  DURATION_RULE,
  durationFailure,
  durationMs,
  hasPassed,
  instantFailure,
  rotationDue,
  sameDuration,
  sameInstant,
} from "../../../provider/shared/duration";
import { DAY, HOUR, MINUTE, SECOND, START, UNKNOWN } from "../fixture";

describe("shared/duration", () => {
  describe("durationMs", () => {
    const lengths: Record<string, number> = {
      "90d": 90 * DAY,
      "12h": 12 * HOUR,
      "30m": 30 * MINUTE,
      "45s": 45 * SECOND,
      "2w": 14 * DAY,
      "1y": 365.25 * DAY,
      "1.5h": 90 * MINUTE,
      "90 d": 90 * DAY,
      "90days": 90 * DAY,
      "1 day": DAY,
      "10 mins": 10 * MINUTE,
      "2 hours": 2 * HOUR,
      "1000y": 1_000 * 365.25 * DAY,
    };
    for (const [text, length] of Object.entries(lengths)) {
      it(`reads "${text}"`, () => assert.equal(durationMs(text), length));
    }
    const invalid = [
      ...["", "d", "90", "-1d", "0d", "0.0h", "1e3d", "90 D", "P90D", "90d ", " 90d", "1d 2h"],
      ...["1001y", "9999999999999y", "90ms", "Infinity d", ".5d", "1.d", "1mo", "ninety days"],
      UNKNOWN,
    ];
    for (const text of invalid) {
      it(`rejects "${text}"`, () => assert.equal(durationMs(text), undefined));
    }
  });

  describe("durationFailure", () => {
    it("reports a lifetime of more than a thousand years as too long", () => {
      for (const text of ["2920000d", "1001y", `1${"0".repeat(150)}d`]) {
        assert.equal(
          durationFailure(text),
          "is too long: the maximum is 1000 years; a key without an expiry never expires",
          text,
        );
        assert.equal(durationMs(text), undefined);
      }
    });

    it("returns other reasons for other errors", () => {
      assert.equal(durationFailure("0d"), "must be longer than 0");
      assert.equal(durationFailure("ninety days"), DURATION_RULE);
      assert.equal(durationFailure("90d"), undefined);
    });
  });

  describe("instantFailure", () => {
    const valid = [
      "2030-06-01T12:00:00Z",
      "2030-06-01T12:00:00+15:59",
      "2030-06-01T12:00:00-15:59",
      "9999-12-31T23:59:59Z",
      "9999-12-31T23:59:59.999Z",
      "9999-12-31T23:59:59.9999994Z",
      "0001-01-01T00:00:00Z",
    ];
    for (const text of valid) {
      it(`accepts ${text}`, () => assert.equal(instantFailure(text), undefined));
    }

    for (const offset of ["+16:00", "-16:00", "+23:59"]) {
      it(`rejects the offset ${offset}, on which the server fails`, () => {
        assert.equal(
          instantFailure(`2030-06-01T12:00:00${offset}`),
          "has an offset beyond ±15:59, which the server does not accept: use UTC, ending in Z",
        );
      });
    }

    const outside = [
      "9999-12-31T23:59:59.9999995Z",
      "9999-12-31T23:59:59.9999999Z",
      "9999-12-31T23:59:59-00:01",
      "9999-12-31T20:00:00-05:00",
      "0000-12-31T23:59:59Z",
      "0001-01-01T00:00:00+00:01",
    ];
    for (const text of outside) {
      it(`rejects ${text}, which the server could not return`, () => {
        assert.match(instantFailure(text) ?? "", /^is outside of the years 1 to 9999/);
      });
    }
  });

  it("compares lifetimes by their length", () => {
    const cases: [unknown, unknown, boolean][] = [
      ["90d", "90d", true],
      ["1d", "24h", true],
      ["60m", "1 hour", true],
      ["1d", "25h", false],
      [undefined, "1d", false],
      ["1d", undefined, false],
      [undefined, undefined, true],
    ];
    for (const [before, now, same] of cases) {
      assert.equal(sameDuration(before, now), same, `${before} ${now}`);
    }
  });

  it("compares instants, and ignores the millisecond that rounding may cost", () => {
    const noon = "2030-06-01T12:00:00Z";
    const cases: [unknown, unknown, boolean][] = [
      [noon, noon, true],
      [noon, "2030-06-01T17:30:00+05:30", true],
      [noon, "2030-06-01T12:00:00.000Z", true],
      ["2030-06-01T12:00:00.123456789Z", "2030-06-01T12:00:00.123457Z", true],
      [noon, "2030-06-01T12:00:00.001Z", true],
      [noon, "2030-06-01T12:00:00.002Z", false],
      [noon, "2030-06-01T12:00:01Z", false],
      [noon, undefined, false],
      [undefined, noon, false],
      [undefined, undefined, true],
      [undefined, null, true],
      [noon, UNKNOWN, false],
    ];
    for (const [before, now, same] of cases) {
      assert.equal(sameInstant(before, now), same, `${before} ${now}`);
    }
  });

  it("treats an instant as passed from that instant on", () => {
    const instant = new Date(START).toISOString();
    assert.deepEqual(
      [START - 1, START, START + 1].map((now) => hasPassed(instant, now)),
      [false, true, true],
    );
    assert.equal(hasPassed(undefined, START), false);
  });

  it("computes a rotation back from the expiry", () => {
    assert.equal(
      rotationDue("2030-06-15T12:00:00Z", "14d").toISOString(),
      "2030-06-01T12:00:00.000Z",
    );
  });
});
