import assert from "node:assert/strict";
import { type CommandContext, realCommandContext } from "../../../provider/cli/command-context";

// Signals and broken pipes are tested in test/engine/cli.test.ts: here they would hit the test's own process.
describe("cli/command-context", () => {
  let context: CommandContext;
  before(() => {
    const listeners = new Set(process.stdout.listeners("error"));
    context = realCommandContext();
    for (const listener of process.stdout.listeners("error")) {
      if (!listeners.has(listener)) process.stdout.removeListener("error", listener as () => void);
    }
  });

  it("runs a program to its end and returns what it prints", async () => {
    const script = 'console.log("out"); console.error("err"); process.exit(3)';
    assert.deepEqual(await context.run(process.execPath, ["-e", script]), {
      status: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("distinguishes a missing program from a failing one", async () => {
    assert.equal(await context.run("no-such-program-anywhere", []), undefined);
    await assert.rejects(context.run(__dirname, []), { code: "EACCES" });
    const killed = await context.run(process.execPath, ["-e", "process.kill(process.pid)"]);
    assert.equal(killed?.status, 128);
  });

  it("calls a scheduled function later, unless it is canceled", async () => {
    const calls: string[] = [];
    const cancel = context.schedule(0, () => calls.push("canceled"));
    cancel();
    await new Promise<void>((resolve) => {
      context.schedule(0, () => {
        calls.push("called");
        resolve();
      });
      assert.deepEqual(calls, []);
    });
    assert.deepEqual(calls, ["called"]);
  });

  it("prints notices to standard error", async () => {
    const { error } = console;
    const printed: unknown[] = [];
    console.error = (text: unknown) => printed.push(text);
    try {
      await context.platform.notify?.("Waiting for the server.");
    } finally {
      console.error = error;
    }
    assert.deepEqual(printed, ["info: Waiting for the server."]);
  });
});
