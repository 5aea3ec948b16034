import assert from "node:assert/strict";
import type { ChildResult } from "../../scripts/child";
import type { StackState } from "../../scripts/workspace";
import { step } from "../support/scenario";
import { withStack } from "./fixture";

/** Runs a program in its own process: `node inline.js <verb> <credential of the workspace>`. */
const INLINE = `
const { LocalWorkspace } = require("@pulumi/pulumi/automation");
const flexprice = require("pulumi-flexprice");

async function program() {
  const { tenantId } = await flexprice.getCaller();
  const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
  const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id });
  return { callerTenantId: tenantId, tenantId: account.tenantId, keyTenantId: key.tenantId };
}

async function main([verb, apiKey]) {
  const stack = await LocalWorkspace.createOrSelectStack(
    { stackName: "inline", projectName: "inline", program },
    { workDir: __dirname + "/work", envVars: { ...process.env, FLEXPRICE_API_KEY: apiKey } },
  );
  await stack[verb]({
    color: "never",
    diff: true,
    onOutput: (text) => process.stdout.write(text),
    onError: (text) => process.stderr.write(text),
    onEvent: (event) => console.log(JSON.stringify(event.resourcePreEvent ?? {})),
  });
}
main(process.argv.slice(2)).catch(() => process.exit(1));
`;

describe("an inline program of the Automation API", () => {
  it("needs the same settings for its functions and its resources", async () => {
    const files = { "inline.js": INLINE, "work/.keep": "" };
    await withStack("", { program: { language: "javascript", files } }, async (fixture) => {
      function run(verb: "preview" | "up", workspaceKey: string): Promise<ChildResult> {
        return fixture.shell(
          `node inline.js ${verb} ${workspaceKey}`,
          fixture.workspace.programDirectory,
        );
      }

      const stack = (command: string) =>
        fixture.shell(`cd work && pulumi stack ${command}`, fixture.workspace.programDirectory);

      await step("preview rejects settings that lead to two tenants", async () => {
        const other = fixture.emulator.createTenant();
        fixture.hide(other.apiKey);
        const { exitCode, output } = await run("preview", other.apiKey);
        assert.equal(exitCode, 1, output);
        assert.match(
          output,
          /resource 'ci' has a problem: this program's functions and resources have different settings: .* set the same FLEXPRICE_ variables in both, or use the stack's config/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up works with the same settings, and stores no trace of them", async () => {
        const up = await run("up", fixture.operator.apiKey);
        assert.equal(up.exitCode, 0, up.output);
        const { tenantId } = fixture.operator;
        const outputs = await stack("output --json --stack inline");
        assert.deepEqual(JSON.parse(outputs.stdout), {
          callerTenantId: tenantId,
          tenantId,
          keyTenantId: tenantId,
        });
        const preview = await run("preview", fixture.operator.apiKey);
        assert.match(preview.output, /Resources:\n {4}3 unchanged/);
        const { stdout } = await stack("export --stack inline");
        const { deployment }: StackState = JSON.parse(stdout);
        const stored = (deployment.resources ?? []).map(({ inputs, outputs }) => ({
          inputs,
          outputs,
        }));
        assert.equal(stored.length, 4);
        for (const text of [up.output, preview.output, JSON.stringify(stored)]) {
          assert.ok(!text.includes("__functions"), text);
        }
      });
    });
  });
});
