import assert from "node:assert/strict";
import { step, withFixture } from "../../support/scenario";
import { keyState } from "../consumer";
import { accountWithKey, changes, messages, prefixOf, succeeded } from "../fixture";
import { describeBoth, errorOf, open } from "./fixture";

const BOTH_REPLACED = [
  "create-replacement ServiceAccount ci",
  "replace ServiceAccount ci",
  "create-replacement ApiKey ci",
  "replace ApiKey ci",
  "delete-replaced ApiKey ci",
  "delete-replaced ServiceAccount ci",
];

/** The key under which Pulumi marks a value as secret. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

/** A program whose account has options of Pulumi, as code. */
function withOptions(name: string, options: string): string {
  return accountWithKey({ name }).replace(/ServiceAccount\(.*\}(?=\);)/, `$&, { ${options} }`);
}

describeBoth("ServiceAccount and its ApiKey", (frontEnd) => {
  it("are created, renamed, replaced and deleted in order", async () => {
    let first: Record<string, string>;
    await withFixture(open(frontEnd, accountWithKey()), async (fixture) => {
      const requests = () =>
        fixture.takeWrites().map(({ request, status }) => `${request} ${status}`);

      await step("up creates both with one request each, and encrypts the value", async () => {
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
        assert.deepEqual([messages(up, "warning"), messages(up, "error")], [[], []]);
        assert.match(up.output, / apiKey +: \[secret\]/);
        assert.deepEqual(requests(), ["POST /v1/users 201", "POST /v1/secrets/api/keys 201"]);
        first = await fixture.outputs();
        const [account] = fixture.accounts();
        const [key] = fixture.keys();
        for (const created of [account, key]) assert.equal(prefixOf(created?.name), "ci");
        assert.deepEqual(first, { accountId: account?.id, keyId: key?.id, apiKey: key?.value });

        const [heldAccount, heldKey] = await fixture.resources();
        assert.deepEqual(
          [heldAccount?.type, heldKey?.type],
          [frontEnd.accountType, frontEnd.keyType],
        );
        assert.ok(Object.hasOwn(Object(heldKey?.outputs?.["apiKey"]), SECRET_MARK));
        const { __provider, ...outputs } = Object(heldAccount?.outputs);
        assert.deepEqual(outputs, {
          ...{ name: account?.name, autoName: account?.name, namePrefix: "ci" },
          ...{ roles: ["event_ingestor"], tenantId: fixture.operator.tenantId },
        });
        const { __provider: _, apiKey, createdAt, ...keyOutputs } = await keyState(fixture);
        assert.equal(Date.parse(String(createdAt)), key?.createdAt.getTime());
        assert.deepEqual(keyOutputs, {
          ...{ name: key?.name, autoName: key?.name, namePrefix: "ci", type: "private_key" },
          ...{ displayId: key?.displayId, roles: ["event_ingestor"] },
          ...{ serviceAccountId: account?.id, userId: account?.id, userType: "service_account" },
          tenantId: fixture.operator.tenantId,
        });
      });

      await step("up changes nothing if roles only repeat", async () => {
        fixture.setSource(accountWithKey({ roles: '["event_ingestor", "event_ingestor"]' }));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(requests(), []);
      });

      await step("another name renames the account, also after a rename by hand", async () => {
        const { accountId } = first;
        const put = [`PUT /v1/users/${accountId} 200`];
        fixture.setSource(accountWithKey({ name: "renamed" }));
        assert.deepEqual(changes(succeeded(await fixture.up())), ["update ServiceAccount ci"]);
        assert.deepEqual(requests(), put);
        fixture.emulator.renameAccount(String(accountId), "by hand");
        const up = succeeded(await fixture.up("--refresh"));
        assert.deepEqual(changes(up), ["update ServiceAccount ci"]);
        assert.deepEqual(requests(), put);
        assert.deepEqual(
          fixture.accounts().map(({ id, name }) => [id, name]),
          [[accountId, "renamed"]],
        );
        assert.deepEqual(await fixture.outputs(), first);
      });

      await step("ignoreChanges keeps a name, and replaceOnChanges replaces for one", async () => {
        fixture.setSource(withOptions("ignored", 'ignoreChanges: ["name"]'));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(requests(), []);
        fixture.setSource(withOptions("second", 'replaceOnChanges: ["name"]'));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), BOTH_REPLACED);
        const { accountId } = await fixture.outputs();
        assert.deepEqual(
          fixture.accounts().map(({ id, name }) => [id, name]),
          [[accountId, "second"]],
        );
        assert.notEqual(accountId, first["accountId"]);
        fixture.takeWrites();
      });

      await step("other roles replace account and key, new before old", async () => {
        const before = await fixture.outputs();
        fixture.setSource(accountWithKey({ roles: '["event_reader"]' }));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), BOTH_REPLACED);
        const replaced = up.steps.filter(({ op }) => op === "create-replacement");
        assert.deepEqual(
          replaced.map(({ replaceKeys }) => replaceKeys),
          [["roles"], ["serviceAccountId"]],
        );
        assert.deepEqual(requests(), [
          "POST /v1/users 201",
          "POST /v1/secrets/api/keys 201",
          `DELETE /v1/secrets/api/keys/${before["keyId"]} 204`,
          `DELETE /v1/users/${before["accountId"]} 204`,
        ]);
        const now = await fixture.outputs();
        assert.deepEqual(
          fixture.keys().map(({ value, userId }) => [value, userId]),
          [[now["apiKey"], now["accountId"]]],
        );
      });

      await step("destroy fails over a foreign key, which forceDestroy revokes", async () => {
        const { accountId } = await fixture.outputs();
        const foreign = fixture.emulator.createKey(
          String(accountId),
          fixture.operator.environmentId,
          {
            name: "by hand",
          },
        );
        const error = errorOf(await fixture.destroy());
        assert.match(error, /^Could not archive service account "ci-\w+" \(user_\w+\)\.\n/);
        assert.match(error, /visible here: "by hand" .*\n.*set forceDestroy: true/);
        assert.deepEqual(Object.keys(await fixture.held()), ["ServiceAccount ci"]);

        fixture.setSource(
          accountWithKey({ roles: '["event_reader"]', account: "forceDestroy: true" }),
        );
        succeeded(await fixture.up());
        const { keyId } = await fixture.outputs();
        fixture.takeWrites();
        const forced = succeeded(await fixture.destroy());
        assert.match(
          messages(forced, "warning").join(),
          /"by hand" .*has been revoked \(forceDestroy\)/,
        );
        assert.deepEqual(requests(), [
          `DELETE /v1/secrets/api/keys/${keyId} 204`,
          `DELETE /v1/users/${accountId} 400`,
          `DELETE /v1/secrets/api/keys/${foreign.id} 204`,
          `DELETE /v1/users/${accountId} 204`,
        ]);
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});
