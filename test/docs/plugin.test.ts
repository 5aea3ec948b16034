import assert from "node:assert/strict";
import type { Language } from "../../scripts/pulumi-cli/languages";
import { succeeded } from "../engine/fixture";
import { openProgram } from "../engine/languages/program";
import { atNight } from "../support/sample";
import { withFixture } from "../support/scenario";
import { type DocSession, follow } from "./follow";
import { readPage } from "./page";

const PAGE = "docs/plugin.md";
const BY_NIGHT = "run by night, below";

follow(PAGE, {
  notRun: {
    "npm install pulumi-flexprice": "test/package/npm.test.ts",
    "# Pulumi.yaml": "a part of the programs in YAML",
    "pulumi package add": "test/package/plugin-folder.test.ts",
    "pulumi plugin install": "test/package/plugin-archive.test.ts",
    "import pulumi_flexprice": BY_NIGHT,
    "package main": BY_NIGHT,
    'from "@pulumi-flexprice/flexprice"': BY_NIGHT,
  },
  edits: ["$" + "{usage-ingestor.apiKey}"],
  run: { "read -rs": giveValue },
  before: {
    "flexprice:index:ServiceAccount relay": createByHand,
    "5 unchanged": copyImported,
    "pulumi config set --secret sandboxKey": ({ fixture: { workspace, operator } }) => {
      delete workspace.env["FLEXPRICE_API_KEY"];
      workspace.env["PRODUCTION_API_KEY"] = operator.apiKey;
    },
  },
  after: {
    "pulumi config set --secret sandboxKey": async ({ fixture }) => {
      assert.equal(fixture.keys().length, 2);
      const { deployment } = await fixture.workspace.exportState({ showSecrets: true });
      const holders = (deployment.resources ?? []).filter((resource) =>
        JSON.stringify(resource).includes(fixture.operator.apiKey),
      );
      assert.deepEqual(
        holders.map(({ urn }) => urn.split("::").at(-1)),
        ["sandbox"],
      );
    },
    "4 unchanged": ({ fixture }) => assert.equal(fixture.keys().length, 1),
  },
});

/** The objects that the page imports. */
function createByHand({ fixture: { emulator, operator, workspace } }: DocSession): void {
  const { tenantId, environmentId } = operator;
  const name = "by hand";
  const account = emulator.createAccount(tenantId, { name, roles: ["event_ingestor"] });
  const expiresAt = new Date("2099-01-01T00:00:00Z");
  const key = emulator.createKey(account.id, environmentId, { name, expiresAt });
  Object.assign(workspace.env, { ACCOUNT_ID: account.id, KEY_ID: key.id });
}

/** As somebody who types it. */
function giveValue({ fixture: { emulator, workspace } }: DocSession): void {
  const key = emulator.keys().find(({ id }) => id === workspace.env["KEY_ID"]);
  workspace.env["FLEXPRICE_IMPORT_API_KEY"] = key?.value;
}

/** Puts the code that Pulumi has printed into the program. */
function copyImported(session: DocSession): void {
  const printed = [...session.transcript.matchAll(/^resources:\n((?: {2,}.*\n)+)/gm)];
  assert.equal(printed.length, 2);
  const [program = ""] = readPage(PAGE)
    .blocks.map(({ text }) => text)
    .filter((text) => /^runtime: yaml$/m.test(text));
  const code = printed.map(([, resources]) => resources).join("");
  session.setProject(program.replace("resources:\n", `resources:\n${code}`));
}

atNight(() => {
  describe(`the programs of ${PAGE}`, () => {
    const programs: readonly [Language, fence: string, file: string][] = [
      ["python", "python", "__main__.py"],
      ["go", "go", "main.go"],
      ["nodejs", "typescript", "index.ts"],
    ];
    for (const [language, fence, file] of programs) {
      it(`create an account and a key: ${language}`, async function () {
        this.timeout(30 * 60_000);
        const [block, ...others] = readPage(PAGE).blocks.filter((one) => one.language === fence);
        assert.ok(block !== undefined && others.length === 0);
        // Where `pulumi package add` would link it.
        const source = block.text.replace("@pulumi-flexprice/flexprice", "./sdks/flexprice");
        await withFixture(
          openProgram(language, { [file]: source }, "document"),
          async (program) => {
            const { fixture } = program;
            succeeded(await fixture.up());
            const [key] = fixture.keys();
            assert.deepEqual(await fixture.outputs(), { apiKey: key?.value });
            succeeded(await fixture.destroy());
          },
        );
      });
    }
  });
});
