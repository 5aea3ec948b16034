import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { atNight } from "../support/sample";
import { type DocSession, follow } from "./follow";
import { asModule } from "./module";
import { CHECKOUT } from "./page";

const IDENTITY = `
import * as flexprice from "pulumi-flexprice";
export const { apiKey } = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
`;

async function runWithMocha(session: DocSession, test: string): Promise<void> {
  const { programDirectory } = session.fixture.workspace;
  session.fixture.setSource(IDENTITY);
  writeFileSync(join(programDirectory, "program.test.ts"), asModule(test));
  const mocha = join(CHECKOUT, "node_modules", ".bin", "mocha");
  const [printed, stacks] = await session.type([
    `"${mocha}" --require ts-node/register/transpile-only --timeout 120000 program.test.ts`,
    "pulumi stack ls --json",
    // As the page says: the test's own stack was selected, and has been removed.
    "pulumi stack select dev",
  ]);
  assert.match(printed ?? "", /1 passing/);
  const names: { name: string }[] = JSON.parse(stacks ?? "");
  assert.deepEqual(
    names.map(({ name }) => name),
    ["dev"],
  );
}

atNight(() => follow("docs/testing.md", { run: { startFlexprice: runWithMocha } }));
