import assert from "node:assert/strict";
import {
  DEFAULT_RETRY_LIMITS,
  type Effect,
  type FinishedAttempt,
  type Outcome,
  parseRetryAfter,
  retryDelay,
} from "../../../provider/api/retry";
import { SECOND, START } from "../harness";

const NOW = START;
const HALF = () => 0.5;

function delay(finished: Partial<FinishedAttempt>): number | "stop" {
  return retryDelay({
    effect: "none",
    outcome: { kind: "interrupted" },
    attempt: 1,
    startedAt: NOW,
    now: NOW,
    random: HALF,
    ...finished,
  });
}

const answered = (status: number, retryAfter?: string): Outcome => ({
  kind: "answered",
  status,
  retryAfter,
});

describe("api/retry", () => {
  describe("what is repeated", () => {
    const yes = 125; // half of the first pause
    const outcomes: Record<string, Outcome> = {
      "not sent": { kind: "not_sent" },
      interrupted: { kind: "interrupted" },
      ...Object.fromEntries(
        [200, 201, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504, 505].map(
          (status) => [String(status), answered(status)],
        ),
      ),
    };
    const repeatedReads = ["not sent", "interrupted", "408", "429", "500", "502", "503", "504"];
    const repeated: Record<Effect, readonly string[]> = {
      none: repeatedReads,
      idempotent: repeatedReads,
      creates: ["not sent", "429"],
    };
    for (const [effect, names] of Object.entries(repeated) as [Effect, readonly string[]][]) {
      it(`${effect}: ${names.join(", ")}, and nothing else`, () => {
        const expected = Object.fromEntries(
          Object.keys(outcomes).map((name) => [name, names.includes(name) ? yes : "stop"]),
        );
        const actual = Object.fromEntries(
          Object.entries(outcomes).map(([name, outcome]) => [name, delay({ effect, outcome })]),
        );
        assert.deepEqual(actual, expected);
      });
    }

    it("a create on 503 only with a Retry-After that can be read", () => {
      const asked = ["2", "Tue, 24 Nov 2026 08:00:03 GMT", undefined, "", "soon", "-1", "1.5"];
      assert.deepEqual(
        asked.map((value) => delay({ effect: "creates", outcome: answered(503, value) })),
        [2_000, 3_000, "stop", "stop", "stop", "stop", "stop"],
      );
    });

    it("no create on another server error, whatever Retry-After says", () => {
      for (const status of [408, 500, 502, 504]) {
        assert.equal(delay({ effect: "creates", outcome: answered(status, "1") }), "stop");
      }
    });
  });

  describe("how long the pause is", () => {
    it("doubles its upper bound with every attempt, up to the longest pause", () => {
      const limits = { ...DEFAULT_RETRY_LIMITS, attempts: 20 };
      const pauses = [1, 2, 3, 4, 5, 6, 7, 12].map((attempt) => delay({ attempt, limits }));
      assert.deepEqual(pauses, [125, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    });

    it("is jittered over the whole range from nothing to that bound", () => {
      const at = (value: number) => delay({ attempt: 3, random: () => value });
      assert.deepEqual([at(0), at(0.25), at(0.999999)], [0, 250, 1_000]);
    });

    it("is what Retry-After says, without jitter, also beyond the longest pause", () => {
      const random = () => assert.fail("chance has no say here");
      assert.equal(delay({ outcome: answered(429, "20"), random }), 20_000);
      assert.equal(delay({ outcome: answered(503, "0"), random }), 0);
    });

    it("falls back to backoff for a Retry-After that says nothing", () => {
      assert.equal(delay({ outcome: answered(429, "whenever") }), 125);
    });
  });

  describe("when it stops", () => {
    it("after the last attempt", () => {
      assert.deepEqual(
        [5, 6, 7].map((attempt) => delay({ attempt })),
        [2_000, "stop", "stop"],
      );
    });

    it("before a pause that would end after the total time, and not a millisecond earlier", () => {
      const limits = { ...DEFAULT_RETRY_LIMITS, totalMs: 10_000 };
      const startedAt = NOW - 9_875;
      assert.equal(delay({ startedAt, limits }), 125);
      assert.equal(delay({ startedAt: startedAt - 1, limits }), "stop");
    });

    it("at a Retry-After beyond the total time", () => {
      assert.equal(delay({ outcome: answered(429, "60") }), 60_000);
      assert.equal(delay({ outcome: answered(429, "61") }), "stop");
    });

    it("within the total time whatever the outcomes", () => {
      let now = NOW;
      let attempts = 1;
      for (; ; attempts++) {
        const pause = delay({
          attempt: attempts,
          now,
          outcome: answered(503, "17"),
          limits: { ...DEFAULT_RETRY_LIMITS, attempts: 1_000 },
        });
        if (pause === "stop") break;
        now += pause;
      }
      assert.deepEqual({ attempts, spent: now - NOW }, { attempts: 4, spent: 51_000 });
    });
  });

  describe("parseRetryAfter", () => {
    const cases: Record<string, number | undefined> = {
      "0": 0,
      "120": 120_000,
      " 7 ": 7_000,
      "Tue, 24 Nov 2026 08:01:00 GMT": 60_000,
      "Tuesday, 24-Nov-26 08:01:00 GMT": 60_000,
      "Tue Nov 24 08:01:00 2026 GMT": 60_000,
      "Tue, 24 Nov 2026 07:59:00 GMT": 0,
      "": undefined,
      "1.5": undefined,
      "-3": undefined,
      "1e3": undefined,
      "2026-11-24T08:01:00Z": undefined,
      "Tue, some day": undefined,
    };
    for (const [value, expected] of Object.entries(cases)) {
      it(`reads "${value}" as ${expected}`, () => {
        assert.equal(parseRetryAfter(value, NOW), expected);
      });
    }
  });

  it("has default limits that end within a minute", () => {
    assert.deepEqual(DEFAULT_RETRY_LIMITS, {
      attempts: 6,
      totalMs: 60 * SECOND,
      firstPauseMs: 250,
      longestPauseMs: 8_000,
    });
  });
});
