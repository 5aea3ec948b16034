import assert from "node:assert/strict";
import {
  type AccountState,
  createKey,
  credential,
  failureOf,
  type KeyState,
  reasons,
  UnitFixture,
} from "../fixture";

/** After the end of its own credential, a run could do nothing more. */
describe("resources: the operator's own credential", () => {
  const fixture = UnitFixture.forEachTest();

  const ownKey = () =>
    fixture.emulator.keys().find(({ value }) => value === fixture.operator.apiKey) ?? assert.fail();

  it("is not adopted, and the preview says so", async () => {
    const process = fixture.process();
    const { id, value } = ownKey();
    const inputs = { type: "private_key", name: "admin key", adopt: { id, apiKey: value } };
    const [reason, ...others] = reasons(await process.keys.check({}, inputs));
    assert.deepEqual(others, []);
    assert.match(
      reason ?? "",
      /^adopt: .*Reason: it is the operator's own credential, from config key flexprice:apiKey/s,
    );
    await failureOf(process.keys.create(inputs), "refused");
    assert.equal(process.managed.has(id), false);
  });

  it("is not revoked by a state that holds it", async () => {
    const made = await createKey(fixture.process(), { namePrefix: "own" });
    const own = fixture.process({ credential: credential(made.state.apiKey) });
    const error = await failureOf(own.keys.delete(made.id, made.state), "refused");
    assert.match(error.message, /"pulumi state delete"/);
    assert(!error.message.includes(made.state.apiKey));
    assert.deepEqual(fixture.emulator.keys().at(-1)?.status, "published");
    const other = fixture.process();
    await other.keys.delete(made.id, made.state);
    assert.equal(fixture.emulator.keys().at(-1)?.status, "deleted");
  });

  it("is not left without its account, by adoption or deletion", async () => {
    const robot = fixture.accountWithKey(["super_admin"], "robot");
    const { tenantId } = fixture.operator;
    const inputs = { namePrefix: "robot", roles: ["super_admin"], adopt: robot.id };
    const own = fixture.process({ credential: robot.credential });
    assert.match(
      reasons(await own.accounts.check({}, inputs))[0] ?? "",
      /^adopt: .*it is the account of the operator's own credential/s,
    );
    await failureOf(own.accounts.create(inputs), "refused");
    const state: AccountState = {
      name: "robot",
      roles: ["super_admin"],
      forceDestroy: true,
      tenantId,
    };
    await failureOf(own.accounts.delete(robot.id, state), "refused");
    assert.deepEqual(fixture.writes, []);
    await fixture.process().accounts.delete(robot.id, state);
    assert.equal(fixture.emulator.accounts().at(-1)?.status, "archived");
  });

  it("does not stand in the way of keys that only look like it", async () => {
    const made = await createKey(fixture.process(), { namePrefix: "k" });
    const state: KeyState = { ...made.state, displayId: ownKey().displayId };
    await fixture.process().keys.delete(made.id, state);
    assert.equal(fixture.emulator.keys().at(-1)?.status, "deleted");
  });
});
