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
async function failing(name: string, error: unknown): Promise<unknown> {
  try {
    return await operation(name, async () => {
      throw error instanceof Promise ? await error.catch((reason: unknown) => reason) : error;
    });
  } catch (thrown) {
    return thrown;
  }
}

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
      inspect(error.with({ operation: `use ${KEY} again`, fix: "open sesame" })),
      inspect(unnamed("open sesame").within(`use ${KEY}`)),
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
    // In another message, escaped characters are not escaped again.
    assert.equal(error.with({ operation: odd("a"), fix: odd("c") }).message, message);
  });

  it("are copied with other parts, and keep the rest", () => {
    const error = new FlexpriceError(PARTS);
    const name = "FlexpriceError";
    assert.deepEqual({ ...error.with({ fix: "wait" }) }, { ...PARTS, fix: "wait", name });
    assert.deepEqual({ ...error }, { ...PARTS, name });
  });

  describe("of an operation", () => {
    it("bear its name where they have none of their own", async () => {
      const error = unnamed("no");
      const named = await failing("create it", error);
      assert.match(String(named), /Could not create it\.\n {2}Reason: no\n/);
      assert.match(error.message, /^Could not send a request\./);
    });

    it("keep their own name, and that of the innermost operation", async () => {
      const error = new FlexpriceError(PARTS);
      assert.equal(await failing("create it", error), error);
      const inner = operation("revoke it", () => Promise.reject(unnamed("no")));
      const outer = await failing("create it", inner);
      assert.match(String(outer), /Could not revoke it\./);
    });

    it("get a copy for each operation that shares a request", async () => {
      const shared = Promise.reject(unnamed("no"));
      const [one, other] = await Promise.all([
        failing("read a", shared),
        failing("read b", shared),
      ]);
      assert.match(String(one), /Could not read a\./);
      assert.match(String(other), /Could not read b\./);
    });

    it("keep or lose the name with the copy", async () => {
      const copy = unnamed("no").with({ reason: "really not" });
      assert.match(copy.message, /^Could not send a request\.\n {2}Reason: really not/);
      assert.match(String(await failing("create it", copy)), /Could not create it\./);
      const named = new FlexpriceError(PARTS).with({ fix: "wait" });
      assert.equal(await failing("adopt it", named), named);
    });

    it("are left alone where they are no failures", async () => {
      const mistake = new RangeError("a bug");
      assert.equal(await failing("create it", mistake), mistake);
      assert.equal(await operation("create it", async () => 1), 1);
    });
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
});
