import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { step } from "../support/scenario";
import { KEY_REPLACED } from "./consumer";
import {
  accountWithKey,
  changes,
  failed,
  messages,
  prefixOf,
  succeeded,
  withStack,
} from "./fixture";

const NOON = "2099-06-01T12:00:00Z";

function program(key = `expiresAt: "${NOON}"`, account = ""): string {
  return accountWithKey({
    account,
    key,
    more: `
const widget = new flexprice.ApiKey("widget", { serviceAccountId: account.id, type: "publishable_key" });
export const widgetKey = widget.apiKey;
export const [type, owner, expiry] = [key.type, key.userId, key.expiresAt];
export const { serviceAccountId, namePrefix, rotateBefore, rotationTriggers, onDelete } = key;
`,
  });
}

describe("ApiKey", () => {
  it("is created, updated, replaced and deleted", async () => {
    await withStack(program(), {}, async (fixture) => {
      await step("up creates a private key with an expiry and a publishable one", async () => {
        succeeded(await fixture.up());
        const { accountId, apiKey, widgetKey, ...others } = await fixture.outputs();
        const posts = fixture.takeWrites().filter(({ request }) => request.endsWith("/keys"));
        assert.deepEqual(
          posts
            .map(({ body }) => {
              const { name, ...rest } = Object(body);
              return { name: prefixOf(name), ...rest };
            })
            .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
          [
            { name: "ci", type: "private_key", expires_at: NOON, service_account_id: accountId },
            { name: "widget", type: "publishable_key", service_account_id: accountId },
          ],
        );
        assert.match(String(apiKey), /^sk_/);
        assert.match(String(widgetKey), /^pk_/);
        assert.equal(others["type"], "private_key");
        assert.equal(others["owner"], accountId);
        assert.equal(others["expiry"], NOON);
        assert.equal(others["serviceAccountId"], accountId);
        assert.equal(others["namePrefix"], "ci");
      });

      await step("the same instant in another time zone is no change", async () => {
        const before = await fixture.outputs();
        fixture.setSource(program('expiresAt: "2099-06-01T17:30:00.000+05:30"'));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(await fixture.outputs(), before);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("rotateBefore and rotationTriggers are updated without a request", async () => {
        const before = await fixture.outputs();
        fixture.setSource(
          program(
            `expiresAt: "${NOON}", rotateBefore: "14d", rotationTriggers: { epoch: "1" }`,
            "forceDestroy: false",
          ),
        );
        assert.deepEqual(changes(succeeded(await fixture.up())), ["update ApiKey ci"]);
        const given = { rotateBefore: "14d", rotationTriggers: { epoch: "1" } };
        assert.deepEqual(await fixture.outputs(), { ...before, ...given });
        assert.deepEqual(fixture.takeWrites(), []);
      });

      for (const [what, key, body] of sample([
        ["name", `expiresAt: "${NOON}", name: "other"`, { name: "other" }],
        ["expiresAt", 'expiresAt: "2099-06-01T12:00:01Z", name: "other"', { name: "other" }],
        ["type", 'name: "other", type: "publishable_key"', { type: "publishable_key" }],
      ] as const)) {
        await step(`another ${what} replaces the key, new before old`, async () => {
          const before = await fixture.outputs();
          fixture.setSource(program(key));
          const up = succeeded(await fixture.up());
          assert.deepEqual(changes(up), KEY_REPLACED);
          const replacement = up.steps.find(({ op }) => op === "create-replacement");
          assert.ok(replacement?.replaceKeys.includes(what), String(replacement?.replaceKeys));
          const [post, remove, ...others] = fixture.takeWrites();
          assert.equal(post?.request, "POST /v1/secrets/api/keys");
          assert.deepEqual({ ...Object(post?.body), ...body }, post?.body);
          assert.equal(remove?.request, `DELETE /v1/secrets/api/keys/${before["keyId"]}`);
          assert.deepEqual(others, []);
          const now = await fixture.outputs();
          assert.equal(now["accountId"], before["accountId"]);
          assert.notEqual(now["apiKey"], before["apiKey"]);
          assert.deepEqual(
            fixture
              .keys()
              .map(({ value }) => value)
              .sort(),
            [now["apiKey"], now["widgetKey"]].sort(),
          );
        });
      }

      await step("a key created in the dashboard makes destroy fail, which names it", async () => {
        const { accountId } = await fixture.outputs();
        const { environmentId, tenantId } = fixture.operator;
        const foreign = fixture.emulator.createKey(String(accountId), environmentId, {
          name: "by hand",
        });
        const destroy = failed(await fixture.destroy());
        assert.equal(
          messages(destroy, "error")[0],
          `Could not archive service account "${fixture.accounts()[0]?.name}" (${accountId}).\n  Reason: Flexprice answered 400 validation_error: Revoke all API keys before archiving this service account (DELETE ${fixture.emulator.url}/users/${accountId}); visible here: "by hand" (${foreign.id}, ${foreign.displayId})\n  What to do: revoke them, or set forceDestroy: true, run "pulumi up", and then delete it. An account that has already been replaced keeps the forceDestroy it had: revoke its keys instead. Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.\n`,
        );
        assert.deepEqual(Object.keys(await fixture.held()), ["ServiceAccount ci"]);
        assert.deepEqual(
          fixture.accounts().map(({ id }) => id),
          [accountId],
        );
        fixture.emulator.revokeKey(foreign.id);
        succeeded(await fixture.destroy());
        assert.deepEqual(fixture.accounts(), []);
        assert.equal(
          fixture.emulator.keys(tenantId).filter(({ status }) => status !== "deleted").length,
          1,
        );
      });

      await step("forceDestroy revokes a key created in the dashboard", async () => {
        fixture.setSource(`
import * as flexprice from "pulumi-flexprice";
export const accountId = new flexprice.ServiceAccount("ci", { roles: ["event_reader"], forceDestroy: true }).id;
`);
        succeeded(await fixture.up());
        const { accountId } = await fixture.outputs();
        const foreign = fixture.emulator.createKey(
          String(accountId),
          fixture.operator.environmentId,
          {
            name: "by hand",
          },
        );
        fixture.takeWrites();
        succeeded(await fixture.destroy());
        assert.deepEqual(
          fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
          [
            `DELETE /v1/users/${accountId} 400`,
            `DELETE /v1/secrets/api/keys/${foreign.id} 204`,
            `DELETE /v1/users/${accountId} 204`,
          ],
        );
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});
