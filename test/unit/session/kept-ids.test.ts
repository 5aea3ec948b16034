import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeptIds } from "../../../provider/session/kept-ids";

const RUN = "127-0-0-1-4711";

describe("session/kept-ids", () => {
  let home: string;
  const warnings: string[] = [];
  const warn = async (message: string) => {
    warnings.push(message);
  };
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-kept-"));
    warnings.length = 0;
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const otherProcess = (text: string, hoursAgo = 0, pid = 1) => {
    mkdirSync(join(home, "runs"), { recursive: true });
    const file = join(home, "runs", `${RUN}.${pid}.kept`);
    writeFileSync(file, text);
    const then = new Date(Date.now() - hoursAgo * 3_600_000);
    utimesSync(file, then, then);
    return file;
  };

  it("reads what another process of the run keeps, until that process replaces it", () => {
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    assert.equal(kept.isKeptElsewhere("user_1"), false);
    otherProcess("+user_1\n+user_2\n");
    assert.deepEqual(
      [kept.isKeptElsewhere("user_1"), kept.isKeptElsewhere("user_3")],
      [true, false],
    );
    otherProcess("+user_1\n+user_2\n-user_1\n");
    assert.deepEqual(
      [kept.isKeptElsewhere("user_1"), kept.isKeptElsewhere("user_2")],
      [false, true],
    );
  });

  it("does not count what this process keeps", () => {
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    kept.mark("user_1", true);
    assert.equal(kept.isKeptElsewhere("user_1"), false);
  });

  it("writes for the other processes of the same run only", () => {
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    kept.mark("user_1", true);
    kept.mark("user_2", true);
    kept.mark("user_1", false);
    kept.mark("user_1", false);
    assert.equal(
      readFileSync(join(home, "runs", `${RUN}.${process.pid}.kept`), "utf8"),
      "+user_1\n+user_2\n-user_1\n",
    );
    assert.equal(new KeptIds(join(home, "runs"), "127-0-0-1-471").isKeptElsewhere("user_2"), false);
  });

  it("ignores and removes files of an earlier engine with the same address", () => {
    const old = otherProcess("+user_1\n", 7);
    const foreign = join(home, "runs", "notes.txt");
    writeFileSync(foreign, "not ours");
    utimesSync(foreign, 0, 0);
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    assert.equal(kept.isKeptElsewhere("user_1"), false);
    kept.mark("user_2", true);
    assert.deepEqual([existsSync(old), existsSync(foreign)], [false, true]);
  });

  it("ignores files of processes that ended before this one started", () => {
    const { pid: ended } = spawnSync(process.execPath, ["--version"]);
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    otherProcess("+ended_earlier\n", 1, ended);
    otherProcess("+runs\n", 1, process.ppid);
    assert.deepEqual(
      [kept.isKeptElsewhere("ended_earlier"), kept.isKeptElsewhere("runs")],
      [false, true],
    );
    otherProcess("+ended_meanwhile\n", 0, ended);
    assert.equal(kept.isKeptElsewhere("ended_meanwhile"), true);
  });

  it("continues if it cannot write, and warns that other processes do not learn of an adoption", async () => {
    writeFileSync(join(home, "runs"), "a file in place of the folder");
    const kept = new KeptIds(join(home, "runs"), RUN, warn);
    kept.mark("user_1", true);
    kept.mark("user_2", true);
    assert.deepEqual(warnings, []);
    await kept.markAdopted("user_3");
    assert.equal(warnings.length, 1);
    assert.match(warnings.join(), /^The adoption of user_3 cannot be recorded in .*PULUMI_HOME/s);
    assert.equal(kept.isKeptElsewhere("user_1"), false);
  });
});
