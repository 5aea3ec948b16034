import assert from "node:assert/strict";
import {
  DEFAULT_RETRY_LIMITS,
  type FinishedAttempt,
  type Outcome,
  parseRetryAfter,
  retryDelay,
  type Safety,
  waitNotice,
} from "../../../provider/api/retry";
import { SECOND, START } from "../fixture";

const NOW = START;
const HALF = () => 0.5;

function delay(finished: Partial<FinishedAttempt>): number | "stop" {
  return retryDelay({
    safety: "safe",
    outcome: { kind: "connection_lost" },
    attempt: 1,
    startedAt: NOW,
    now: NOW,
    random: HALF,
    ...finished,
  });
}

const response = (status: number, retryAfter?: string): Outcome => ({
  kind: "response",
  status,
  retryAfter,
});

describe("api/retry", () => {
  describe("retryDelay", () => {
    const delayMs = 188; // three quarters of the first pause, with a random number of 0.5
    const outcomes: Record<string, Outcome> = {
      "not sent": { kind: "not_sent" },
      connection_lost: { kind: "connection_lost" },
      ...Object.fromEntries(
        [200, 201, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504, 505].map(
          (status) => [String(status), response(status)],
        ),
      ),
    };
    const afterReads = ["not sent", "connection_lost", "408", "429", "500", "502", "503", "504"];
    const repeatedAfter: Record<Safety, readonly string[]> = {
      safe: afterReads,
      idempotent: afterReads,
      unsafe: ["not sent", "429"],
    };
    for (const [safety, names] of Object.entries(repeatedAfter) as [Safety, readonly string[]][]) {
      it(`repeats ${safety} requests only after: ${names.join(", ")}`, () => {
        const expected = Object.fromEntries(
          Object.keys(outcomes).map((name) => [name, names.includes(name) ? delayMs : "stop"]),
        );
        const actual = Object.fromEntries(
          Object.entries(outcomes).map(([name, outcome]) => [name, delay({ safety, outcome })]),
        );
        assert.deepEqual(actual, expected);
      });
    }

    it("repeats a create after 503 only with a valid Retry-After", () => {
      const headers = ["2", "Tue, 24 Nov 2026 08:00:03 GMT", undefined, "", "soon", "-1", "1.5"];
      assert.deepEqual(
        headers.map((value) => delay({ safety: "unsafe", outcome: response(503, value) })),
        [2_000, 3_000, "stop", "stop", "stop", "stop", "stop"],
      );
    });

    it("repeats a create if the server reports that its database is down", () => {
      const outcome: Outcome = { kind: "response", status: 404, isOutage: true };
      for (const safety of ["safe", "idempotent", "unsafe"] as const) {
        assert.equal(delay({ safety, outcome }), delayMs);
      }
    });

    it("does not repeat a create after another server error, whatever Retry-After says", () => {
      for (const status of [408, 500, 502, 504]) {
        assert.equal(delay({ safety: "unsafe", outcome: response(status, "1") }), "stop");
      }
    });
  });

  describe("the pause", () => {
    it("doubles with every attempt, up to the maximum", () => {
      const pauses = [1, 2, 3, 4, 5, 6, 7, 12].map((attempt) => delay({ attempt }));
      assert.deepEqual(pauses, [188, 375, 750, 1_500, 3_000, 6_000, 6_000, 6_000]);
    });

    it("is between half and all of its upper bound", () => {
      const at = (value: number) => delay({ attempt: 3, random: () => value });
      assert.deepEqual([at(0), at(0.25), at(0.999999)], [500, 625, 1_000]);
    });

    it("follows Retry-After, even beyond the maximum, but is never shorter than without it", () => {
      assert.equal(delay({ outcome: response(429, "20") }), 20_000);
      assert.equal(delay({ outcome: response(503, "0") }), 188);
      assert.equal(delay({ outcome: response(429, "0"), attempt: 7 }), 6_000);
      assert.equal(delay({ outcome: response(429, "Tue, 24 Nov 2020 08:00:00 GMT") }), 188);
    });

    it("ignores an invalid Retry-After", () => {
      assert.equal(delay({ outcome: response(429, "whenever") }), 188);
    });
  });

  describe("retries stop", () => {
    it("after the maximum number of attempts, if there is one", () => {
      const limits = { ...DEFAULT_RETRY_LIMITS, maxAttempts: 6 };
      assert.deepEqual(
        [5, 6, 7].map((attempt) => delay({ attempt, limits })),
        [3_000, "stop", "stop"],
      );
      assert.equal(delay({ attempt: 50 }), 6_000);
    });

    for (const [what, outcome, limit] of [
      ["a server that fails", response(503), 60 * SECOND],
      ["a connection that breaks", { kind: "connection_lost" }, 60 * SECOND],
      ["a server that cannot be reached", { kind: "not_sent" }, 15 * SECOND],
      ["a server that throttles", response(429), 300 * SECOND],
    ] as const) {
      it(`before a pause that would end more than ${limit / SECOND} s after the start: ${what}`, () => {
        const startedAt = NOW - limit + 188;
        assert.equal(delay({ startedAt, outcome }), 188);
        assert.equal(delay({ startedAt: startedAt - 1, outcome }), "stop");
      });
    }

    it("at a Retry-After beyond the total time", () => {
      assert.equal(delay({ outcome: response(429, "300") }), 300_000);
      assert.equal(delay({ outcome: response(429, "301") }), "stop");
      assert.equal(delay({ outcome: response(503, "61") }), "stop");
    });

    it("within the total time with Retry-After too", () => {
      let now = NOW;
      let attempts = 1;
      for (; ; attempts++) {
        const pause = delay({ attempt: attempts, now, outcome: response(503, "17") });
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

  // The restart of a database takes longer than six short pauses.
  it("retries continue for most of a minute by default", () => {
    let now = NOW;
    for (let attempt = 1; ; attempt++) {
      const pause = delay({ attempt, now, outcome: response(500) });
      if (pause === "stop") break;
      now += pause;
    }
    assert(now - NOW > 50 * SECOND, String(now - NOW));
  });

  describe("waitNotice", () => {
    const notice = (waited: number, pause: number, outcome: Outcome = response(503)) =>
      waitNotice(
        { reason: "Flexprice answered 503" },
        { safety: "safe", outcome, attempt: 1, startedAt: NOW - waited, now: NOW, random: HALF },
        pause,
      );

    it("returns nothing for waits that end within two seconds", () => {
      assert.equal(notice(0, 2_000), undefined);
      assert.equal(notice(1_500, 500), undefined);
    });

    it("tells what a longer wait is for, and for how long at most", () => {
      const text = "Waiting for the server: Flexprice answered 503.";
      assert.equal(notice(0, 2_001), `${text} The request is repeated for up to 60 seconds.`);
      assert.equal(notice(1_500, 501), notice(0, 2_001));
      assert.match(notice(0, 9_000, response(429)) ?? "", /for up to 300 seconds\.$/);
      assert.match(notice(0, 9_000, { kind: "not_sent" }) ?? "", /for up to 15 seconds\.$/);
    });
  });
});
