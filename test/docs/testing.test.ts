import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { runChild } from "../../scripts/child";
import { atNight } from "../support/sample";
import { type DocSession, follow } from "./follow";
import { asModule } from "./module";
import { CHECKOUT } from "./page";

const IDENTITY = `
import * as flexprice from "pulumi-flexprice";
export const { apiKey } = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
`;

/** Runs a test of the page beside a program, and checks that it leaves the user's stacks and files alone. */
async function runTest(
  session: DocSession,
  file: string,
  test: string,
  command: string,
  passed: RegExp,
): Promise<void> {
  const { programDirectory } = session.fixture.workspace;
  session.fixture.setSource(IDENTITY);
  writeFileSync(join(programDirectory, file), test);
  const [before, printed, stacks, selected, after] = await session.type([
    "ls -A",
    command,
    "pulumi stack ls --json",
    "pulumi stack --show-name",
    "ls -A",
  ]);
  assert.match(stripVTControlCharacters(printed ?? ""), passed);
  const names: { name: string }[] = JSON.parse(stacks ?? "");
  assert.deepEqual(
    names.map(({ name }) => name),
    ["dev"],
  );
  assert.equal(selected?.trim(), "dev");
  assert.equal(after, before);
}

async function runWithMocha(session: DocSession, test: string): Promise<void> {
  const mocha = join(CHECKOUT, "node_modules", ".bin", "mocha");
  const options = "--require ts-node/register/transpile-only --timeout 120000";
  const command = `"${mocha}" ${options} mocha.test.ts`;
  await runTest(session, "mocha.test.ts", asModule(test), command, /1 passing/);
}

async function runWithNode(session: DocSession, test: string): Promise<void> {
  const command = "node --require ts-node/register/transpile-only --test node.test.ts";
  await runTest(session, "node.test.ts", asModule(test), command, /pass 1\n/);
}

/** In a folder of its own: this package does not depend on it. */
async function runWithVitest(session: DocSession, test: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-vitest-"));
  try {
    writeFileSync(join(folder, "package.json"), "{}");
    const installed = await runChild("npm", ["install", "--no-audit", "vitest@4"], { cwd: folder });
    assert.equal(installed.exitCode, 0, installed.output);
    const { programDirectory } = session.fixture.workspace;
    const packages = join(folder, "node_modules");
    symlinkSync(join(packages, "vitest"), join(programDirectory, "node_modules", "vitest"));
    const command = `"${join(packages, ".bin", "vitest")}" run vitest.test.mjs`;
    await runTest(session, "vitest.test.mjs", test, command, /Tests {2}1 passed/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

atNight(() =>
  follow("docs/testing.md", {
    run: { "await using": runWithMocha, '"node:test"': runWithNode, '"vitest"': runWithVitest },
  }),
);
