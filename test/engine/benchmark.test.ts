import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Measurement, OPERATIONS, PROVIDERS } from "../../benchmark/provider-under-test";
import { type Results, rowOf } from "../../benchmark/rows";
import { type ChildResult, runChild } from "../../scripts/child";
import { nightly } from "../support/sample";

const ROOT = join(__dirname, "../..");

/** Four whole lives of a stack, in parallel with other tests. */
const TIMEOUT_MS = 15 * 60_000;

describe("npm run benchmark", function () {
  this.timeout(TIMEOUT_MS);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-benchmark-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const benchmark = (...args: string[]): Promise<ChildResult> =>
    runChild("npm", ["run", "-s", "benchmark", "--", "--out", join(folder, "measured"), ...args], {
      cwd: ROOT,
      timeoutMs: TIMEOUT_MS,
    });

  nightly("measures each operation by each provider", async () => {
    const { exitCode, output } = await benchmark("--sizes", "2x1");
    assert.equal(exitCode, 0, output);
    const { rows }: Results = JSON.parse(readFileSync(join(folder, "measured.json"), "utf8"));
    assert.deepEqual(
      rows.map(({ operation, provider }) => [operation, provider]),
      OPERATIONS.flatMap((operation) => PROVIDERS.map((provider) => [operation, provider])),
    );
    assert.deepEqual(
      rows
        .filter(({ operation }) => operation === "up")
        .map(({ provider, writes }) => [provider, writes]),
      [
        ["do-nothing", 0],
        ["requests-only", 4],
        ["pulumi-flexprice", 4],
        ["plugin", 4],
        ["naive", 4],
      ],
    );
    for (const row of rows) {
      assert(row.seconds > 0 && row.stateBytes > 0 && row.peakBytes > 0, JSON.stringify(row));
      assert(row.provider !== "do-nothing" || row.timesNothing === 1, JSON.stringify(row));
      assert(output.includes(row.seconds.toFixed(2)), `${JSON.stringify(row)}:\n${output}`);
    }
    const svg = readFileSync(join(folder, "measured.svg"), "utf8");
    for (const name of [...PROVIDERS, "refresh", "2 accounts and 2 keys"]) {
      assert(svg.includes(name), `${name} is not in the chart`);
    }
  });

  nightly("rejects unknown arguments, and names them", async () => {
    for (const args of [
      ["--sizes", "many"],
      ["--providers", "terraform"],
      ["--parallel", "0"],
      ["--env", "NAME"],
    ]) {
      const { exitCode, output } = await benchmark(...args);
      assert.equal(exitCode, 1, output);
      assert.match(output, new RegExp(`"${args[1]}"`));
      assert.match(output, /--sizes LIST/);
    }
  });
});

describe("a row of the benchmark", () => {
  const measurement = (seconds: number): Measurement => ({
    seconds,
    requests: { all: 10 * seconds, writes: seconds },
    stateBytes: 1,
    peakBytes: 1,
    cpuSeconds: 1,
  });

  it("is the median of its rounds; its ratio that of the ratios within a round", () => {
    const measured = [
      [1, 3],
      [10, 10],
      [4, 8],
    ].map(([nothing = 0, ours = 0]) => ({
      "do-nothing": measurement(nothing),
      "pulumi-flexprice": measurement(ours),
    }));
    const { seconds, requests, writes, timesNothing, rounds } = rowOf(
      5,
      "up",
      "pulumi-flexprice",
      measured,
    );
    assert.deepEqual([seconds, requests, writes, timesNothing, rounds], [8, 80, 8, 2, 3]);
  });
});
