import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OPERATIONS, type Operation, type Provider } from "../../benchmark/provider-under-test";
import type { Results, Row } from "../../benchmark/rows";
import { CHECKOUT, readPage } from "./page";

/** Their names in the page's table. */
const NAMES: Record<Operation, string> = {
  up: "first `up`",
  preview: "`preview`",
  "up, no change": "`up`, no change",
  refresh: "`refresh`",
  destroy: "`destroy`",
};

function measured(name: string): Results {
  return JSON.parse(readFileSync(join(CHECKOUT, "benchmark", `${name}.json`), "utf8"));
}

function rowAt(
  { rows }: Results,
  operation: Operation,
  provider: Provider,
  at: 1_000 | 5_000 = 1_000,
): Row {
  const row = rows.find(
    (one) => one.size === at && one.operation === operation && one.provider === provider,
  );
  assert(row !== undefined, `${operation} by ${provider} at ${at} is not in the results`);
  return row;
}

describe("the seconds on the performance page", () => {
  const atTheEnd = measured("results");
  const afterEachStep = measured("checkpoints");
  const page = readPage("docs/performance.md").prose.replace(/ +/g, " ");

  it("are those of the stored benchmark", () => {
    assert.equal(atTheEnd.conditions.checkpoints, false);
    assert.equal(afterEachStep.conditions.checkpoints, true);
    for (const operation of OPERATIONS) {
      const cells = [
        rowAt(atTheEnd, operation, "requests-only"),
        rowAt(atTheEnd, operation, "pulumi-flexprice"),
        rowAt(atTheEnd, operation, "naive"),
        rowAt(afterEachStep, operation, "pulumi-flexprice"),
      ].map(({ timesNothing }) => timesNothing.toFixed(2));
      const line = `| ${[NAMES[operation], ...cells].join(" | ")} |`;
      assert(page.includes(line), line);
    }
  });

  it("are listed for 5,000 services", () => {
    const large = measured("large");
    const ours = (operation: Operation) => rowAt(large, operation, "pulumi-flexprice", 5_000);
    const times = OPERATIONS.map((operation) => ours(operation).timesNothing.toFixed(2));
    const listed = `${times.slice(0, -1).join(", ")} and ${times.at(-1)}`;
    assert.match(
      page,
      new RegExp(`${listed}; a refresh takes ${ours("refresh").requests} requests`),
    );
  });

  it("compare the plugin with the dynamic provider", () => {
    const plugin = measured("plugin");
    const both = ["pulumi-flexprice", "plugin"] as const;
    for (const operation of OPERATIONS) {
      const cells = both.map((provider) =>
        rowAt(plugin, operation, provider).timesNothing.toFixed(2),
      );
      const line = `| ${[NAMES[operation], ...cells].join(" | ")} |`;
      assert(page.includes(line), line);
    }
    const [dynamic, own] = both.map((provider) => rowAt(plugin, "up", provider).stateBytes);
    assert(dynamic !== undefined && own !== undefined);
    assert(page.includes(`${Math.round((1 - own / dynamic) * 100)} % smaller`));
    const [peak, ownPeak] = both.map((provider) =>
      Math.max(...OPERATIONS.map((one) => rowAt(plugin, one, provider).peakBytes)),
    );
    const mebibytes = (bytes = 0) => Math.round(bytes / 2 ** 20);
    const peaks = `${mebibytes(ownPeak)} MiB at most, the dynamic one ${mebibytes(peak)} MiB`;
    assert(page.includes(peaks), peaks);
  });

  it("include the cost of the engine's checkpoints", () => {
    const [slow, fast] = [afterEachStep, atTheEnd].map((results) =>
      Math.round(rowAt(results, "up", "do-nothing").seconds),
    );
    assert.match(page, new RegExp(`took ${slow} seconds, and ${fast}\\s+with`));
  });
});
