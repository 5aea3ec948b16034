import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  describe as describeError,
  FlexpriceError,
  isFailure,
  SHOWN_BY_ENGINE,
} from "../../provider/errors";
import { rememberSecret } from "../../provider/redaction";

const KEY = "sk_01M85FAKMEBXGA1EGXE598V40Z";
const PARTS = {
  kind: "invalid",
  attempted: 'create service account "ci"',
  answer: "Flexprice answered 400",
  advice: "correct the program.",
  status: 400,
  code: "validation_error",
} as const;

describe("errors", () => {
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
      attempted: `use ${KEY}`,
      answer: "the server said open%20sesame, Bearer abcdefgh",
      advice: "not open sesame",
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
    assert.equal(error.answer, "the server said [redacted], [redacted]");
  });

  it("keep kind, answer, status and code as part of a larger attempt", () => {
    const error = new FlexpriceError(PARTS).during("adopt it");
    assert.deepEqual({ ...error }, { ...PARTS, attempted: "adopt it", name: "FlexpriceError" });
    assert.equal(new FlexpriceError(PARTS).during("adopt it", "wait").advice, "wait");
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
