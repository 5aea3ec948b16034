import assert from "node:assert/strict";
import { type AccountState, failureOf, UnitFixture } from "../../fixture";

describe("ServiceAccountProvider.import", () => {
  const fixture = UnitFixture.forEachTest();

  for (const [title, name, nameInput] of [
    ["an account", "by hand", { name: "by hand" }],
    // No program can set a blank name.
    ["an account without a name", "", {}],
  ] as const) {
    it(`returns inputs for ${title} that leave nothing to change`, async () => {
      const created = fixture.addAccount({
        name: "by hand",
        roles: ["event_reader", "event_ingestor"],
      });
      fixture.emulator.renameAccount(created.id, name);
      const importing = fixture.process({ isPlugin: true });
      const { id = "", props, inputs } = await importing.accounts.import(created.id);
      const roles = ["event_ingestor", "event_reader"];
      assert.deepEqual(inputs, { ...nameInput, roles });
      assert.deepEqual(props, { name, roles, tenantId: fixture.operator.tenantId });

      const { accounts } = fixture.process({ isPlugin: true });
      const program = { ...(inputs as AccountState), namePrefix: "ci" };
      const checked = await accounts.check(inputs as AccountState, program);
      assert.deepEqual(checked.failures, []);
      const diff = await accounts.diff(id, props as AccountState, checked.inputs as AccountState);
      assert.deepEqual([diff.changed, diff.replaces], [[], []]);
      assert.deepEqual(fixture.writes, []);
    });
  }

  it("fails for an account that does not exist", async () => {
    const missing = "user_01M86HSRMGQP18MFHQCQGFJ1F6";
    const { accounts } = fixture.process({ isPlugin: true });
    const { operation, fix } = await failureOf(accounts.import(missing), "not_found");
    assert.equal(operation, `import service account ${missing}`);
    assert.match(fix, /^correct the id/);
  });
});
