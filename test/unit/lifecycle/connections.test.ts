import assert from "node:assert/strict";
import {
  type AccountInputs,
  createAccount,
  createKey,
  credential,
  DAY,
  FINGERPRINT,
  failureOf,
  type KeyInputs,
  UNKNOWN,
  UnitFixture,
} from "../fixture";

/** "main" has the settings of the default connection. */
const SAME = { main: FINGERPRINT };

describe("lifecycle/connections", () => {
  const fixture = UnitFixture.forEachTest();

  const ACCOUNT = { roles: ["event_reader"], namePrefix: "ci" } satisfies AccountInputs;

  async function accountAndKey(more: Partial<KeyInputs> = {}) {
    const process = fixture.process();
    const account = await createAccount(process, ACCOUNT);
    const inputs = {
      serviceAccountId: account.id,
      namePrefix: "ci",
      type: "private_key",
      ...more,
    } satisfies KeyInputs;
    const key = await createKey(process, inputs);
    return { account, key: { ...key, inputs } };
  }

  it("updates account and key if the connection changes to one with the same settings, without a request", async () => {
    const { account, key } = await accountAndKey();
    const { accounts, keys } = fixture.process({ fingerprints: SAME });
    fixture.emulator.clearRequests();
    for (const connection of ["main", UNKNOWN, "india"]) {
      const replaces = connection === "main" ? [] : ["connection"];
      const ofAccount = await accounts.diff(account.id, account.state, { ...ACCOUNT, connection });
      const ofKey = await keys.diff(key.id, key.state, { ...key.inputs, connection });
      for (const { changed, replaces: replaced } of [ofAccount, ofKey]) {
        assert.deepEqual([changed, replaced], [["connection"], replaces]);
      }
    }
    const outs = await Promise.all([
      accounts.update(account.id, account.state, { ...ACCOUNT, connection: "main" }),
      keys.update(key.id, key.state, { ...key.inputs, connection: "main" }),
    ]);
    assert.deepEqual(outs, [
      { outs: { ...account.state, connection: "main" } },
      { outs: { ...key.state, connection: "main" } },
    ]);
    assert.deepEqual(fixture.writes, []);
    const back = await keys.update(key.id, { ...key.state, connection: "main" }, key.inputs);
    assert.deepEqual(back, { outs: key.state });
  });

  it("leaves a rotated key to its expiry if only the connection's name changes with the rotation", async () => {
    const { key } = await accountAndKey({
      expiresIn: "90d",
      rotateBefore: "14d",
      onDelete: "expire",
    });
    fixture.clock.now += 80 * DAY;
    const { keys, warnings } = fixture.process({ fingerprints: SAME });
    const news = { ...key.inputs, connection: "main" };
    await keys.check(key.inputs, news);
    const { replaces } = await keys.diff(key.id, key.state, news);
    assert.deepEqual(replaces, ["expiresAt"]);
    assert.equal(warnings.length, 1, warnings.join());
    await keys.check({} as KeyInputs, news);
    const { outs } = await keys.create(news);
    assert.deepEqual(outs?.predecessors, [{ id: key.id, expiresAt: key.state.expiresAt }]);
    fixture.emulator.clearRequests();
    await keys.delete(key.id, key.state);
    assert.deepEqual(fixture.writes, []);
  });

  it("rejects a new name of a connection that leads to another tenant", async () => {
    const { account, key } = await accountAndKey();
    const other = fixture.emulator.createTenant({ name: "Other" });
    const { accounts, keys } = fixture.process({
      credential: credential(other.apiKey),
      fingerprints: SAME,
    });
    const connection = "main";
    for (const attempt of [
      accounts.diff(account.id, account.state, { ...ACCOUNT, connection }),
      keys.diff(key.id, key.state, { ...key.inputs, connection }),
    ]) {
      await failureOf(attempt, "wrong_tenant");
    }
  });

  it("rejects a replacement if the old connection is no longer configured", async () => {
    const { account, key } = await accountAndKey();
    const { accounts, keys } = fixture.process({ unconfigured: ["", "eu"] });
    for (const [before, which] of [
      [undefined, "the settings outside of flexprice:connections"],
      ["eu", 'connection "eu"'],
    ] as const) {
      const old = before === undefined ? {} : { connection: before };
      for (const attempt of [
        () =>
          accounts.diff(account.id, { ...account.state, ...old }, { ...ACCOUNT, connection: "in" }),
        () => keys.diff(key.id, { ...key.state, ...old }, { ...key.inputs, connection: "in" }),
      ]) {
        const { message } = await failureOf(attempt, "configuration");
        assert.match(
          message,
          /^Could not replace (?:service account|API key) .*\.\n {2}Reason: it was created through /,
        );
        assert.ok(
          message.includes(`created through ${which}, and could not be deleted: `),
          message,
        );
        assert.match(
          message,
          /What to do: configure the old settings again until "pulumi up" has moved/,
        );
      }
    }
  });

  it("does not need the old connection for a change that replaces nothing", async () => {
    const { account, key } = await accountAndKey();
    const { accounts, keys } = fixture.process({ unconfigured: ["eu"] });
    const olds = { connection: "eu" };
    const ofAccount = await accounts.diff(
      account.id,
      { ...account.state, ...olds },
      { ...ACCOUNT, ...olds, forceDestroy: true },
    );
    const ofKey = await keys.diff(
      key.id,
      { ...key.state, ...olds },
      { ...key.inputs, ...olds, rotationTriggers: { release: "1" } },
    );
    for (const { changes, replaces } of [ofAccount, ofKey]) {
      assert.deepEqual([changes, replaces], [true, []]);
    }
  });
});
