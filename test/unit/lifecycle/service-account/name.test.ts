import assert from "node:assert/strict";
import {
  type AccountInputs,
  type AccountState,
  createAccount,
  type ProviderProcess,
  reasons,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_ingestor"];
const SUFFIX = /^[0-9a-hjkmnp-tv-z]{10}$/;
const UNCHANGED = { changes: false, changed: [], replaces: [], deleteBeforeReplace: false };

describe("the name of a service account", () => {
  const fixture = UnitFixture.forEachTest();
  const unnamed = { namePrefix: "ci", roles: ROLES };
  const named = { ...unnamed, name: "CI" };
  let provider: ProviderProcess;
  let tenantId: string;
  beforeEach(() => {
    provider = fixture.process();
    tenantId = fixture.operator.tenantId;
  });

  const nameOf = (id: string) => fixture.account(id).name;
  const diff = (id: string, olds: AccountState, news: AccountInputs) =>
    provider.accounts.diff(id, olds, news);
  const update = async (id: string, olds: AccountState, news: AccountInputs) =>
    (await provider.accounts.update(id, olds, news)).outs as AccountState;
  /** The state and the inputs after `pulumi refresh`. */
  const refresh = async (id: string, state: AccountState) => {
    provider = fixture.process();
    const { props, inputs } = await provider.accounts.read(id, state);
    return { state: props as AccountState, inputs };
  };
  const refreshRenamed = (id: string, state: AccountState, name: string) => {
    fixture.emulator.renameAccount(id, name);
    return refresh(id, state);
  };

  describe("without a name in the program", () => {
    it("is unique, costs one request, and is kept as autoName", async () => {
      const { id, state } = await createAccount(provider, unnamed);
      assert.deepEqual(fixture.writes, ["POST /users"]);
      assert.match(state.name, /^ci-/);
      assert.match(state.name.slice(3), SUFFIX);
      assert.deepEqual(state, { ...unnamed, name: nameOf(id), autoName: state.name, tenantId });
    });

    it("starts with service-account if the program sets no prefix", async () => {
      const { state } = await createAccount(provider, { roles: ROLES });
      assert.match(state.name, /^service-account-/);
      assert.equal(state.namePrefix, undefined);
    });

    it("cuts a long prefix so that the name has 255 characters", async () => {
      const namePrefix = "😀".repeat(300);
      const { id, state } = await createAccount(provider, { namePrefix, roles: ROLES });
      const characters = [...nameOf(id)];
      assert.equal(characters.length, 255);
      assert.equal(characters.slice(0, 245).join(""), `${"😀".repeat(244)}-`);
      assert.match(characters.slice(245).join(""), SUFFIX);
      assert.equal(state.namePrefix, namePrefix);
    });

    it("gets a new suffix with each replacement", async () => {
      const replaced = await createAccount(provider, unnamed);
      const news = { ...unnamed, roles: ["event_reader"] };
      assert.deepEqual((await diff(replaced.id, replaced.state, news)).replaces, ["roles"]);
      const { state } = await createAccount(provider, news);
      assert.match(state.name, /^ci-/);
      assert.notEqual(state.name, replaced.state.name);
    });

    it("is unique if the program sets it to null", async () => {
      const inputs = { ...unnamed, name: null } as unknown as AccountInputs;
      const { id, state } = await createAccount(provider, inputs);
      assert.match(state.autoName ?? "", /^ci-/);
      const checked = await provider.accounts.check(inputs, inputs);
      assert.deepEqual(await diff(id, state, checked.inputs as AccountInputs), UNCHANGED);
    });

    it("stays if the prefix changes, which only counts for the next account", async () => {
      const { id, state } = await createAccount(provider, unnamed);
      for (const prefix of [{ namePrefix: "robot" }, { namePrefix: UNKNOWN }, {}]) {
        assert.deepEqual(await diff(id, state, { roles: ROLES, ...prefix }), UNCHANGED);
      }
      const change = { namePrefix: "robot", forceDestroy: true };
      const updated = await update(id, state, { roles: ROLES, ...change });
      assert.deepEqual(updated, { ...state, ...change });
      assert.equal(nameOf(id), state.name);
    });

    it("accepts an unknown prefix or name in a preview", async () => {
      for (const inputs of [
        { namePrefix: UNKNOWN, roles: ROLES },
        { ...unnamed, name: UNKNOWN },
      ]) {
        assert.deepEqual(await provider.accounts.check({}, inputs), { inputs, failures: [] });
      }
    });

    it("changes in place to a name that the preview does not know yet", async () => {
      const { id, state } = await createAccount(provider, unnamed);
      const { changes, replaces } = await diff(id, state, { name: UNKNOWN, roles: ROLES });
      assert.deepEqual([changes, replaces, provider.warnings], [true, [], []]);
    });
  });

  describe("set by the program", () => {
    it("replaces the unique name that the account is created with", async () => {
      const { id, state } = await createAccount(provider, named);
      assert.deepEqual(state, { ...named, tenantId });
      const [post, put] = fixture.emulator.writes();
      assert(post);
      assert.match((post.body as { name: string }).name, /^CI-[0-9a-z]{10}$/);
      assert.deepEqual([put?.path, put?.body], [`/v1/users/${id}`, { name: "CI" }]);
      assert.deepEqual(await diff(id, state, named), UNCHANGED);
    });

    it("can have 255 characters", async () => {
      const name = "é".repeat(255);
      const { id } = await createAccount(provider, { name, roles: ROLES });
      assert.equal(nameOf(id), name);
    });

    it("replaces autoName if it is set later", async () => {
      const { id, state } = await createAccount(provider, unnamed);
      // The engine updates for a changed input.
      assert.equal((await diff(id, state, named)).changes, true);
      const updated = await update(id, state, named);
      assert.deepEqual(updated, { ...named, tenantId });
      assert.equal(nameOf(id), "CI");
      assert.deepEqual(await diff(id, updated, named), UNCHANGED);
    });

    it("becomes autoName without a request if the program no longer sets it", async () => {
      const { id, state } = await createAccount(provider, named);
      fixture.emulator.clearRequests();
      const renamed = { ...UNCHANGED, changes: true, changed: ["name"] };
      assert.deepEqual(await diff(id, state, unnamed), renamed);
      const updated = await update(id, state, unnamed);
      assert.deepEqual(updated, { ...state, autoName: "CI" });
      assert.deepEqual(await diff(id, updated, unnamed), UNCHANGED);
      assert.deepEqual([fixture.writes, provider.warnings], [[], []]);
      const drifted = await refreshRenamed(id, updated, "renamed");
      assert.equal((await diff(id, drifted.state, unnamed)).changes, true);
      assert.equal((await update(id, drifted.state, unnamed)).name, "CI");
    });
  });

  describe("in a state of an older release, which has no autoName", () => {
    let id: string;
    const state = (): AccountState => ({ name: "ci", roles: ROLES, tenantId });
    beforeEach(() => {
      id = fixture.addAccount({ name: "ci", roles: ROLES }).id;
    });

    it("stays, whether the program sets it or not", async () => {
      for (const news of [
        unnamed,
        { namePrefix: "another logical name", roles: ROLES },
        { ...unnamed, name: "ci" },
      ]) {
        assert.deepEqual(await diff(id, state(), news), UNCHANGED);
      }
      assert.deepEqual(await refresh(id, state()), { state: state(), inputs: undefined });
    });

    it("is restored after a rename elsewhere if the program does not set it", async () => {
      const drifted = await refreshRenamed(id, state(), "renamed");
      assert.deepEqual(drifted, {
        state: { ...state(), name: "renamed", autoName: "ci" },
        inputs: { name: "renamed", roles: ROLES },
      });
      assert.equal((await diff(id, drifted.state, unnamed)).changes, true);
      const restored = await update(id, drifted.state, unnamed);
      assert.deepEqual(restored, { ...state(), autoName: "ci", namePrefix: "ci" });
      assert.equal(nameOf(id), "ci");
    });
  });

  describe("after a rename elsewhere", () => {
    let id: string;
    let state: AccountState;
    let namedState: AccountState;
    beforeEach(async () => {
      ({ id, state } = await createAccount(provider, unnamed));
      namedState = { ...named, tenantId };
      fixture.emulator.clearRequests();
    });

    it("is restored, and the preview shows both names", async () => {
      const drifted = await refreshRenamed(id, state, 'the "robot"');
      assert.deepEqual(drifted, {
        state: { ...state, name: 'the "robot"' },
        inputs: { ...unnamed, name: 'the "robot"' },
      });
      const renamed = { ...UNCHANGED, changes: true, changed: ["name"] };
      assert.deepEqual(await diff(id, drifted.state, unnamed), renamed);
      assert.deepEqual(provider.warnings, [
        `Service account ${id} was renamed outside of Pulumi: it is called "the \\"robot\\"", and its own name is "${state.name}". "pulumi up" restores that name, unless ignoreChanges has "name"; to keep the new one, set "name" to it.`,
      ]);
      assert.deepEqual(await update(id, drifted.state, unnamed), state);
      assert.deepEqual(fixture.writes, [`PUT /users/${id}`]);
      assert.equal(nameOf(id), state.name);
    });

    it("is restored even after several renames and refreshes", async () => {
      let lastState = state;
      for (const name of ["once", "twice"]) {
        lastState = (await refreshRenamed(id, lastState, name)).state;
        assert.deepEqual([lastState.name, lastState.autoName], [name, state.name]);
      }
      assert.equal((await update(id, lastState, unnamed)).name, state.name);
    });

    it("is restored through the changed input if the program sets it", async () => {
      const drifted = await refreshRenamed(id, namedState, "renamed");
      assert.deepEqual(drifted, {
        state: { ...namedState, name: "renamed" },
        inputs: { ...named, name: "renamed" },
      });
      // The engine updates for a changed input.
      assert.equal((await diff(id, drifted.state, named)).changes, true);
      assert.deepEqual(provider.warnings, []);
      assert.deepEqual(await update(id, drifted.state, named), namedState);
      assert.equal(nameOf(id), "CI");
    });

    it("is no drift once the account is renamed back", async () => {
      for (const [program, before] of [
        [unnamed, state],
        [named, namedState],
      ] as const) {
        const drifted = await refreshRenamed(id, before, "renamed");
        const renamedBack = await refreshRenamed(id, drifted.state, before.name);
        assert.deepEqual(renamedBack, { state: before, inputs: program });
        assert.deepEqual(await diff(id, renamedBack.state, program), UNCHANGED);
        assert.deepEqual(provider.warnings, []);
      }
    });

    it("stays changed with ignoreChanges if the program does not set it", async () => {
      const drifted = await refreshRenamed(id, state, "renamed");
      // With ignoreChanges, the engine replaces the program's input with the old one.
      const news = { ...unnamed, name: "renamed" };
      assert.equal(drifted.inputs?.name, news.name);
      assert.deepEqual(await diff(id, drifted.state, news), UNCHANGED);
      const updated = await update(id, drifted.state, { ...news, forceDestroy: true });
      assert.deepEqual([updated.name, updated.forceDestroy], ["renamed", true]);
      assert.deepEqual([provider.warnings, fixture.writes], [[], []]);
      const refreshed = await refresh(id, updated);
      assert.deepEqual(await diff(id, refreshed.state, { ...news, forceDestroy: true }), UNCHANGED);
    });

    it("stays changed with ignoreChanges if the program sets it", async () => {
      const drifted = await refreshRenamed(id, namedState, "renamed");
      assert.equal(drifted.inputs?.name, "renamed");
      assert.deepEqual(await diff(id, drifted.state, { ...named, name: "renamed" }), UNCHANGED);
      // Without inputs in the result, the engine keeps the old ones.
      const expected = { state: drifted.state, inputs: undefined };
      assert.deepEqual(await refresh(id, drifted.state), expected);
    });

    it("stays changed without a request if the program sets the new name", async () => {
      const drifted = await refreshRenamed(id, state, "renamed");
      assert.deepEqual(await diff(id, drifted.state, { ...unnamed, name: "renamed" }), UNCHANGED);
      assert.deepEqual([provider.warnings, fixture.writes], [[], []]);
    });

    for (const [title, change] of [
      ["other roles replace the account", { roles: ["event_reader"] }],
      ["the program adopts another account", { adopt: "user_2" }],
    ] as const) {
      it(`brings no warning if ${title}`, async () => {
        const drifted = await refreshRenamed(id, state, "renamed");
        const news: AccountInputs = { ...unnamed, ...change, roles: [...(change.roles ?? ROLES)] };
        const { replaces } = await diff(id, drifted.state, news);
        assert.deepEqual([replaces, provider.warnings], [Object.keys(change), []]);
      });
    }

    it("is an input after a change of the roles elsewhere only if the program sets it", async () => {
      fixture.emulator.setRoles(id, ["event_reader"]);
      const roles = ["event_reader"];
      assert.deepEqual((await refresh(id, state)).inputs, { namePrefix: "ci", roles });
      const drifted = await refreshRenamed(id, namedState, "CI");
      assert.deepEqual(drifted.inputs, { name: "CI", namePrefix: "ci", roles });
    });
  });

  describe("that create could not set", () => {
    interface PartialCreate {
      readonly id: string;
      readonly properties: AccountState;
      readonly reasons: readonly string[];
      readonly message: string;
    }
    const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';
    const inputs = { ...named, forceDestroy: true };
    const createPartly = async (): Promise<PartialCreate> => {
      try {
        await provider.accounts.create({ ...inputs, __provider: PROVIDER } as AccountInputs);
      } catch (error) {
        return error as PartialCreate;
      }
      return assert.fail("the account was renamed");
    };
    const onlyAccount = () => {
      const [account, ...others] = fixture.emulator.accounts();
      assert(account);
      assert.deepEqual(others, []);
      return account;
    };
    const rejectRenames = () => fixture.respondWith(500, { match: { method: "PUT" }, times: 60 });
    beforeEach(() => provider.connection.caller());

    it("leaves a partly created account in the state, with everything that the engine needs", async () => {
      const body = { code: "permission_denied", message: "Not now" };
      fixture.respondWith(403, { body, match: { method: "PUT" } });
      const { id, properties, reasons, message } = await createPartly();
      const { name } = onlyAccount();
      assert.equal(id, onlyAccount().id);
      assert.match(name, /^CI-[0-9a-z]{10}$/);
      assert.deepEqual(properties, {
        ...inputs,
        name,
        autoName: name,
        tenantId,
        __provider: PROVIDER,
      });
      assert.deepEqual(reasons, [message]);
      assert.equal(
        message,
        `Could not rename service account "${name}" (${id}) to "CI".\n  Reason: Flexprice answered 403 permission_denied: Not now (PUT ${fixture.emulator.url}/users/${id})\n  What to do: run "pulumi up" again: the account is in the state, and that run renames it.`,
      );
    });

    it("is set by the next up, which creates no other account", async () => {
      rejectRenames();
      const { id, properties } = await createPartly();
      provider = fixture.process();
      assert.deepEqual(reasons(await provider.accounts.check(inputs, inputs)), []);
      // The engine updates a partly created resource, whatever the diff.
      assert.deepEqual((await diff(id, properties, inputs)).replaces, []);
      fixture.emulator.faults.clear();
      assert.deepEqual(await update(id, properties, inputs), { ...inputs, tenantId });
      assert.equal(onlyAccount().name, "CI");
      assert.deepEqual(provider.warnings, []);
    });

    it("is not set if the program has removed it: the account keeps its unique name", async () => {
      rejectRenames();
      const { id, properties } = await createPartly();
      const news = { ...unnamed, forceDestroy: true };
      assert.deepEqual(await diff(id, properties, news), UNCHANGED);
      assert.deepEqual(provider.warnings, []);
      const { name, autoName } = await update(id, properties, news);
      assert.deepEqual([name, autoName], [onlyAccount().name, onlyAccount().name]);
    });

    it("is set by the up after a refresh", async () => {
      rejectRenames();
      const { id, properties } = await createPartly();
      const refreshed = await refresh(id, properties);
      // The engine forgets that it was partly created, and compares inputs: they must not contain the name.
      assert.deepEqual(refreshed.inputs, { ...unnamed, forceDestroy: true });
      assert.equal((await diff(id, refreshed.state, inputs)).changes, true);
      fixture.emulator.faults.clear();
      assert.deepEqual(await update(id, refreshed.state, inputs), { ...inputs, tenantId });
      assert.equal(onlyAccount().name, "CI");
    });

    it("is set once a read replica knows the account", async () => {
      const body = { code: "not_found", message: "User not found" };
      fixture.respondWith(404, { body, match: { method: "PUT" }, times: 20 });
      const { state } = await createAccount(provider, inputs);
      assert.deepEqual([state.name, onlyAccount().name], ["CI", "CI"]);
    });
  });

  describe("of an adopted account", () => {
    it("stays if the program sets none", async () => {
      const adopt = fixture.addAccount({ name: "existing", roles: ROLES }).id;
      const inputs = { ...unnamed, adopt };
      const { state } = await createAccount(provider, inputs);
      assert.deepEqual(state, { ...inputs, name: "existing", autoName: "existing", tenantId });
      assert.deepEqual(fixture.writes, []);
      assert.deepEqual(await diff(adopt, state, inputs), UNCHANGED);
      const drifted = await refreshRenamed(adopt, state, "renamed");
      assert.equal((await update(adopt, drifted.state, inputs)).name, "existing");
    });

    it("becomes autoName once an account without a name gets one elsewhere, and is not removed", async () => {
      const adopt = fixture.addAccount({ roles: ROLES }).id;
      const inputs = { ...unnamed, adopt };
      const { state } = await createAccount(provider, inputs);
      assert.deepEqual([state.name, state.autoName], ["", undefined]);
      assert.deepEqual(await diff(adopt, state, inputs), UNCHANGED);
      const updated = await update(adopt, state, { ...inputs, forceDestroy: true });
      assert.equal(updated.autoName, undefined);
      for (const olds of [state, updated]) {
        const drifted = await refreshRenamed(adopt, olds, "renamed");
        assert.deepEqual([drifted.state.name, drifted.state.autoName], ["renamed", undefined]);
        const { name, autoName } = await update(adopt, drifted.state, inputs);
        assert.deepEqual([name, autoName], ["renamed", "renamed"]);
      }
      assert.deepEqual([fixture.writes, provider.warnings], [[], []]);
    });
  });
});
