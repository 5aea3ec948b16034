import assert from "node:assert/strict";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  failed,
  messages,
  succeeded,
  withStack,
} from "../engine/fixture";
import { atNight } from "../support/sample";
import { step } from "../support/scenario";
import { cutOff } from "./cut-off";
import { follow } from "./follow";

const INGESTOR = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
`;

atNight(() =>
  follow("docs/security.md", {
    before: { "flexprice/creates": (session) => cutOff(session, INGESTOR, "the provider") },
  }),
);

atNight(() =>
  describe("statements of docs/security.md", () => {
    it("are true", async () => {
      const program = accountWithKey({ key: 'rotationTriggers: { why: "in plain" }' });
      await withStack(program, {}, async (fixture) => {
        await fixture.keepCredentialInConfig();
        succeeded(await fixture.up());

        const keys = () => fixture.keys().map(({ value }) => value);

        await step("the state has the whole config in the entry of Pulumi's provider", async () => {
          await fixture.workspace.setConfig({ "test:other": { value: "in plain" } });
          succeeded(await fixture.up());
          const { deployment } = await fixture.workspace.exportState();
          const entry = deployment.resources?.find(
            ({ type }) => type === "pulumi:providers:pulumi-nodejs",
          );
          assert.equal(entry?.inputs?.["test:other"], "in plain");
          assert.ok(Object.hasOwn(Object(entry?.inputs?.["flexprice:apiKey"]), "ciphertext"));
        });

        await step("Pulumi's own debugging output contains keys", async () => {
          for (const options of [["--debug"], ["-v=9", "--logtostderr"]]) {
            // Not through the fixture, which rejects such output.
            const { output } = await fixture.workspace.start("up", options).done;
            assert.ok(
              keys().some((value) => output.includes(value)),
              options.join(" "),
            );
          }
        });

        await step("an all_reader can preview drift", async () => {
          const { tenantId, environmentId } = fixture.operator;
          const { accessToken } = fixture.emulator.createUser(tenantId, ["all_reader"]);
          fixture.hide(accessToken);
          Object.assign(fixture.workspace.env, {
            FLEXPRICE_ACCESS_TOKEN: accessToken,
            FLEXPRICE_ENVIRONMENT_ID: environmentId,
          });
          await fixture.unsetConfig("flexprice:apiKey");
          assert.deepEqual(changes(succeeded(await fixture.up())), []);
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
          for (const { id } of fixture.keys()) fixture.emulator.revokeKey(id);
          const revoked = succeeded(await fixture.drift());
          assert.match(messages(revoked, "warning").join(), /is not accepted by the server/);
          for (const { id } of fixture.accounts()) fixture.emulator.renameAccount(id, "renamed");
          assert.equal(failed(await fixture.drift()).exitCode, CHANGES_SEEN);
          assert.deepEqual(fixture.takeWrites().slice(2), []);
        });

        for (const [what, roles, isAllowed] of [
          ["can create accounts", '["event_ingestor"]', true],
          ["cannot grant super_admin", '["super_admin"]', false],
        ] as const) {
          await step(`a user with all_writer ${what}`, async () => {
            const { accessToken } = fixture.emulator.createUser(fixture.operator.tenantId, [
              "all_writer",
            ]);
            fixture.hide(accessToken);
            fixture.workspace.env["FLEXPRICE_ACCESS_TOKEN"] = accessToken;
            fixture.setSource(`
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("new", { roles: ${roles} });
new flexprice.ApiKey("own");
`);
            const preview = await fixture.preview();
            assert.equal(preview.exitCode === 0, isAllowed, preview.output);
          });
        }
      });
    });
  }),
);
