import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHANGES_SEEN } from "../engine/fixture";
import { follow, type Scene } from "./follow";
import { asModule } from "./module";
import { CHECKOUT } from "./page";

const IDENTITY = `
import * as flexprice from "pulumi-flexprice";
export const { apiKey } = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
`;

function makeAccount({ bench }: Scene): void {
  const { tenantId } = bench.operator;
  bench.emulator.createAccount(tenantId, { name: "usage-ingestor", roles: ["event_ingestor"] });
}

/** Time passes until the key of the program is due, and somebody looks. */
async function lookWhenDue(scene: Scene): Promise<void> {
  scene.bench.setSource(IDENTITY);
  await scene.type(["pulumi up --skip-preview"]);
  scene.bench.clock.advance("77d");
  await scene.type(["pulumi preview"]);
}

async function runWithMocha(scene: Scene, test: string): Promise<void> {
  scene.bench.setSource(IDENTITY);
  writeFileSync(join(scene.bench.workspace.programDirectory, "program.test.ts"), asModule(test));
  const mocha = join(CHECKOUT, "node_modules", ".bin", "mocha");
  const options = "--require ts-node/register/transpile-only --timeout 120000";
  // Twice: what the first run left behind would fail the second.
  const run = `"${mocha}" ${options} program.test.ts`;
  for (const printed of await scene.type([run, run])) assert.match(printed, /1 passing/);
  // As the page says: the test's own stack was selected, and is gone.
  await scene.type(["pulumi stack select dev"]);
}

follow("README.md", {
  notRun: {
    "npm install && npm start": "it runs these very tests",
  },
  before: {
    "getServiceAccount({": makeAccount,
    "it is due for rotation": lookWhenDue,
  },
  status: { "pulumi preview --refresh": CHANGES_SEEN },
  run: { startFlexprice: runWithMocha },
});
