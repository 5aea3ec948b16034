import assert from "node:assert/strict";
import type { Language } from "../../../scripts/pulumi-cli/languages";
import type { OperationResult } from "../../../scripts/workspace";
import { EmulatorClient } from "../../support/emulator-client";
import { nightlyStep, step, withFixture } from "../../support/scenario";
import { CHANGES_SEEN, failed, messages, prefixOf, succeeded } from "../fixture";
import { openProgram } from "./program";

/** How each language shows that a program, or what runs it, broke. */
const TRACE = /Traceback|goroutine \d|panic:|\n\s+at .*:\d+/;

/** The beginning of the code that `pulumi import` prints. */
const IMPORTED: Record<Language, RegExp> = {
  yaml: /by-hand:\n +type: flexprice:ServiceAccount\n +properties:\n +name: by hand\n/,
  python: /by_hand = flexprice\.ServiceAccount\("by-hand",\n +name="by hand",\n/,
  go: /flexprice\.NewServiceAccount\(ctx, "by-hand", &flexprice\.ServiceAccountArgs\{\n\s+Name: +pulumi\.String\("by hand"\)/,
  nodejs: /new flexprice\.ServiceAccount\("by-hand", \{\n +name: "by hand",\n/,
};

/** The first time, a machine without a genuine CLI builds what runs programs in this language. */
const FIRST_TIME_MS = 30 * 60_000;

const KEY_REPLACED = ["create-replacement", "replace", "delete-replaced"].map(
  (op) => `${op} ApiKey usage-ingestor`,
);

/** The same program in every language: one service account with one API key, and what a user does with them. */
export function describeLife(language: Language): void {
  describe(`a program in ${language}`, function () {
    this.timeout(FIRST_TIME_MS);
    it("creates, rotates, deletes and imports an account and a key", async () => {
      await withFixture(openProgram(language), async (program) => {
        const { fixture } = program;

        // What does not depend on the language is tested by day in the one that takes the least time.
        const dailyStep = language === "go" ? step : nightlyStep;

        await step("preview rejects an invalid role once, and sends nothing", async () => {
          const preview = failed(await fixture.preview("--config", "role=event_ingestr"));
          assert.deepEqual(messages(preview, "error"), [
            `flexprice:index:ServiceAccount resource 'usage-ingestor' has a problem: roles: Invalid role: event_ingestr. Allowed roles: event_ingestor, event_reader, super_admin. Did you mean "event_ingestor"?\n`,
          ]);
          assert.equal(preview.output.match(/error: .*Invalid role/g)?.length, 2, preview.output);
          assert.doesNotMatch(preview.output, TRACE);
          assert.deepEqual(fixture.takeWrites(), []);
        });

        await step("up creates an account and a key, whose value is a secret output", async () => {
          const up = succeeded(await fixture.up("--config", "role=event_ingestor"));
          assert.deepEqual(changes(up), [
            "create ServiceAccount usage-ingestor",
            "create ApiKey usage-ingestor",
          ]);
          assert.deepEqual(messages(up, "warning"), []);
          assert.match(up.output, /apiKey *: \[secret\]/);
          const [account] = fixture.accounts();
          const [key] = fixture.keys();
          assert.equal(prefixOf(account?.name), "usage-ingestor");
          assert.deepEqual(account?.roles, ["event_ingestor"]);
          assert.deepEqual(await fixture.outputs(), {
            accountId: account?.id,
            keyId: key?.id,
            apiKey: key?.value,
          });
          assert.equal(key?.userId, account?.id);
          fixture.takeWrites();
        });

        await step("the second up changes nothing", async () => {
          const up = succeeded(await fixture.up());
          assert.deepEqual(changes(up), []);
          assert.deepEqual(messages(up, "warning"), []);
          assert.deepEqual(fixture.takeWrites(), []);
        });

        await dailyStep("preview shows drift, and up fixes it", async () => {
          const { accountId = "" } = await fixture.outputs();
          fixture.emulator.renameAccount(accountId, "in the dashboard");
          const preview = failed(await fixture.drift());
          assert.equal(preview.exitCode, CHANGES_SEEN);
          assert.deepEqual(changes(preview), ["update ServiceAccount usage-ingestor"]);
          assert.match(preview.output, /name *: "usage-ingestor-\w{10}" => "in the dashboard"/);

          const up = succeeded(await fixture.up("--refresh"));
          assert.deepEqual(changes(up), ["update ServiceAccount usage-ingestor"]);
          assert.deepEqual(
            fixture.accounts().map(({ id, name }) => [id, prefixOf(name)]),
            [[accountId, "usage-ingestor"]],
          );
          fixture.takeWrites();
        });

        await dailyStep("up rotates the key, new before old", async () => {
          const old = await fixture.outputs();
          const up = succeeded(await fixture.up("--config", "release=second"));
          assert.deepEqual(changes(up), KEY_REPLACED);
          const now = await fixture.outputs();
          assert.equal(now["accountId"], old["accountId"]);
          assert.deepEqual(
            fixture.takeWrites().map(({ request }) => request),
            ["POST /v1/secrets/api/keys", `DELETE /v1/secrets/api/keys/${old["keyId"]}`],
          );
          assert.deepEqual(
            fixture.keys().map(({ id, value }) => [id, value]),
            [[now["keyId"], now["apiKey"]]],
          );
        });

        await step("destroy deletes both", async () => {
          succeeded(await fixture.destroy());
          assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
        });

        await nightlyStep("import prints the code of an account", async () => {
          const { url } = fixture.emulator;
          const client = new EmulatorClient(url, { apiKey: fixture.operator.apiKey });
          const body = { type: "service_account", name: "by hand", roles: ["event_ingestor"] };
          const { json } = await client.send("POST", "/users", body);
          const { id } = json as { id: string };
          const options = `--yes --skip-preview --stack test --config-file ${fixture.workspace.scratch}/Pulumi.test.yaml`;
          const imported = await fixture.shell(
            `pulumi import flexprice:index:ServiceAccount by-hand ${id} ${options}`,
            program.folder,
          );
          assert.equal(imported.exitCode, 0, imported.output);
          assert.match(imported.output, IMPORTED[language]);
        });
      });
    });
  });
}

/** `create ServiceAccount usage-ingestor`, a line a step that changes something, in order. */
function changes({ steps }: OperationResult): string[] {
  return steps
    .filter(({ op, type }) => op !== "same" && op !== "refresh" && type.startsWith("flexprice:"))
    .map(({ op, type, name }) => `${op} ${type.split(":").at(-1)} ${name}`);
}
