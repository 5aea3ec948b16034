import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ChildResult, runChild } from "../../../scripts/child";

const PROVIDER = resolve("provider");

function evaluate(code: string): Promise<ChildResult> {
  const tsNode = require.resolve("ts-node/register/transpile-only");
  return runChild(process.execPath, ["-r", tsNode, "-e", code], { timeoutMs: 60_000 });
}

describe("@pulumi/policy", function () {
  this.timeout(60_000);
  it("is asked for in plain words where it is not installed", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "pulumi-flexprice-policies-"));
    try {
      cpSync(join(PROVIDER, "policies"), elsewhere, { recursive: true });
      const { exitCode, stderr } = await evaluate(`require(${JSON.stringify(elsewhere)})`);
      assert.equal(exitCode, 1);
      assert.match(
        stderr,
        /\nError: pulumi-flexprice\/policies needs the package @pulumi\/policy: run "npm install @pulumi\/policy" in the folder of PulumiPolicy\.yaml\.\n/,
      );
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  it("is not loaded by programs", async () => {
    const load = `require(${JSON.stringify(PROVIDER)});
      console.log(Object.keys(require.cache).filter((file) => /@pulumi.policy|provider.policies/.test(file)));`;
    assert.equal((await evaluate(load)).output, "[]\n");
  });
});
