import assert from "node:assert/strict";
import type { StackState } from "../../scripts/workspace";
import { accountWithKey, EngineFixture, succeeded } from "./fixture";

/** The key under which Pulumi marks a value as secret. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

/** An upper bound for what a resource adds to the state. */
const MOST_BYTES = 3_000;

// When the fixture closes, it searches everything that was printed or written for every key. See fixture.ts.
describe("secrets", () => {
  let fixture: EngineFixture;
  let adopted: { id: string; value: string };

  before(async () => {
    fixture = await EngineFixture.open("", { ownProcess: true });
    await fixture.keepCredentialInConfig();
    const { tenantId, environmentId } = fixture.operator;
    const account = fixture.emulator.createAccount(tenantId, {
      name: "old",
      roles: ["event_reader"],
    });
    adopted = fixture.emulator.createKey(account.id, environmentId, { name: "old" });
    fixture.setSource(program());
    fixture.workspace.env["OLD_ACCOUNT"] = account.id;
    fixture.workspace.env["OLD_KEY"] = JSON.stringify({ id: adopted.id, apiKey: adopted.value });
  });
  after(() => fixture.close());

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
      const held = keys.filter((value) => text.includes(value));
      const name = urn.split("::").at(-1);
      const expected = type.endsWith(":ApiKey") ? 1 : type === "pulumi:pulumi:Stack" ? 1 : 0;
      assert.equal(held.length, expected, `${urn} holds ${held.length} keys`);
      if (type.endsWith(":ApiKey") && name === "old") assert.deepEqual(held, [adopted.value]);
    }
  }

  it("stay secret from the first up on", async () => {
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

  it("in JSON for machines too", async () => {
    fixture.setSource(program('["event_reader"]'));
    const preview = succeeded(await fixture.preview("--json"));
    assert.ok(preview.output.includes('"apiKey": "[secret]"'));
    assert.ok(preview.output.includes('"op": "replace"'));
  });

  it("through refresh, with drift and without", async () => {
    succeeded(await fixture.refresh("--diff"));
    await assertSecret();
    fixture.emulator.expireKey(String((await fixture.outputs())["keyId"]));
    succeeded(await fixture.refresh("--diff"));
    await assertSecret();
  });

  it("through replacement", async () => {
    fixture.setSource(program('["super_admin"]'));
    const before = (await fixture.outputs())["apiKey"];
    succeeded(await fixture.up("--diff"));
    assert.notEqual((await fixture.outputs())["apiKey"], before);
    await assertSecret();
  });

  it("while a resource takes little room in the state", async () => {
    for (const resource of await fixture.resources()) {
      const bytes = JSON.stringify(resource).length;
      assert.ok(bytes <= MOST_BYTES, `${resource.urn}: ${bytes} bytes`);
    }
  });

  it("and through destroy", async () => {
    succeeded(await fixture.destroy());
    assert.deepEqual(fixture.keys(), []);
  });
});
