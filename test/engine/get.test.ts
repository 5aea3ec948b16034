import assert from "node:assert/strict";
import { step } from "../support/scenario";
import { changes, failed, messages, succeeded, withStack } from "./fixture";

describe("get", () => {
  it("reads objects that another program manages, and never changes them", async () => {
    await withStack("", {}, async (fixture) => {
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "elsewhere",
        roles: ["event_reader", "event_ingestor"],
      });
      const key = fixture.emulator.createKey(account.id, environmentId, { name: "by hand" });
      const ids = { account: account.id, key: key.id };
      const value = key.value;
      fixture.setSource(program());

      function program(account = ids.account, apiKey = value): string {
        return `
import * as flexprice from "pulumi-flexprice";
const account = flexprice.ServiceAccount.get("account", "${account}");
const key = flexprice.ApiKey.get("key", "${ids.key}", { apiKey: "${apiKey}" });
const bare = flexprice.ApiKey.get("bare", "${ids.key}");
export const { name, roles, tenantId } = account;
export const { displayId, userId, userType, type, apiKey, serviceAccountId } = key;
export const keyName = key.name;
export const bareKey = bare.apiKey;
`;
      }

      await step("up reads accounts and keys, and changes nothing", async () => {
        const [{ displayId } = { displayId: "" }] = fixture.keys();
        for (const round of [1, 2]) {
          const up = succeeded(await fixture.up());
          assert.deepEqual(changes(up).sort(), [
            "read ApiKey bare",
            "read ApiKey key",
            "read ServiceAccount account",
          ]);
          assert.deepEqual(
            await fixture.outputs(),
            {
              name: "elsewhere",
              roles: ["event_ingestor", "event_reader"],
              tenantId: fixture.operator.tenantId,
              displayId,
              userId: ids.account,
              userType: "service_account",
              serviceAccountId: ids.account,
              type: "private_key",
              apiKey: value,
              keyName: "by hand",
            },
            `round ${round}`,
          );
          assert.match(up.output, /apiKey +: \[secret\]/);
        }
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("the next up reads what changed there, and finds no drift", async () => {
        fixture.emulator.renameAccount(ids.account, "renamed there");
        succeeded(await fixture.drift());
        succeeded(await fixture.up());
        assert.equal((await fixture.outputs())["name"], "renamed there");
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("preview rejects an unknown account, and the value of another key", async () => {
        fixture.setSource(program("user_01M86HSRMGQP18MFHQCQGFJ1F6"));
        const missing = failed(await fixture.preview());
        assert.match(
          messages(missing, "error").join(""),
          /Could not read service account user_01M86HSRMGQP18MFHQCQGFJ1F6\.\n {2}Reason: tenant \w+ has no service account with this id, or it is archived\n {2}What to do: correct the id/,
        );
        fixture.hide("sk_01WRONGWRONGWRONGWRONGWRON");
        fixture.setSource(program(ids.account, "sk_01WRONGWRONGWRONGWRONGWRON"));
        const other = failed(await fixture.preview());
        assert.match(
          other.output,
          /the given apiKey is not this key: its display id would be sk_01/,
        );
        fixture.setSource(program());
      });

      await step("destroy deletes nothing", async () => {
        succeeded(await fixture.destroy());
        assert.deepEqual(fixture.takeWrites(), []);
        assert.equal(fixture.accounts().length, 1);
        assert.equal(fixture.keys().length, 1);
      });
    });
  });
});
