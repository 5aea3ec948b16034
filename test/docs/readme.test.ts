import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHANGES_SEEN } from "../engine/fixture";
import { type DocSession, follow } from "./follow";
import { asModule } from "./module";
import { CHECKOUT } from "./page";

const IDENTITY = `
import * as flexprice from "pulumi-flexprice";
export const { apiKey } = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
`;

function makeAccount({ fixture }: DocSession): void {
  const { tenantId } = fixture.operator;
  fixture.emulator.createAccount(tenantId, { name: "usage-ingestor", roles: ["event_ingestor"] });
}

/** Time passes until the key of the program is due, and somebody looks. */
async function lookWhenDue(session: DocSession): Promise<void> {
  session.fixture.setSource(IDENTITY);
  await session.type(["pulumi up --skip-preview"]);
  session.fixture.clock.advance("77d");
  await session.type(["pulumi preview"]);
}

async function runWithMocha(session: DocSession, test: string): Promise<void> {
  session.fixture.setSource(IDENTITY);
  writeFileSync(
    join(session.fixture.workspace.programDirectory, "program.test.ts"),
    asModule(test),
  );
  const mocha = join(CHECKOUT, "node_modules", ".bin", "mocha");
  const options = "--require ts-node/register/transpile-only --timeout 120000";
  // Twice: what the first run left behind would fail the second.
  const run = `"${mocha}" ${options} program.test.ts`;
  for (const printed of await session.type([run, run])) assert.match(printed, /1 passing/);
  // As the page says: the test's own stack was selected, and is gone.
  await session.type(["pulumi stack select dev"]);
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
