import assert from "node:assert/strict";
import {
  createKey,
  type KeyInputs,
  type KeyState,
  type ProviderProcess,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const SUFFIX = /^[0-9a-hjkmnp-tv-z]{10}$/;
const UNCHANGED = [false, []];

describe("the name of an API key", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  beforeEach(() => {
    provider = fixture.process();
    account = fixture.addAccount({ name: "ci", roles: ["event_reader"] }).id;
  });

  const nameOf = (id: string) => fixture.key(id).name;
  const inputs = (overrides: Partial<KeyInputs> = {}): KeyInputs => ({
    namePrefix: "k",
    type: "private_key",
    serviceAccountId: account,
    ...overrides,
  });
  const create = (overrides?: Partial<KeyInputs>) => createKey(provider, inputs(overrides));
  const diff = async (id: string, olds: KeyState, news: KeyInputs) => {
    const { changes, replaces } = await provider.keys.diff(id, olds, news);
    return [changes, replaces];
  };
  const update = async (id: string, olds: KeyState, news: KeyInputs) =>
    (await provider.keys.update(id, olds, news)).outs as KeyState;

  describe("without a name in the program", () => {
    for (const type of ["private_key", "publishable_key"]) {
      it(`is unique, costs one request, and is kept as autoName, for a ${type}`, async () => {
        const { id, state } = await create({ type });
        assert.match(state.name, /^k-/);
        assert.match(state.name.slice(2), SUFFIX);
        const { name, autoName, namePrefix } = state;
        assert.deepEqual([name, autoName, namePrefix], [nameOf(id), name, "k"]);
        assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
      });
    }

    it("starts with api-key if the program sets no prefix", async () => {
      const { state } = await createKey(provider, { serviceAccountId: account });
      assert.match(state.name, /^api-key-/);
      assert.equal(state.namePrefix, undefined);
    });

    it("gets a new suffix with each rotation", async () => {
      const replaced = await create({ rotationTriggers: { release: "1" } });
      const news = inputs({ rotationTriggers: { release: "2" } });
      assert.deepEqual(await diff(replaced.id, replaced.state, news), [true, ["rotationTriggers"]]);
      const { state } = await createKey(provider, news);
      assert.match(state.name, /^k-/);
      assert.notEqual(state.name, replaced.state.name);
    });

    it("is unique if the program sets it to null", async () => {
      const news = { ...inputs(), name: null } as unknown as KeyInputs;
      const { id, state } = await createKey(provider, news);
      assert.equal(state.autoName, nameOf(id));
      const checked = await provider.keys.check(news, news);
      assert.deepEqual(await diff(id, state, checked.inputs as KeyInputs), UNCHANGED);
    });

    it("stays if the prefix changes, which only counts for the next key", async () => {
      const { id, state } = await create();
      for (const namePrefix of ["other", UNKNOWN]) {
        assert.deepEqual(await diff(id, state, inputs({ namePrefix })), UNCHANGED);
      }
      const change = { namePrefix: "other", onDelete: "revoke", rotationTriggers: { a: "1" } };
      const { name, autoName, namePrefix } = await update(id, state, inputs(change));
      assert.deepEqual([name, autoName, namePrefix], [state.name, state.name, "other"]);
    });

    it("is unchanged after a refresh", async () => {
      const { id, state } = await create();
      provider = fixture.process();
      assert.deepEqual(await provider.keys.read(id, state), { id, props: state });
    });

    it("stays if the program then sets the same name, and is no longer autoName", async () => {
      const { id, state } = await create();
      const news = inputs({ name: state.name });
      assert.deepEqual(await diff(id, state, news), UNCHANGED);
      const { name, autoName } = await update(id, state, { ...news, rotationTriggers: { a: "1" } });
      assert.deepEqual([name, autoName], [state.name, undefined]);
    });
  });

  describe("set by the program", () => {
    it("is sent as it is with one request", async () => {
      const { id, state } = await create({ name: "K" });
      assert.deepEqual([nameOf(id), state.name, state.autoName], ["K", "K", undefined]);
      assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
      assert.deepEqual(await diff(id, state, inputs({ name: "K" })), UNCHANGED);
    });

    it("replaces the key if it changes", async () => {
      for (const [name, news] of [
        [{ name: "K" }, "K2"],
        [{}, "K"],
      ] as const) {
        const { id, state } = await create(name);
        assert.deepEqual(await diff(id, state, inputs({ name: news })), [true, ["name"]]);
      }
    });

    it("becomes autoName if the program no longer sets it", async () => {
      const { id, state } = await create({ name: "K" });
      assert.deepEqual(await diff(id, state, inputs()), UNCHANGED);
      const news = inputs({ rotationTriggers: { a: "1" } });
      const updated = await update(id, state, news);
      assert.deepEqual([updated.name, updated.autoName], ["K", "K"]);
      assert.deepEqual(await diff(id, updated, news), UNCHANGED);
    });
  });

  it("stays in a state of an older release, whether the program sets it or not", async () => {
    const { id, value, displayId } = fixture.addKey(account, { name: "k" });
    const state: KeyState = {
      name: "k",
      type: "private_key",
      serviceAccountId: account,
      apiKey: value,
      displayId,
      roles: ["event_reader"],
      userId: account,
      userType: "service_account",
      createdAt: "2026-11-24T08:00:00Z",
      tenantId: fixture.operator.tenantId,
    };
    for (const news of [inputs(), inputs({ namePrefix: "other" }), inputs({ name: "k" })]) {
      assert.deepEqual((await provider.keys.check(inputs({ name: "k" }), news)).failures, []);
      assert.deepEqual(await diff(id, state, news), UNCHANGED);
    }
    assert.deepEqual(await provider.keys.read(id, state), { id, props: state });
    assert.deepEqual(fixture.writes, []);
  });

  it("of an adopted key becomes autoName if the program sets none", async () => {
    const { id, value } = fixture.addKey(account, { name: "existing" });
    const news = inputs({ adopt: { id, apiKey: value } });
    const adopted = await createKey(provider, news);
    const { name, autoName, namePrefix } = adopted.state;
    assert.deepEqual([adopted.id, name, autoName, namePrefix], [id, "existing", "existing", "k"]);
    assert.deepEqual(await diff(id, adopted.state, news), UNCHANGED);
    assert.deepEqual(fixture.writes, []);
  });
});
