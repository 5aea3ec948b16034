import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OPERATIONS, PROVIDERS } from "../../benchmark/contestant";
import type { Results } from "../../benchmark/rows";
import { type ChildResult, runChild } from "../../toolchain/child";

const ROOT = join(__dirname, "../..");

describe("npm run benchmark", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-benchmark-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const benchmark = (...args: string[]): Promise<ChildResult> =>
    runChild("npm", ["run", "-s", "benchmark", "--", "--out", join(folder, "measured"), ...args], {
      cwd: ROOT,
    });

  it("measures each operation by each provider, at each size", async () => {
    const { exitCode, output } = await benchmark("--sizes", "1x1,2x2");
    assert.equal(exitCode, 0, output);
    const { rows }: Results = JSON.parse(readFileSync(join(folder, "measured.json"), "utf8"));
    assert.deepEqual(
      rows.map(({ size, rounds, operation, provider }) => [size, rounds, operation, provider]),
      [1, 2].flatMap((size) =>
        OPERATIONS.flatMap((operation) =>
          PROVIDERS.map((provider) => [size, size, operation, provider]),
        ),
      ),
    );
    assert.deepEqual(
      rows
        .filter(({ size, operation }) => size === 2 && operation === "up")
        .map(({ provider, writes }) => [provider, writes]),
      [
        ["do-nothing", 0],
        ["requests-only", 4],
        ["pulumi-flexprice", 4],
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

  it("says what it does not know", async () => {
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
