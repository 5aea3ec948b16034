import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  FlexpriceError,
  isFailure,
  operation,
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

/** As the API client throws it. */
function unnamed(reason: string): FlexpriceError {
  return new FlexpriceError({
    kind: "invalid",
    defaultOperation: "send a request",
    reason,
    fix: "correct it.",
  });
}

/** The error of an operation that throws this one. */
async function errorWithin(name: string, error: unknown): Promise<unknown> {
  try {
    return await operation(name, async () => {
      throw error instanceof Promise ? await error.catch((reason: unknown) => reason) : error;
    });
  } catch (thrown) {
    return thrown;
  }
}

describe("shared/errors", () => {
  it("have a message with operation, reason and fix", () => {
    const error = new FlexpriceError(PARTS);
    assert.equal(
      error.message,
      'Could not create service account "ci".\n  Reason: Flexprice answered 400\n  What to do: correct the program.',
    );
    assert.deepEqual({ ...error }, { ...PARTS, name: "FlexpriceError" });
    assert(error instanceof Error);
  });

  it("have a marker for a stack, because Pulumi would print the message twice", () => {
    assert.equal(new FlexpriceError(PARTS).stack, SHOWN_BY_ENGINE);
  });

  it("redact secrets in all parts, however they are printed", () => {
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
      inspect(error.with({ operation: `use ${KEY} again`, fix: "open sesame" })),
      inspect(unnamed("open sesame").within(`use ${KEY}`)),
    ].join("\n");
    for (const secret of [KEY, "open sesame", "open%20sesame", "abcdefgh"]) {
      assert(!printed.includes(secret), `${secret} in ${printed}`);
    }
    assert.equal(error.reason, "the server said [redacted], [redacted]");
  });

  it("have three lines, and escape control characters", () => {
    const unsafe = (part: string) => `${part} \x1b[31m\x07\x9b\u202e\u2066\u200b\u2028\r\n\t\ud800`;
    const escaped = (part: string) =>
      `${part} \\u{1b}[31m\\u{7}\\u{9b}\\u{202e}\\u{2066}\\u{200b}\\u{2028}\\u{d}\\u{a}\\u{9}\\u{d800}`;
    const error = new FlexpriceError({
      kind: "invalid",
      operation: unsafe("a"),
      reason: unsafe("b"),
      fix: unsafe("c"),
    });
    const message = `Could not ${escaped("a")}.\n  Reason: ${escaped("b")}\n  What to do: ${escaped("c")}`;
    assert.equal(error.message, message);
    assert.deepEqual(
      [error.operation, error.reason, error.fix],
      [escaped("a"), escaped("b"), escaped("c")],
    );
    // In another message, escaped characters are not escaped again.
    assert.equal(error.with({ operation: unsafe("a"), fix: unsafe("c") }).message, message);
  });

  it("can be copied with other parts", () => {
    const error = new FlexpriceError(PARTS);
    const name = "FlexpriceError";
    assert.deepEqual({ ...error.with({ fix: "wait" }) }, { ...PARTS, fix: "wait", name });
    assert.deepEqual({ ...error }, { ...PARTS, name });
  });

  describe("inside an operation", () => {
    it("get its name if they have none", async () => {
      const error = unnamed("no");
      const named = await errorWithin("create it", error);
      assert.match(String(named), /Could not create it\.\n {2}Reason: no\n/);
      assert.match(error.message, /^Could not send a request\./);
    });

    it("keep their own name, or that of the innermost operation", async () => {
      const error = new FlexpriceError(PARTS);
      assert.equal(await errorWithin("create it", error), error);
      const inner = operation("revoke it", () => Promise.reject(unnamed("no")));
      const outer = await errorWithin("create it", inner);
      assert.match(String(outer), /Could not revoke it\./);
    });

    it("get a copy for each operation that shares a request", async () => {
      const shared = Promise.reject(unnamed("no"));
      const [first, second] = await Promise.all([
        errorWithin("read a", shared),
        errorWithin("read b", shared),
      ]);
      assert.match(String(first), /Could not read a\./);
      assert.match(String(second), /Could not read b\./);
    });

    it("keep their name in a copy, or get one", async () => {
      const copy = unnamed("no").with({ reason: "really not" });
      assert.match(copy.message, /^Could not send a request\.\n {2}Reason: really not/);
      assert.match(String(await errorWithin("create it", copy)), /Could not create it\./);
      const named = new FlexpriceError(PARTS).with({ fix: "wait" });
      assert.equal(await errorWithin("adopt it", named), named);
    });

    it("pass unchanged if they are not failures", async () => {
      const bug = new RangeError("a bug");
      assert.equal(await errorWithin("create it", bug), bug);
      assert.equal(await operation("create it", async () => 1), 1);
    });
  });

  it("are distinguished by kind", () => {
    const error = new FlexpriceError(PARTS);
    assert.equal(isFailure(error), true);
    assert.equal(isFailure(error, "invalid"), true);
    assert.equal(isFailure(error, "conflict", "invalid"), true);
    assert.equal(isFailure(error, "conflict"), false);
    assert.equal(isFailure(new Error("invalid")), false);
    assert.equal(isFailure(undefined), false);
  });
});
