import assert from "node:assert/strict";
import {
  type AccountState,
  createKey,
  credential,
  failureOf,
  type KeyState,
  reasons,
  Stage,
} from "../fixture";

/** Behind the end of its own credential a run could do nothing more. */
describe("resources: the operator's own credential", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  const ownKey = () =>
    stage.emulator.keys().find(({ value }) => value === stage.operator.apiKey) ?? assert.fail();

  it("is not adopted, and the preview says so", async () => {
    const process = stage.process();
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
    const made = await createKey(stage.process(), { namePrefix: "own" });
    const own = stage.process({ credential: credential(made.state.apiKey) });
    const error = await failureOf(own.keys.delete(made.id, made.state), "refused");
    assert.match(error.message, /"pulumi state delete"/);
    assert(!error.message.includes(made.state.apiKey));
    assert.deepEqual(stage.emulator.keys().at(-1)?.status, "published");
    const other = stage.process();
    await other.keys.delete(made.id, made.state);
    assert.equal(stage.emulator.keys().at(-1)?.status, "deleted");
  });

  it("is not left without its account, by adoption or deletion", async () => {
    const robot = stage.accountWithKey(["super_admin"], "robot");
    const { tenantId } = stage.operator;
    const inputs = { namePrefix: "robot", roles: ["super_admin"], adopt: robot.id };
    const own = stage.process({ credential: robot.credential });
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
    assert.deepEqual(stage.writes, []);
    await stage.process().accounts.delete(robot.id, state);
    assert.equal(stage.emulator.accounts().at(-1)?.status, "archived");
  });

  it("does not stand in the way of keys that only look like it", async () => {
    const made = await createKey(stage.process(), { namePrefix: "k" });
    const state: KeyState = { ...made.state, displayId: ownKey().displayId };
    await stage.process().keys.delete(made.id, state);
    assert.equal(stage.emulator.keys().at(-1)?.status, "deleted");
  });
});
