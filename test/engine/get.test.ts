import assert from "node:assert/strict";
import { Bench, changes, failed, messages, succeeded } from "./fixture";

describe("get", () => {
  let bench: Bench;
  let ids: { account: string; key: string };
  let value: string;

  before(async () => {
    bench = await Bench.open("");
    const { tenantId, environmentId } = bench.operator;
    const account = bench.emulator.createAccount(tenantId, {
      name: "elsewhere",
      roles: ["event_reader", "event_ingestor"],
    });
    const key = bench.emulator.createKey(account.id, environmentId, { name: "theirs" });
    ids = { account: account.id, key: key.id };
    value = key.value;
    bench.setSource(program());
  });
  after(() => bench.close());

  function program(account = ids.account, apiKey = value): string {
    return `
import * as flexprice from "pulumi-flexprice";
const account = flexprice.ServiceAccount.get("account", "${account}");
const key = flexprice.ApiKey.get("key", "${ids.key}", { apiKey: "${apiKey}" });
const bare = flexprice.ApiKey.get("bare", "${ids.key}");
export const { name, roles, tenantId } = account;
export const { displayId, userId, userType, type, apiKey } = key;
export const keyName = key.name;
export const bareKey = bare.apiKey;
`;
  }

  it("reads what is managed elsewhere and changes nothing", async () => {
    const [{ displayId } = { displayId: "" }] = bench.keys();
    for (const round of [1, 2]) {
      const up = succeeded(await bench.up());
      assert.deepEqual(changes(up).sort(), [
        "read ApiKey bare",
        "read ApiKey key",
        "read ServiceAccount account",
      ]);
      assert.deepEqual(
        await bench.outputs(),
        {
          name: "elsewhere",
          roles: ["event_ingestor", "event_reader"],
          tenantId: bench.operator.tenantId,
          displayId,
          userId: ids.account,
          userType: "service_account",
          type: "private_key",
          apiKey: value,
          keyName: "theirs",
        },
        `round ${round}`,
      );
      assert.match(up.output, /apiKey +: \[secret\]/);
    }
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("takes up what changed there, and is no drift", async () => {
    bench.emulator.renameAccount(ids.account, "renamed there");
    succeeded(await bench.drift());
    succeeded(await bench.up());
    assert.equal((await bench.outputs())["name"], "renamed there");
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("says so when there is no such account, or the key is another", async () => {
    bench.setSource(program("user_01M86HSRMGQP18MFHQCQGFJ1F6"));
    const missing = failed(await bench.preview());
    assert.match(
      messages(missing, "error").join(""),
      /Could not read service account user_01M86HSRMGQP18MFHQCQGFJ1F6\.\n {2}Reason: tenant \w+ has no service account with this id that is not archived\n {2}What to do: correct the id/,
    );
    bench.hide("sk_01WRONGWRONGWRONGWRONGWRON");
    bench.setSource(program(ids.account, "sk_01WRONGWRONGWRONGWRONGWRON"));
    const other = failed(await bench.preview());
    assert.match(other.output, /the given apiKey is not this key: its display id would be sk_01/);
    bench.setSource(program());
  });

  it("leaves everything alive on destroy", async () => {
    succeeded(await bench.destroy());
    assert.deepEqual(bench.takeWrites(), []);
    assert.equal(bench.accounts().length, 1);
    assert.equal(bench.keys().length, 1);
  });
});
