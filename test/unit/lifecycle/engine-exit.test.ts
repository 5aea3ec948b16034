import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The exit status of a process that runs until it has nothing left to do. */
const COMPLETED = 7;

/** A process that has returned one object, and waits for the response about another. */
const SCRIPT = `
process.exitCode = ${COMPLETED};
require(${JSON.stringify(require.resolve("ts-node/register/transpile-only"))});
const { onEngineExit } = require(${JSON.stringify(require.resolve("../../../provider/lifecycle/engine-exit"))});
const { Journal } = require(${JSON.stringify(require.resolve("../../../provider/session/recovery/journal"))});
const pending = (name) => ({
  server: "http://127.0.0.1/v1", tenantId: "tenant_1", credential: "c", kind: "account", name, settle: "remove",
});
(async () => {
  const journal = new Journal({ directory: process.env.NOTES });
  await journal.complete(await journal.begin(pending("returned")), "user_1");
  await journal.begin(pending("under way"));
  onEngineExit(() => journal.onEngineExit());
  console.log("ready");
})();
`;

const LOADS_RUNTIME = `
process.exitCode = ${COMPLETED};
require(${JSON.stringify(require.resolve("ts-node/register/transpile-only"))});
require(${JSON.stringify(require.resolve("../../../provider/runtime"))});
console.log("ready");
`;

describe("onEngineExit", function () {
  this.timeout(60_000);
  let folder: string;
  let notes: string;
  let child: ChildProcess;
  let exited: Promise<unknown[]>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-end-"));
    notes = join(folder, "notes");
  });
  afterEach(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  /** Resolves once the process would notice the end of the engine. */
  async function start(
    script: string,
    stdin: "pipe" | "ignore" = "pipe",
    source = SCRIPT,
  ): Promise<void> {
    const path = join(folder, script);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, source);
    child = spawn(process.execPath, [path], {
      cwd: join(__dirname, "../../.."),
      env: { ...process.env, NOTES: notes },
      stdio: [stdin, "pipe", "inherit"],
    });
    exited = once(child, "exit");
    assert(child.stdout);
    await once(child.stdout, "data");
  }
  const notesOnDisk = () =>
    readdirSync(notes)
      .map((file) => JSON.parse(readFileSync(join(notes, file), "utf8").split("\n")[0] ?? ""))
      .map(({ name, settle, id }) => [name, settle, id])
      .sort();

  it("ends the provider process and leaves its notes when the engine's pipe closes", async () => {
    await start("dynamic-provider/index.js");
    assert.deepEqual(notesOnDisk(), [["under way", "remove", undefined]]);
    child.stdin?.end();
    assert.deepEqual(await exited, [0, null]);
    assert.deepEqual(notesOnDisk(), [
      ["returned", "report", "user_1"],
      ["under way", "remove", undefined],
    ]);
  });

  it("ends the provider process and leaves its notes when the terminal closes", async () => {
    await start("dynamic-provider/index.js");
    child.kill("SIGHUP");
    assert.deepEqual(await exited, [0, null]);
    assert.equal(notesOnDisk().length, 2);
  });

  it("ignores a standard input that is not a pipe", async () => {
    await start("dynamic-provider/index.js", "ignore");
    assert.deepEqual(await exited, [COMPLETED, null]);
    assert.deepEqual(notesOnDisk(), [["under way", "remove", undefined]]);
  });

  it("does not read the standard input of another process that loads the runtime", async () => {
    await start("program/index.js", "pipe", LOADS_RUNTIME);
    assert.deepEqual(await exited, [COMPLETED, null]);
  });
});
