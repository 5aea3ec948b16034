import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { version as SDK } from "@pulumi/pulumi/version";
import { ensureLanguage } from "../../scripts/pulumi-cli/languages";
import { EngineFixture, succeeded } from "../engine/fixture";
import { nightly } from "../support/sample";
import { withFixture } from "../support/scenario";
import { output } from "./command";
import { install } from "./consumer";

const PROGRAM = `
const { ServiceAccount, ApiKey } = require("@pulumi-flexprice/flexprice");
const account = new ServiceAccount("ci", { roles: ["event_ingestor"] });
const key = new ApiKey("ci", { serviceAccountId: account.id });
module.exports = { apiKey: key.apiKey };
`;

/** How to name the plugin in node_modules, and what Pulumi.yaml must have with that. */
const WAYS = {
  "its folder": ["./node_modules/pulumi-flexprice/dist/plugin", {}],
  "its command": [
    "./node_modules/.bin/pulumi-resource-flexprice",
    { plugins: { providers: [{ name: "flexprice", path: "node_modules/.bin" }] } },
  ],
} as const;

describe("pulumi package add", () => {
  for (const [what, [path, project]] of Object.entries(WAYS)) {
    nightly(`generates an SDK from ${what}, and a Node program with it runs`, async () => {
      const { binary } = await ensureLanguage("nodejs");
      const consumer = await install("npm", { "@pulumi/pulumi": SDK });
      try {
        const { folder } = consumer;
        const runtime = { name: "nodejs", options: { typescript: false } };
        writeFileSync(
          join(folder, "Pulumi.yaml"),
          JSON.stringify({ name: "test", runtime, ...project }),
        );
        writeFileSync(join(folder, "index.js"), PROGRAM);
        await withFixture(EngineFixture.on(folder), async (fixture) => {
          await output(binary, ["package", "add", path], {
            cwd: folder,
            env: fixture.workspace.env,
          });
          succeeded(await fixture.up());
          assert.equal((await fixture.outputs())["apiKey"], fixture.keys().at(0)?.value);
          succeeded(await fixture.destroy());
          assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
        });
      } finally {
        consumer.dispose();
      }
    });
  }
});
