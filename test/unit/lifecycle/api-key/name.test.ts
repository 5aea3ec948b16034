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

describe("lifecycle/api-key: names", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  beforeEach(async () => {
    process = fixture.process();
    const { tenantId } = fixture.operator;
    account = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ["event_reader"] }).id;
  });

  const nameOf = (id: string) => fixture.emulator.keys().find((key) => key.id === id)?.name;
  const inputs = (more: Partial<KeyInputs> = {}): KeyInputs => ({
    namePrefix: "k",
    type: "private_key",
    serviceAccountId: account,
    ...more,
  });
  const make = (more: Partial<KeyInputs> = {}) => createKey(process, inputs(more));
  const diff = async (id: string, olds: KeyState, news: KeyInputs) => {
    const { changes, replaces } = await process.keys.diff(id, olds, news);
    return [changes, replaces];
  };
  const update = async (id: string, olds: KeyState, news: KeyInputs) =>
    (await process.keys.update(id, olds, news)).outs as KeyState;
  const unchanged = [false, []];

  it("are made up, and stay in the state", async () => {
    const { id, state } = await make();
    assert.match(state.name, /^k-/);
    assert.match(state.name.slice(2), SUFFIX);
    assert.deepEqual([state.name, state.autoName, state.namePrefix], [nameOf(id), state.name, "k"]);
    assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
  });

  it("are made up for publishable keys too", async () => {
    const { id, state } = await make({ type: "publishable_key" });
    assert.match(state.name, /^k-/);
    assert.deepEqual([state.name, state.autoName], [nameOf(id), nameOf(id)]);
  });

  it("differ, also of one prefix", async () => {
    const made = await Promise.all([make(), make(), make()]);
    assert.equal(new Set(made.map(({ state }) => state.name)).size, 3);
  });

  it("begin with the kind where nobody hands a prefix over", async () => {
    const { state } = await createKey(process, { serviceAccountId: account });
    assert.match(state.name, /^api-key-/);
    assert.equal(state.namePrefix, undefined);
  });

  it("cut the prefix by characters at 255 in all", async () => {
    const namePrefix = "😀".repeat(300);
    const { id, state } = await make({ namePrefix });
    const characters = [...(nameOf(id) ?? "")];
    assert.equal(characters.length, 255);
    assert.equal(characters.slice(0, 245).join(""), `${"😀".repeat(244)}-`);
    assert.equal(state.namePrefix, namePrefix);
  });

  it("are new for each rotation", async () => {
    const old = await make({ rotationTriggers: { release: "1" } });
    const news = inputs({ rotationTriggers: { release: "2" } });
    assert.deepEqual(await diff(old.id, old.state, news), [true, ["rotationTriggers"]]);
    const next = await createKey(process, news);
    assert.match(next.state.name, /^k-/);
    assert.notEqual(next.state.name, old.state.name);
  });

  it("take null, by which JavaScript says that there is none, for no name", async () => {
    const given = { ...inputs(), name: null } as unknown as KeyInputs;
    const { id, state } = await createKey(process, given);
    assert.equal(state.autoName, nameOf(id));
    const checked = await process.keys.check(given, given);
    assert.deepEqual(await diff(id, state, checked.inputs as KeyInputs), unchanged);
  });

  it("do not change with the prefix, which counts for the next key only", async () => {
    const { id, state } = await make();
    for (const namePrefix of ["other", UNKNOWN]) {
      assert.deepEqual(await diff(id, state, inputs({ namePrefix })), unchanged);
    }
    const news = inputs({ namePrefix: "other", onDelete: "revoke", rotationTriggers: { a: "1" } });
    const updated = await update(id, state, news);
    assert.deepEqual(
      [updated.name, updated.autoName, updated.namePrefix],
      [state.name, state.name, "other"],
    );
  });

  it("are what the program gives, with one request and without one that is made up", async () => {
    const { id, state } = await make({ name: "K" });
    assert.deepEqual([nameOf(id), state.name, state.autoName], ["K", "K", undefined]);
    assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
    assert.deepEqual(await diff(id, state, inputs({ name: "K" })), unchanged);
  });

  it("replace the key when the program gives another", async () => {
    const named = await make({ name: "K" });
    assert.deepEqual(await diff(named.id, named.state, inputs({ name: "K2" })), [true, ["name"]]);
    const auto = await make();
    assert.deepEqual(await diff(auto.id, auto.state, inputs({ name: "K" })), [true, ["name"]]);
  });

  it("stay when the program gives none any more, and become the key's own", async () => {
    const { id, state } = await make({ name: "K" });
    assert.deepEqual(await diff(id, state, inputs()), unchanged);
    const own = await update(id, state, inputs({ rotationTriggers: { a: "1" } }));
    assert.deepEqual([own.name, own.autoName], ["K", "K"]);
    assert.deepEqual(await diff(id, own, inputs({ rotationTriggers: { a: "1" } })), unchanged);
  });

  it("may be given by the program as they are, which forgets that they were made up", async () => {
    const { id, state } = await make();
    const news = inputs({ name: state.name });
    assert.deepEqual(await diff(id, state, news), unchanged);
    const named = await update(id, state, { ...news, rotationTriggers: { a: "1" } });
    assert.deepEqual([named.name, named.autoName], [state.name, undefined]);
  });

  it("of a release that knew none but the program's stay, whether the program says them or not", async () => {
    const { environmentId, tenantId } = fixture.operator;
    const old = fixture.emulator.createKey(account, environmentId, { name: "k" });
    const state: KeyState = {
      name: "k",
      type: "private_key",
      serviceAccountId: account,
      apiKey: old.value,
      displayId: old.displayId,
      roles: ["event_reader"],
      userId: account,
      userType: "service_account",
      createdAt: "2026-11-24T08:00:00Z",
      tenantId,
    };
    const before = inputs({ name: "k" });
    for (const news of [inputs(), inputs({ namePrefix: "other" }), inputs({ name: "k" })]) {
      assert.deepEqual((await process.keys.check(before, news)).failures, []);
      assert.deepEqual(await diff(old.id, state, news), unchanged);
    }
    assert.deepEqual(await process.keys.read(old.id, state), { id: old.id, props: state });
    assert.deepEqual(fixture.writes, []);
  });

  it("made up are no drift for a refresh", async () => {
    const { id, state } = await make();
    process = fixture.process();
    assert.deepEqual(await process.keys.read(id, state), { id, props: state });
  });

  it("of adopted keys are their own where the program gives none", async () => {
    const { environmentId } = fixture.operator;
    const theirs = fixture.emulator.createKey(account, environmentId, { name: "theirs" });
    const adopting = inputs({ adopt: { id: theirs.id, apiKey: theirs.value } });
    const { id, state } = await createKey(process, adopting);
    assert.deepEqual(
      [id, state.name, state.autoName, state.namePrefix],
      [theirs.id, "theirs", "theirs", "k"],
    );
    assert.deepEqual(await diff(id, state, adopting), unchanged);
    assert.deepEqual(fixture.writes, []);
  });
});
