import assert from "node:assert/strict";
import { createKey, credential, failureOf, type KeyState, reasons, UnitFixture } from "../fixture";

/** Without its own credential, the rest of the run would fail. */
describe("the operator's own credential", () => {
  const fixture = UnitFixture.forEachTest();

  const ownKey = () =>
    fixture.emulator.keys().find(({ value }) => value === fixture.operator.apiKey) ?? assert.fail();

  it("cannot be adopted, as the preview already shows", async () => {
    const provider = fixture.process();
    const { id, value } = ownKey();
    const inputs = { type: "private_key", name: "admin key", adopt: { id, apiKey: value } };
    const [reason = "", ...others] = reasons(await provider.keys.check({}, inputs));
    assert.deepEqual(others, []);
    assert.match(
      reason,
      /^adopt: .*Reason: it is the operator's own credential, from config key flexprice:apiKey/s,
    );
    await failureOf(provider.keys.create(inputs), "refused");
    assert.equal(provider.managed.has(id), false);
  });

  it("is not revoked if a state has it, unless another credential is used", async () => {
    const { id, state } = await createKey(fixture.process(), { namePrefix: "own" });
    const { keys } = fixture.process({ credential: credential(state.apiKey) });
    const error = await failureOf(keys.delete(id, state), "refused");
    assert.match(error.message, /"pulumi state delete"/);
    assert(!error.message.includes(state.apiKey));
    assert.equal(fixture.statusOf(id), "published");
    await fixture.process().keys.delete(id, state);
    assert.equal(fixture.statusOf(id), "deleted");
  });

  it("keeps its account, which can be neither adopted nor archived", async () => {
    const roles = ["super_admin"];
    const { id, credential } = fixture.accountWithKey(roles, "admin");
    const { accounts } = fixture.process({ credential });
    const inputs = { namePrefix: "admin", roles, adopt: id };
    assert.match(
      reasons(await accounts.check({}, inputs)).join(),
      /^adopt: .*it is the account of the operator's own credential/s,
    );
    await failureOf(accounts.create(inputs), "refused");
    const { tenantId } = fixture.operator;
    const state = { name: "admin", roles, forceDestroy: true, tenantId };
    await failureOf(accounts.delete(id, state), "refused");
    assert.deepEqual(fixture.writes, []);
    await fixture.process().accounts.delete(id, state);
    assert.equal(fixture.statusOf(id), "archived");
  });

  it("does not protect another key with the same display id", async () => {
    const created = await createKey(fixture.process(), { namePrefix: "k" });
    const state: KeyState = { ...created.state, displayId: ownKey().displayId };
    await fixture.process().keys.delete(created.id, state);
    assert.equal(fixture.statusOf(created.id), "deleted");
  });
});
