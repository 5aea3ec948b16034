import assert from "node:assert/strict";
import { engineLog } from "../../../provider/shared/engine-log";

describe("shared/engine-log without an engine", () => {
  const { error } = console;
  let printed: unknown[][] = [];
  beforeEach(() => {
    printed = [];
    console.error = (...parts: unknown[]) => printed.push(parts);
  });
  afterEach(() => {
    console.error = error;
  });

  it("prints each message once, with its severity", async () => {
    const warn = engineLog(undefined);
    const notify = engineLog(undefined, "info");
    for (const log of [warn, warn, notify, notify]) await log("one");
    await warn("two");
    assert.deepEqual(printed, [["warning: one"], ["info: one"], ["warning: two"]]);
  });

  it("redacts secrets, escapes control characters, and keeps line breaks", async () => {
    await engineLog(undefined)("key sk_01M85FAKMEBXGA1EGXE598V41Z\n  named \x1b[2J\u202e\x07");
    assert.deepEqual(printed, [["warning: key [redacted]\n  named \\u{1b}[2J\\u{202e}\\u{7}"]]);
  });

  it("prints messages if the engine does not respond", async () => {
    await engineLog("127.0.0.1:1", "info")("one");
    assert.deepEqual(printed, [["info: one"]]);
  });
});
