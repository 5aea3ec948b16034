import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  describe as describeError,
  FlexpriceError,
  isFailure,
  SHOWN_BY_ENGINE,
} from "../../../provider/shared/errors";
import { rememberSecret } from "../../../provider/shared/redaction";

const KEY = "sk_01M85FAKMEBXGA1EGXE598V40Z";
const PARTS = {
  kind: "invalid",
  operation: 'create service account "ci"',
  reason: "Flexprice answered 400",
  fix: "correct the program.",
  status: 400,
  code: "validation_error",
} as const;

describe("shared/errors", () => {
  it("tell what was attempted, what came of it, and what to do", () => {
    const error = new FlexpriceError(PARTS);
    assert.equal(
      error.message,
      'Could not create service account "ci".\n  Reason: Flexprice answered 400\n  What to do: correct the program.',
    );
    assert.deepEqual({ ...error }, { ...PARTS, name: "FlexpriceError" });
    assert(error instanceof Error);
  });

  it("have a mark for a stack: Pulumi would print the message twice", () => {
    assert.equal(new FlexpriceError(PARTS).stack, SHOWN_BY_ENGINE);
  });

  it("hold no secret in any of their parts, however printed", () => {
    rememberSecret("open sesame");
    const error = new FlexpriceError({
      kind: "forbidden",
      operation: `use ${KEY}`,
      reason: "the server said open%20sesame, Bearer abcdefgh",
      fix: "not open sesame",
    });
    const printed = [
      error.message,
      error.stack,
      String(error),
      JSON.stringify(error),
      inspect(error, { depth: 9, showHidden: true }),
      inspect(error.during(`use ${KEY} again`, "open sesame")),
    ].join("\n");
    for (const secret of [KEY, "open sesame", "open%20sesame", "abcdefgh"]) {
      assert(!printed.includes(secret), `${secret} in ${printed}`);
    }
    assert.equal(error.reason, "the server said [redacted], [redacted]");
  });

  it("keep three lines, and hold nothing that a terminal would obey", () => {
    const odd = (where: string) => `${where} \x1b[31m\x07\x9b\u202e\u2066\u200b\u2028\r\n\t\ud800`;
    const shown = (where: string) =>
      `${where} \\u{1b}[31m\\u{7}\\u{9b}\\u{202e}\\u{2066}\\u{200b}\\u{2028}\\u{d}\\u{a}\\u{9}\\u{d800}`;
    const error = new FlexpriceError({
      kind: "invalid",
      operation: odd("a"),
      reason: odd("b"),
      fix: odd("c"),
    });
    const message = `Could not ${shown("a")}.\n  Reason: ${shown("b")}\n  What to do: ${shown("c")}`;
    assert.equal(error.message, message);
    assert.deepEqual(
      [error.operation, error.reason, error.fix],
      [shown("a"), shown("b"), shown("c")],
    );
    // Told as part of another, what is spelled out is not spelled out again.
    assert.equal(error.during(odd("a"), odd("c")).message, message);
    assert.equal(describeError(new Error("a\x1b[31m\nb")), "a\\u{1b}[31m\nb");
  });

  it("keep kind, answer, status and code as part of a larger attempt", () => {
    const error = new FlexpriceError(PARTS).during("adopt it");
    assert.deepEqual({ ...error }, { ...PARTS, operation: "adopt it", name: "FlexpriceError" });
    assert.equal(new FlexpriceError(PARTS).during("adopt it", "wait").fix, "wait");
  });

  it("are told apart by kind", () => {
    const error = new FlexpriceError(PARTS);
    assert.equal(isFailure(error), true);
    assert.equal(isFailure(error, "invalid"), true);
    assert.equal(isFailure(error, "conflict", "invalid"), true);
    assert.equal(isFailure(error, "conflict"), false);
    assert.equal(isFailure(new Error("invalid")), false);
    assert.equal(isFailure(undefined), false);
  });

  it("of others are described without secrets too", () => {
    assert.equal(describeError(new Error(`bad ${KEY}`)), "bad [redacted]");
    assert.equal(describeError(`bad ${KEY}`), "bad [redacted]");
    assert.equal(describeError(undefined), "undefined");
  });
});
