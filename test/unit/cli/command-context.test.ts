import assert from "node:assert/strict";
import { type CommandContext, realCommandContext } from "../../../provider/cli/command-context";

// Signals and broken pipes are in test/engine/cli.test.ts: here they would meet the test's own process.
describe("cli/shell", () => {
  let shell: CommandContext;
  before(() => {
    const listeners = new Set(process.stdout.listeners("error"));
    shell = realCommandContext();
    for (const listener of process.stdout.listeners("error")) {
      if (!listeners.has(listener)) process.stdout.removeListener("error", listener as () => void);
    }
  });

  it("runs a program to its end and keeps what it prints", async () => {
    const script = 'console.log("out"); console.error("err"); process.exit(3)';
    assert.deepEqual(await shell.run(process.execPath, ["-e", script]), {
      status: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("tells a program that is not there from one that fails", async () => {
    assert.equal(await shell.run("no-such-program-anywhere", []), undefined);
    await assert.rejects(shell.run(__dirname, []), { code: "EACCES" });
    const killed = await shell.run(process.execPath, ["-e", "process.kill(process.pid)"]);
    assert.equal(killed?.status, 128);
  });

  it("says on standard error what it waits for", async () => {
    const { error } = console;
    const printed: unknown[] = [];
    console.error = (text: unknown) => printed.push(text);
    try {
      await shell.platform.notify?.("Waiting for the server.");
    } finally {
      console.error = error;
    }
    assert.deepEqual(printed, ["info: Waiting for the server."]);
  });
});
