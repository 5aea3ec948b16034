import assert from "node:assert/strict";
import type { StackState } from "../../scripts/workspace";
import { step } from "../support/scenario";
import { accountWithKey, succeeded, withStack } from "./fixture";

/** The key under which Pulumi marks a value as secret. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

/** An upper bound for what a resource adds to the state. */
const MOST_BYTES = 3_000;

// When the fixture closes, it searches everything that was printed or written for every key. See fixture.ts.
describe("keys", () => {
  it("are encrypted in the state and shown nowhere", async () => {
    await withStack("", { ownProcess: true }, async (fixture) => {
      await fixture.keepCredentialInConfig();
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "old",
        roles: ["event_reader"],
      });
      const adoptedKey = fixture.emulator.createKey(account.id, environmentId, { name: "old" });
      fixture.workspace.env["OLD_ACCOUNT"] = account.id;
      fixture.workspace.env["OLD_KEY"] = JSON.stringify({
        id: adoptedKey.id,
        apiKey: adoptedKey.value,
      });

      /** New keys, one of them publishable, and an adopted one. */
      function program(roles = '["event_ingestor"]'): string {
        return accountWithKey({
          roles,
          more: `
new flexprice.ApiKey("widget", { serviceAccountId: account.id, type: "publishable_key" });
const { OLD_ACCOUNT, OLD_KEY } = process.env as Record<string, string>;
const old = new flexprice.ServiceAccount("old", { roles: ["event_reader"], adopt: OLD_ACCOUNT });
new flexprice.ApiKey("old", { serviceAccountId: old.id, adopt: JSON.parse(OLD_KEY) });
`,
        });
      }

      /** Asserts that each key in the state is encrypted, and that only the provider's entry has the operator's. */
      async function assertSecret(): Promise<void> {
        const state = await fixture.workspace.exportState();
        const keys = fixture.keys().map(({ value }) => value);
        assert.equal(keys.length, 3);
        const text = JSON.stringify(state);
        for (const value of [...keys, fixture.operator.apiKey]) assert.ok(!text.includes(value));
        for (const { type, outputs, urn } of state.deployment.resources ?? []) {
          if (!type.endsWith(":ApiKey")) continue;
          assert.ok(Object.hasOwn(Object(outputs?.["apiKey"]), SECRET_MARK), urn);
        }
        assertOnlyWhereItBelongs(await fixture.workspace.exportState({ showSecrets: true }), keys);
      }

      function assertOnlyWhereItBelongs({ deployment }: StackState, keys: string[]): void {
        for (const { type, urn, ...entry } of deployment.resources ?? []) {
          const text = JSON.stringify(entry);
          const holdsOperator = text.includes(fixture.operator.apiKey);
          assert.equal(holdsOperator, type === "pulumi:providers:pulumi-nodejs", urn);
          const heldKeys = keys.filter((value) => text.includes(value));
          const name = urn.split("::").at(-1);
          const expected = type.endsWith(":ApiKey") ? 1 : type === "pulumi:pulumi:Stack" ? 1 : 0;
          assert.equal(heldKeys.length, expected, `${urn} holds ${heldKeys.length} keys`);
          if (type.endsWith(":ApiKey") && name === "old")
            assert.deepEqual(heldKeys, [adoptedKey.value]);
        }
      }

      fixture.setSource(program());

      await step("up shows and stores keys as secrets", async () => {
        const up = succeeded(await fixture.up("--diff"));
        assert.match(up.output, /apiKey +: \[secret\]/);
        assert.deepEqual(
          fixture
            .takeWrites()
            .map(({ request }) => request.replace(/user_\w+/, "user_ID"))
            .sort(),
          ["POST /v1/secrets/api/keys", "POST /v1/secrets/api/keys", "POST /v1/users"],
        );
        await assertSecret();
        const { keyId, apiKey } = await fixture.outputs();
        assert.equal(apiKey, fixture.keys().find(({ id }) => id === keyId)?.value);
      });

      await step("preview --json shows no key", async () => {
        fixture.setSource(program('["event_reader"]'));
        const preview = succeeded(await fixture.preview("--json"));
        assert.ok(preview.output.includes('"apiKey": "[secret]"'));
        assert.ok(preview.output.includes('"op": "replace"'));
      });

      await step("refresh keeps keys secret, with and without drift", async () => {
        succeeded(await fixture.refresh("--diff"));
        await assertSecret();
        fixture.emulator.expireKey(String((await fixture.outputs())["keyId"]));
        succeeded(await fixture.refresh("--diff"));
        await assertSecret();
      });

      await step("a replacement keeps keys secret", async () => {
        fixture.setSource(program('["super_admin"]'));
        const before = (await fixture.outputs())["apiKey"];
        succeeded(await fixture.up("--diff"));
        assert.notEqual((await fixture.outputs())["apiKey"], before);
        await assertSecret();
      });

      await step("a resource takes little room in the state", async () => {
        for (const resource of await fixture.resources()) {
          const bytes = JSON.stringify(resource).length;
          assert.ok(bytes <= MOST_BYTES, `${resource.urn}: ${bytes} bytes`);
        }
      });

      await step("destroy revokes every key", async () => {
        succeeded(await fixture.destroy());
        assert.deepEqual(fixture.keys(), []);
      });
    });
  });
});
