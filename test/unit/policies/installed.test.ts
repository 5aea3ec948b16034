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

describe("the package @pulumi/policy", function () {
  this.timeout(60_000);

  it("is named in the error if it is not installed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-policies-"));
    try {
      cpSync(join(PROVIDER, "policies"), folder, { recursive: true });
      const { exitCode, stderr } = await evaluate(`require(${JSON.stringify(folder)})`);
      assert.equal(exitCode, 1);
      assert.match(
        stderr,
        /\nError: pulumi-flexprice\/policies needs the package @pulumi\/policy: run "npm install @pulumi\/policy" in the folder of PulumiPolicy\.yaml\.\n/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is not loaded into programs", async () => {
    const script = `require(${JSON.stringify(PROVIDER)});
      console.log(Object.keys(require.cache).filter((file) => /@pulumi.policy|provider.policies/.test(file)));`;
    assert.equal((await evaluate(script)).output, "[]\n");
  });
});
