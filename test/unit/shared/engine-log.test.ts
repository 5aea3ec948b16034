import assert from "node:assert/strict";
import { engineLog } from "../../../provider/shared/engine-log";

describe("shared/engine-log, where no engine listens", () => {
  const { error } = console;
  let printed: unknown[][] = [];
  beforeEach(() => {
    printed = [];
    console.error = (...parts: unknown[]) => printed.push(parts);
  });
  afterEach(() => {
    console.error = error;
  });

  it("shows each text once, with what it is", async () => {
    const warn = engineLog(undefined);
    const notify = engineLog(undefined, "info");
    for (const show of [warn, warn, notify, notify]) await show("one");
    await warn("two");
    assert.deepEqual(printed, [["warning: one"], ["info: one"], ["warning: two"]]);
  });

  it("shows no secret, and nothing that a terminal would obey; lines stay lines", async () => {
    await engineLog(undefined)("key sk_01M85FAKMEBXGA1EGXE598V41Z\n  named \x1b[2J\u202e\x07");
    assert.deepEqual(printed, [["warning: key [redacted]\n  named \\u{1b}[2J\\u{202e}\\u{7}"]]);
  });

  it("takes an engine that does not answer for none", async () => {
    await engineLog("127.0.0.1:1", "info")("one");
    assert.deepEqual(printed, [["info: one"]]);
  });
});
