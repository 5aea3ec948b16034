import assert from "node:assert/strict";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  failed,
  succeeded,
  withStack,
} from "../engine/fixture";
import { nightlyStep, step } from "../support/scenario";
import { install } from "./consumer";
import { PROVIDER_PROCESS } from "./life";
import { manifest } from "./manifest";

/** The lower end of the peer range. */
const [, OLDEST = ""] = /^>=(\S+)/.exec(manifest.peerDependencies["@pulumi/pulumi"] ?? "") ?? [];

function program(name?: string): string {
  return accountWithKey({ ...(name === undefined ? {} : { name }), more: PROVIDER_PROCESS });
}

describe(`the package, installed by npm beside @pulumi/pulumi ${OLDEST}`, () => {
  it("works for every kind of operation", async () => {
    const consumer = await install("npm", { "@pulumi/pulumi": OLDEST });
    try {
      await withStack(program(), { program: { within: consumer.folder } }, async (fixture) => {
        await step("up creates an account and a key", async () => {
          const up = succeeded(await fixture.up());
          assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
          const { providerSdk, apiKey } = await fixture.outputs();
          assert.equal(providerSdk, OLDEST);
          assert.equal(apiKey, fixture.keys().at(0)?.value);
          assert.match(up.output, /apiKey +: \[secret\]/);
        });

        await step("up renames the account, and preview shows drift", async () => {
          const before = await fixture.outputs();
          fixture.takeWrites();
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
          fixture.setSource(program("renamed"));
          assert.deepEqual(changes(succeeded(await fixture.up())), ["update ServiceAccount ci"]);
          assert.deepEqual(await fixture.outputs(), before);
          assert.deepEqual(
            fixture.takeWrites().map(({ request }) => request),
            [`PUT /v1/users/${before["accountId"]}`],
          );
          fixture.emulator.renameAccount(String(before["accountId"]), "in the dashboard");
          const drift = failed(await fixture.drift());
          assert.equal(drift.exitCode, CHANGES_SEEN);
          assert.match(drift.output, /~ name *: "renamed" => "in the dashboard"/);
        });

        await nightlyStep("up fixes drift, and get and functions find objects", async () => {
          fixture.setSource(`${program("renamed")}
export const accountName = flexprice.ServiceAccount.get("account", account.id).name;
export const keyOwner = flexprice.ApiKey.get("key", key.id).userId;
export const lookedUp = flexprice.getServiceAccountOutput({ id: account.id }).name;
export const caller = flexprice.getCaller().then(({ id }) => id);
`);
          succeeded(await fixture.up("--refresh"));
          const { accountId, accountName, keyOwner, lookedUp, caller } = await fixture.outputs();
          assert.deepEqual([accountName, keyOwner], ["renamed", accountId]);
          assert.deepEqual([lookedUp, caller], ["renamed", fixture.operator.userId]);
          assert.deepEqual(
            fixture.takeWrites().map(({ request }) => request),
            [`PUT /v1/users/${accountId}`],
          );
        });

        await step("preview rejects a role, and warns of an unreachable server", async () => {
          fixture.setSource(accountWithKey({ roles: '["custom_role"]' }));
          fixture.workspace.env["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9/v1";
          const preview = failed(await fixture.preview());
          assert.match(preview.output, /roles: Invalid role: custom_role\. Allowed roles: /);
          assert.match(preview.output, /warning: Flexprice could not be queried/);
          fixture.workspace.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
          assert.deepEqual(fixture.takeWrites(), []);
        });

        await step("destroy deletes both", async () => {
          const destroyed = changes(succeeded(await fixture.destroy()));
          assert.deepEqual(
            destroyed.filter((step) => step.startsWith("delete")),
            ["delete ApiKey ci", "delete ServiceAccount ci"],
          );
          assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
        });
      });
    } finally {
      consumer.dispose();
    }
  });
});
