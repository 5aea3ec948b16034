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

describe("lifecycle/service-account: names", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let tenantId: string;
  beforeEach(async () => {
    process = fixture.process();
    tenantId = fixture.operator.tenantId;
  });

  const nameOf = (id: string) => fixture.emulator.accounts().find((one) => one.id === id)?.name;
  const diff = (id: string, olds: AccountState, news: AccountInputs) =>
    process.accounts.diff(id, olds, news);
  const unchanged = { changes: false, changed: [], replaces: [], deleteBeforeReplace: false };
  const update = async (id: string, olds: AccountState, news: AccountInputs) =>
    (await process.accounts.update(id, olds, news)).outs as AccountState;
  /** The state after `pulumi refresh`. */
  const refresh = async (id: string, state: AccountState) => {
    process = fixture.process();
    const { props, inputs } = await process.accounts.read(id, state);
    return { state: props as AccountState, inputs };
  };

  describe("that the provider makes up", () => {
    it("cost one request, and stay in the state", async () => {
      const { id, state } = await createAccount(process, { namePrefix: "ci", roles: ROLES });
      assert.deepEqual(fixture.writes, ["POST /users"]);
      assert.match(state.name, /^ci-/);
      assert.match(state.name.slice(3), SUFFIX);
      assert.deepEqual(state, {
        name: nameOf(id),
        autoName: state.name,
        namePrefix: "ci",
        roles: ROLES,
        tenantId,
      });
    });

    it("differ, also of one prefix", async () => {
      const made = await Promise.all(
        [1, 2, 3].map(() => createAccount(process, { namePrefix: "ci", roles: ROLES })),
      );
      assert.equal(new Set(made.map(({ state }) => state.name)).size, 3);
    });

    it("begin with the kind where nobody hands a prefix over", async () => {
      const { state } = await createAccount(process, { roles: ROLES });
      assert.match(state.name, /^service-account-/);
      assert.equal(state.namePrefix, undefined);
    });

    it("cut the prefix by characters, so that the server takes them", async () => {
      const namePrefix = "😀".repeat(300);
      const { id, state } = await createAccount(process, { namePrefix, roles: ROLES });
      const characters = [...(nameOf(id) ?? "")];
      assert.equal(characters.length, 255);
      assert.equal(characters.slice(0, 245).join(""), `${"😀".repeat(244)}-`);
      assert.match(characters.slice(245).join(""), SUFFIX);
      assert.equal(state.namePrefix, namePrefix);
    });

    it("are new for each replacement", async () => {
      const inputs = { namePrefix: "ci", roles: ROLES };
      const old = await createAccount(process, inputs);
      const news = { ...inputs, roles: ["event_reader"] };
      assert.deepEqual((await diff(old.id, old.state, news)).replaces, ["roles"]);
      const next = await createAccount(process, news);
      assert.match(next.state.name, /^ci-/);
      assert.notEqual(next.state.name, old.state.name);
    });

    it("take null, by which JavaScript says that there is none, for no name", async () => {
      const inputs = { name: null, namePrefix: "ci", roles: ROLES } as unknown as AccountInputs;
      const { id, state } = await createAccount(process, inputs);
      assert.match(state.autoName ?? "", /^ci-/);
      const checked = await process.accounts.check(inputs, inputs);
      assert.deepEqual(await diff(id, state, checked.inputs as AccountInputs), unchanged);
    });

    it("do not change with the prefix, which counts for the next account only", async () => {
      const { id, state } = await createAccount(process, { namePrefix: "ci", roles: ROLES });
      for (const namePrefix of ["robot", UNKNOWN, undefined]) {
        const news = { roles: ROLES, ...(namePrefix === undefined ? {} : { namePrefix }) };
        assert.deepEqual(await diff(id, state, news), unchanged);
      }
      const news = { namePrefix: "robot", roles: ROLES, forceDestroy: true };
      assert.deepEqual(await update(id, state, news), {
        ...state,
        namePrefix: "robot",
        forceDestroy: true,
      });
      assert.equal(nameOf(id), state.name);
    });

    it("are not known in a preview, and neither is a prefix that another resource makes", async () => {
      const news = { namePrefix: UNKNOWN, roles: ROLES };
      assert.deepEqual(await process.accounts.check({}, news), { inputs: news, failures: [] });
      const named = { name: UNKNOWN, namePrefix: "ci", roles: ROLES };
      assert.deepEqual(await process.accounts.check({}, named), { inputs: named, failures: [] });
    });

    it("may become a name that the preview does not know yet", async () => {
      const { id, state } = await createAccount(process, { namePrefix: "ci", roles: ROLES });
      const { changes, replaces } = await diff(id, state, { name: UNKNOWN, roles: ROLES });
      assert.deepEqual([changes, replaces, process.warnings], [true, [], []]);
    });
  });

  describe("that the program gives", () => {
    it("are set after the creation, under a prefix of their own", async () => {
      const inputs = { name: "CI", namePrefix: "ci", roles: ROLES };
      const { id, state } = await createAccount(process, inputs);
      assert.deepEqual(state, { name: "CI", namePrefix: "ci", roles: ROLES, tenantId });
      const [post, put] = fixture.emulator.writes();
      assert(post);
      assert.match((post.body as { name: string }).name, /^CI-[0-9a-z]{10}$/);
      assert.deepEqual([put?.path, put?.body], [`/v1/users/${id}`, { name: "CI" }]);
      assert.deepEqual(await diff(id, state, inputs), unchanged);
    });

    it("may be as long as the server takes them", async () => {
      const name = "é".repeat(255);
      const { id } = await createAccount(process, { name, roles: ROLES });
      assert.equal(nameOf(id), name);
    });

    it("take the place of one that was made up, which is forgotten", async () => {
      const { id, state } = await createAccount(process, { namePrefix: "ci", roles: ROLES });
      const news = { name: "CI", namePrefix: "ci", roles: ROLES };
      // Left to the engine, which sees a changed input.
      assert.equal((await diff(id, state, news)).changes, true);
      const named = await update(id, state, news);
      assert.deepEqual(named, { name: "CI", namePrefix: "ci", roles: ROLES, tenantId });
      assert.equal(nameOf(id), "CI");
      assert.deepEqual(await diff(id, named, news), unchanged);
    });

    it("stay when they are removed, without a request, and become the account's own", async () => {
      const inputs = { name: "CI", namePrefix: "ci", roles: ROLES };
      const { id, state } = await createAccount(process, inputs);
      fixture.emulator.clearRequests();
      const news = { namePrefix: "ci", roles: ROLES };
      assert.deepEqual(await diff(id, state, news), {
        ...unchanged,
        changes: true,
        changed: ["name"],
      });
      const own = await update(id, state, news);
      assert.deepEqual(own, { ...state, autoName: "CI" });
      assert.deepEqual(await diff(id, own, news), unchanged);
      assert.deepEqual([fixture.writes, process.warnings], [[], []]);
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, own);
      assert.equal((await diff(id, drifted.state, news)).changes, true);
      assert.equal((await update(id, drifted.state, news)).name, "CI");
    });
  });

  describe("of a release that knew none but the program's", () => {
    let id: string;
    const state = (): AccountState => ({ name: "ci", roles: ROLES, tenantId });
    beforeEach(() => {
      id = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES }).id;
    });

    it("stay, whether the program says them or not", async () => {
      for (const news of [
        { namePrefix: "ci", roles: ROLES },
        { namePrefix: "another logical name", roles: ROLES },
        { name: "ci", namePrefix: "ci", roles: ROLES },
      ]) {
        assert.deepEqual(await diff(id, state(), news), unchanged);
      }
      assert.deepEqual(await refresh(id, state()), { state: state(), inputs: undefined });
    });

    it("are put back where the program says none, as those that are made up", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const news = { namePrefix: "ci", roles: ROLES };
      const drifted = await refresh(id, state());
      assert.deepEqual(drifted, {
        state: { ...state(), name: "theirs", autoName: "ci" },
        inputs: { name: "theirs", roles: ROLES },
      });
      assert.equal((await diff(id, drifted.state, news)).changes, true);
      assert.deepEqual(await update(id, drifted.state, news), {
        ...state(),
        autoName: "ci",
        namePrefix: "ci",
      });
      assert.equal(nameOf(id), "ci");
    });
  });

  describe("of an account that was renamed elsewhere", () => {
    let id: string;
    let state: AccountState;
    const inputs = { namePrefix: "ci", roles: ROLES };
    beforeEach(async () => {
      ({ id, state } = await createAccount(process, inputs));
      fixture.emulator.clearRequests();
    });

    it("are put back, and the preview says both", async () => {
      fixture.emulator.renameAccount(id, 'the "robot"');
      const drifted = await refresh(id, state);
      assert.deepEqual(drifted, {
        state: { ...state, name: 'the "robot"' },
        inputs: { name: 'the "robot"', namePrefix: "ci", roles: ROLES },
      });
      assert.deepEqual(await diff(id, drifted.state, inputs), {
        ...unchanged,
        changes: true,
        changed: ["name"],
      });
      assert.deepEqual(process.warnings, [
        `Service account ${id} was renamed outside of Pulumi: it is called "the \\"robot\\"", and its own name is "${state.name}". "pulumi up" restores that name, unless ignoreChanges has "name"; to keep the new one, set "name" to it.`,
      ]);
      assert.deepEqual(await update(id, drifted.state, inputs), state);
      assert.deepEqual(fixture.writes, [`PUT /users/${id}`]);
      assert.equal(nameOf(id), state.name);
    });

    it("are remembered however often that happens", async () => {
      let now = state;
      for (const name of ["once", "twice"]) {
        fixture.emulator.renameAccount(id, name);
        now = (await refresh(id, now)).state;
        assert.deepEqual([now.name, now.autoName], [name, state.name]);
      }
      assert.equal((await update(id, now, inputs)).name, state.name);
    });

    it("are no drift once it was renamed back", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, state);
      fixture.emulator.renameAccount(id, state.name);
      const back = await refresh(id, drifted.state);
      assert.deepEqual(back, { state, inputs });
      assert.deepEqual(await diff(id, back.state, inputs), unchanged);
      assert.deepEqual(process.warnings, []);
    });

    it("stay as they are found where the program ignores changes of them", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, state);
      // The engine replaces the program's input with the old one.
      const ignoring = { ...inputs, name: (drifted.inputs as AccountInputs).name as string };
      assert.deepEqual(await diff(id, drifted.state, ignoring), unchanged);
      const updated = await update(id, drifted.state, { ...ignoring, forceDestroy: true });
      assert.deepEqual([updated.name, updated.forceDestroy], ["theirs", true]);
      assert.deepEqual([process.warnings, fixture.writes], [[], []]);
      const later = await refresh(id, updated);
      assert.deepEqual(await diff(id, later.state, { ...ignoring, forceDestroy: true }), unchanged);
    });

    it("stay as they are found where the program gives one and ignores changes of it", async () => {
      const own = await update(id, state, { ...inputs, name: "CI" });
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, own);
      const ignoring = { ...inputs, name: (drifted.inputs as AccountInputs).name as string };
      assert.deepEqual(await diff(id, drifted.state, ignoring), unchanged);
      const later = await refresh(id, drifted.state);
      // The engine keeps the old inputs.
      assert.deepEqual(later, { state: drifted.state, inputs: undefined });
    });

    it("may be given up for the new one: the program says it, and nothing is sent", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, state);
      assert.deepEqual(await diff(id, drifted.state, { ...inputs, name: "theirs" }), unchanged);
      assert.deepEqual([process.warnings, fixture.writes], [[], []]);
    });

    it("count for nothing where the account is replaced, and no warning says otherwise", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, state);
      const news = { ...inputs, roles: ["event_reader"] };
      assert.deepEqual((await diff(id, drifted.state, news)).replaces, ["roles"]);
      assert.deepEqual(process.warnings, []);
    });

    it("count for nothing where another account is adopted, and no warning says otherwise", async () => {
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, state);
      const { replaces } = await diff(id, drifted.state, { ...inputs, adopt: "user_2" });
      assert.deepEqual([replaces, process.warnings], [["adopt"], []]);
    });

    it("are those of the program, where it gives one: the drift is the input's", async () => {
      const named = { ...inputs, name: "CI" };
      const own = await update(id, state, named);
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, own);
      assert.deepEqual(drifted, {
        state: { ...own, name: "theirs" },
        inputs: { ...inputs, name: "theirs" },
      });
      // Left to the engine, which sees a changed input.
      assert.equal((await diff(id, drifted.state, named)).changes, true);
      assert.deepEqual(process.warnings, []);
      assert.deepEqual(await update(id, drifted.state, named), own);
      assert.equal(nameOf(id), "CI");
    });

    it("are no drift once it was renamed back, also where the program gives one", async () => {
      const named = { ...inputs, name: "CI" };
      const own = await update(id, state, named);
      fixture.emulator.renameAccount(id, "theirs");
      const drifted = await refresh(id, own);
      fixture.emulator.renameAccount(id, "CI");
      const back = await refresh(id, drifted.state);
      assert.deepEqual(back, { state: own, inputs: named });
      assert.deepEqual(await diff(id, back.state, named), unchanged);
    });

    it("stay in the inputs where only the roles have changed", async () => {
      const own = await update(id, state, { ...inputs, name: "CI" });
      fixture.emulator.setRoles(id, ["event_reader"]);
      assert.deepEqual((await refresh(id, own)).inputs, {
        name: "CI",
        namePrefix: "ci",
        roles: ["event_reader"],
      });
      fixture.emulator.renameAccount(id, state.name);
      assert.deepEqual((await refresh(id, state)).inputs, {
        namePrefix: "ci",
        roles: ["event_reader"],
      });
    });
  });

  describe("of an account that could not be named after it was made", () => {
    interface Thrown {
      readonly id: string;
      readonly properties: AccountState;
      readonly reasons: readonly string[];
      readonly message: string;
    }
    const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';
    const inputs = { name: "CI", namePrefix: "ci", roles: ROLES, forceDestroy: true };
    const make = async (): Promise<Thrown> => {
      const given = { ...inputs, __provider: PROVIDER };
      try {
        await process.accounts.create(given);
      } catch (error) {
        return error as Thrown;
      }
      return assert.fail("it was named");
    };
    const only = () => {
      const [account, ...others] = fixture.emulator.accounts();
      assert(account);
      assert.deepEqual(others, []);
      return account;
    };
    beforeEach(() => process.connection.caller());

    it("reach the state as partly made, with all that the engine needs", async () => {
      const body = { code: "permission_denied", message: "Not now" };
      fixture.fault({ kind: "status", status: 403, body }, "before", { match: { method: "PUT" } });
      const { id, properties, reasons, message } = await make();
      const { name } = only();
      assert.equal(id, only().id);
      assert.match(name ?? "", /^CI-[0-9a-z]{10}$/);
      assert.deepEqual(properties, {
        name,
        autoName: name,
        namePrefix: "ci",
        roles: ROLES,
        forceDestroy: true,
        tenantId,
        __provider: PROVIDER,
      });
      assert.deepEqual(reasons, [message]);
      assert.equal(
        message,
        `Could not rename service account "${name}" (${id}) to "CI".\n  Reason: Flexprice answered 403 permission_denied: Not now (PUT ${fixture.emulator.url}/users/${id})\n  What to do: run "pulumi up" again: the account is in the state, and that run renames it.`,
      );
    });

    it("get the name from the next up, without another account", async () => {
      fixture.fault({ kind: "status", status: 500 }, "before", {
        match: { method: "PUT" },
        times: 60,
      });
      const { id, properties } = await make();
      process = fixture.process();
      const checked = await process.accounts.check(inputs, inputs);
      assert.deepEqual(reasons(checked), []);
      // The engine updates a partly created resource, whatever the diff.
      assert.deepEqual((await diff(id, properties, inputs)).replaces, []);
      fixture.emulator.faults.clear();
      assert.deepEqual(await update(id, properties, inputs), { ...inputs, tenantId });
      assert.equal(only().name, "CI");
      assert.deepEqual(process.warnings, []);
    });

    it("keep the first name, where the program has ceased to give one", async () => {
      fixture.fault({ kind: "status", status: 500 }, "before", {
        match: { method: "PUT" },
        times: 60,
      });
      const { id, properties } = await make();
      const { name: _, ...unnamed } = inputs;
      assert.deepEqual(await diff(id, properties, unnamed), unchanged);
      assert.deepEqual(process.warnings, []);
      const own = await update(id, properties, unnamed);
      assert.deepEqual([own.name, own.autoName], [only().name, only().name]);
    });

    it("survive a refresh in between", async () => {
      fixture.fault({ kind: "status", status: 500 }, "before", {
        match: { method: "PUT" },
        times: 60,
      });
      const { id, properties } = await make();
      const read = await refresh(id, properties);
      // The engine forgets that it was partly created, and compares inputs: they must not contain the name.
      const { name: _, ...unnamed } = inputs;
      assert.deepEqual(read.inputs, unnamed);
      assert.equal((await diff(id, read.state, inputs)).changes, true);
      fixture.emulator.faults.clear();
      assert.deepEqual(await update(id, read.state, inputs), { ...inputs, tenantId });
      assert.equal(only().name, "CI");
    });

    it("wait for a replica that does not know the account yet", async () => {
      const body = { code: "not_found", message: "User not found" };
      const late = { match: { method: "PUT" }, times: 20 };
      fixture.fault({ kind: "status", status: 404, body }, "before", late);
      const { state } = await createAccount(process, inputs);
      assert.deepEqual([state.name, only().name], ["CI", "CI"]);
    });
  });

  it("of an adopted account that has none are whatever it is called later: nothing takes a name away", async () => {
    const { id: adopt } = fixture.emulator.createAccount(tenantId, { roles: ROLES });
    const inputs = { namePrefix: "ci", roles: ROLES, adopt };
    const { state } = await createAccount(process, inputs);
    assert.deepEqual([state.name, state.autoName], ["", undefined]);
    assert.deepEqual(await diff(adopt, state, inputs), unchanged);
    const updated = await update(adopt, state, { ...inputs, forceDestroy: true });
    assert.equal(updated.autoName, undefined);
    fixture.emulator.renameAccount(adopt, "theirs");
    for (const olds of [state, updated]) {
      const drifted = await refresh(adopt, olds);
      assert.deepEqual([drifted.state.name, drifted.state.autoName], ["theirs", undefined]);
      const own = await update(adopt, drifted.state, inputs);
      assert.deepEqual([own.name, own.autoName], ["theirs", "theirs"]);
    }
    assert.deepEqual([fixture.writes, process.warnings], [[], []]);
  });

  it("of adopted accounts are their own where the program gives none", async () => {
    const { id: adopt } = fixture.emulator.createAccount(tenantId, {
      name: "theirs",
      roles: ROLES,
    });
    const inputs = { namePrefix: "ci", roles: ROLES, adopt };
    const { state } = await createAccount(process, inputs);
    assert.deepEqual(state, { ...inputs, name: "theirs", autoName: "theirs", tenantId });
    assert.deepEqual(fixture.writes, []);
    assert.deepEqual(await diff(adopt, state, inputs), unchanged);
    fixture.emulator.renameAccount(adopt, "theirs no more");
    const drifted = await refresh(adopt, state);
    assert.equal((await update(adopt, drifted.state, inputs)).name, "theirs");
  });
});
