import assert from "node:assert/strict";
import {
  type AccountInputs,
  createAccount,
  createKey,
  DAY,
  FINGERPRINT,
  failureOf,
  type KeyInputs,
  type ProviderProcess,
  UNKNOWN,
  UnitFixture,
} from "../fixture";

/** "main" has the settings of the default connection. */
const SAME_SETTINGS = { main: FINGERPRINT };

describe("a change of the connection", () => {
  const fixture = UnitFixture.forEachTest();

  const ACCOUNT = { roles: ["event_reader"], namePrefix: "ci" } satisfies AccountInputs;

  async function createBoth(overrides: Partial<KeyInputs> = {}) {
    const provider = fixture.process();
    const account = await createAccount(provider, ACCOUNT);
    const inputs = {
      serviceAccountId: account.id,
      namePrefix: "ci",
      type: "private_key",
      ...overrides,
    } satisfies KeyInputs;
    const key = await createKey(provider, inputs);
    return { account: { ...account, inputs: ACCOUNT }, key: { ...key, inputs } };
  }

  type Both = Awaited<ReturnType<typeof createBoth>>;

  /** Functions that diff the account and the key after these changes of their states and inputs. */
  const diffsOf = (
    { accounts, keys }: ProviderProcess,
    { account, key }: Both,
    { olds = {}, news }: { olds?: object; news: object },
  ) => [
    () => accounts.diff(account.id, { ...account.state, ...olds }, { ...account.inputs, ...news }),
    () => keys.diff(key.id, { ...key.state, ...olds }, { ...key.inputs, ...news }),
  ];

  it("to one with the same settings updates account and key without a request", async () => {
    const created = await createBoth();
    const { account, key } = created;
    const provider = fixture.process({ fingerprints: SAME_SETTINGS });
    const { accounts, keys } = provider;
    fixture.emulator.clearRequests();
    for (const connection of ["main", UNKNOWN, "india"]) {
      const expected = [["connection"], connection === "main" ? [] : ["connection"]];
      for (const diff of diffsOf(provider, created, { news: { connection } })) {
        const { changed, replaces } = await diff();
        assert.deepEqual([changed, replaces], expected);
      }
    }
    const connection = "main";
    const updates = await Promise.all([
      accounts.update(account.id, account.state, { ...account.inputs, connection }),
      keys.update(key.id, key.state, { ...key.inputs, connection }),
    ]);
    assert.deepEqual(
      updates.map(({ outs }) => outs),
      [
        { ...account.state, connection },
        { ...key.state, connection },
      ],
    );
    const undone = await keys.update(key.id, { ...key.state, connection }, key.inputs);
    assert.deepEqual(undone, { outs: key.state });
    assert.deepEqual(fixture.writes, []);
  });

  it("to one with the same settings leaves a rotated key to expire", async () => {
    const lifetime = { expiresIn: "90d", rotateBefore: "14d", onDelete: "expire" };
    const { key } = await createBoth(lifetime);
    fixture.clock.now += 80 * DAY;
    const { keys, warnings } = fixture.process({ fingerprints: SAME_SETTINGS });
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

  it("is rejected if the connection leads to another tenant", async () => {
    const created = await createBoth();
    const foreign = fixture.foreignProcess({ fingerprints: SAME_SETTINGS });
    for (const diff of diffsOf(foreign, created, { news: { connection: "main" } })) {
      await failureOf(diff, "wrong_tenant");
    }
  });

  for (const [title, olds, settings] of [
    ["the default connection", {}, "the settings outside of flexprice:connections"],
    ["a named one", { connection: "eu" }, 'connection "eu"'],
  ] as const) {
    it(`from ${title} is rejected if that is no longer configured, since the old object could not be deleted`, async () => {
      const provider = fixture.process({ unconfigured: ["", "eu"] });
      const changes = { olds, news: { connection: "in" } };
      for (const diff of diffsOf(provider, await createBoth(), changes)) {
        const { operation, reason, fix } = await failureOf(diff, "configuration");
        assert.match(operation, /^replace (?:service account|API key) /);
        const expected = `it was created through ${settings}, and could not be deleted: `;
        assert.ok(reason.startsWith(expected), reason);
        assert.match(fix, /^configure the old settings again until "pulumi up" has moved/);
      }
    });
  }

  it("is not needed for an update through a connection that is no longer configured", async () => {
    const { account, key } = await createBoth();
    const { accounts, keys } = fixture.process({ unconfigured: ["eu"] });
    const olds = { connection: "eu" };
    const diffs = await Promise.all([
      accounts.diff(
        account.id,
        { ...account.state, ...olds },
        { ...account.inputs, ...olds, forceDestroy: true },
      ),
      keys.diff(
        key.id,
        { ...key.state, ...olds },
        { ...key.inputs, ...olds, rotationTriggers: { release: "1" } },
      ),
    ]);
    for (const { changes, replaces } of diffs) assert.deepEqual([changes, replaces], [true, []]);
  });
});
