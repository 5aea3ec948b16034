import assert from "node:assert/strict";
import { type AccountState, failureOf, UnitFixture } from "../../fixture";

describe("lifecycle/service-account: import", () => {
  const fixture = UnitFixture.forEachTest();

  async function importOf(name: string) {
    const { tenantId } = fixture.operator;
    const roles = ["event_reader", "event_ingestor"];
    const { id } = fixture.emulator.createAccount(tenantId, { name: "by hand", roles });
    fixture.emulator.renameAccount(id, name);
    return await fixture.process({ isPlugin: true }).accounts.import(id);
  }

  for (const [what, name, input] of [
    ["an account", "by hand", { name: "by hand" }],
    // No program can set a blank name.
    ["an account without a name", "", {}],
  ] as const) {
    it(`describes ${what} with inputs that leave nothing to change`, async () => {
      const { id = "", props, inputs } = await importOf(name);
      const roles = ["event_ingestor", "event_reader"];
      assert.deepEqual(inputs, { ...input, roles });
      assert.deepEqual(props, { name, roles, tenantId: fixture.operator.tenantId });
      const { accounts } = fixture.process({ isPlugin: true });
      const described = { ...(inputs as AccountState), namePrefix: "ci" };
      const checked = await accounts.check(inputs as AccountState, described);
      assert.deepEqual(checked.failures, []);
      const diff = await accounts.diff(id, props as AccountState, checked.inputs as AccountState);
      assert.deepEqual([diff.changed, diff.replaces], [[], []]);
      assert.deepEqual(fixture.writes, []);
    });
  }

  it("fails for an account that is not there", async () => {
    const missing = "user_01M86HSRMGQP18MFHQCQGFJ1F6";
    const { accounts } = fixture.process({ isPlugin: true });
    const { operation, fix } = await failureOf(accounts.import(missing), "not_found");
    assert.equal(operation, `import service account ${missing}`);
    assert.match(fix, /^correct the id/);
  });
});
