import assert from "node:assert/strict";
import { DAY, failureOf, type ProviderProcess, UnitFixture } from "../../fixture";
import { type Declared, Engine, type Program, type UpOptions } from "../engine";

const LIFETIME = 90 * DAY;

/** Inputs of a key that do not make it rotate. */
type More = Readonly<Record<string, unknown>>;

describe("lifecycle/api-key: a rotation with onDelete expire", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let engine: Engine;
  beforeEach(async () => {
    process = fixture.process();
    engine = new Engine();
  });

  const account = (roles = ["event_reader"], more: More = {}): Declared => ({
    type: "account",
    inputs: () => ({ namePrefix: "account", roles, ...more }),
  });
  const key = (more: More = {}, options: Partial<Declared> = {}): Declared => ({
    type: "key",
    inputs: (ids) => ({
      namePrefix: "key",
      serviceAccountId: ids["account"],
      expiresIn: "90d",
      onDelete: "expire",
      ...more,
    }),
    ...options,
  });
  const program = (more: More = {}, options: Partial<Declared> = {}): Program => ({
    account: account(),
    key: key(more, options),
  });
  const up = async (declared: Program, options: UpOptions = {}) => {
    process = fixture.process();
    await engine.up(process, declared, options);
  };
  const destroy = async () => {
    process = fixture.process();
    await engine.destroy(process);
  };
  const isAlive = (id: string) =>
    fixture.emulator.keys().find((one) => one.id === id)?.status === "published";
  const isArchived = (id: string) =>
    fixture.emulator.accounts().find((one) => one.id === id)?.status === "archived";
  /** Active keys that are in no state, and that no key in a state lists. */
  const lost = () => {
    const held = [...engine.entries, ...engine.pending].flatMap(({ id, state }) => [
      id,
      ...((state["predecessors"] as { id: string }[] | undefined) ?? []).map((one) => one.id),
    ]);
    return fixture.emulator
      .keys()
      .filter(
        ({ id, status, name }) =>
          status === "published" && name !== "admin key" && !held.includes(id),
      )
      .map(({ id }) => id);
  };
  const release = (value: string) => ({ rotationTriggers: { release: value } });
  /** A key and its successor after a rotation. */
  const rotated = async (more: More = {}, options: UpOptions = {}) => {
    await up(program({ ...release("1"), ...more }));
    const first = engine.get("key").id;
    await up(program({ ...release("2"), ...more }), options);
    const second = engine.get("key").id;
    assert.notEqual(second, first);
    return [first, second] as const;
  };

  describe("leaves the old key to its expiry", () => {
    it("and the state says until when", async () => {
      const [first, second] = await rotated();
      assert.deepEqual([isAlive(first), isAlive(second), lost()], [true, true, []]);
      const { name, expiresAt } =
        fixture.emulator.keys().find((one) => one.id === first) ?? assert.fail();
      assert.deepEqual(
        process.warnings.map((text) => text.replace(/\.\d+Z/, "Z")),
        [
          `API key "${name}" (${first}) is not revoked, but left to expire at ${expiresAt?.replace(/\.\d+Z/, "Z")} (onDelete: "expire").`,
        ],
      );
    });

    it("if the rotation is due", async () => {
      const due = { rotateBefore: "14d" };
      await up(program(due));
      const first = engine.get("key").id;
      fixture.clock.now += LIFETIME - 13 * DAY;
      await up(program(due));
      assert.notEqual(engine.get("key").id, first);
      assert.deepEqual([isAlive(first), lost()], [true, []]);
    });

    it("if the engine deletes it before it creates the successor", async () => {
      const options = { deleteBeforeReplace: true };
      await up(program(release("1"), options));
      const first = engine.get("key").id;
      await up(program(release("2"), options));
      assert.deepEqual([isAlive(first), lost()], [true, []]);
    });

    it("in the run after one that was interrupted once the successor existed", async () => {
      const [first, second] = await rotated({}, { isCutOff: true });
      assert.deepEqual(
        engine.pending.map(({ id }) => id),
        [first],
      );
      await up(program(release("2")));
      assert.deepEqual([isAlive(first), isAlive(second), lost()], [true, true, []]);
      assert.deepEqual(engine.pending, []);
    });

    it("if the program ignores changes that the successor has", async () => {
      const ignoring = { ignoreChanges: ["rotateBefore"] };
      await up(program({ ...release("1"), rotateBefore: "14d" }, ignoring));
      const first = engine.get("key").id;
      await up(program({ ...release("2"), rotateBefore: "7d" }, ignoring));
      assert.equal(engine.get("key").inputs["rotateBefore"], "7d");
      assert.deepEqual([isAlive(first), lost()], [true, []]);
    });

    it("if replaceOnChanges replaces it", async () => {
      const marked = { replaceOnChanges: ["rotateBefore"] };
      await up(program({ rotateBefore: "14d" }, marked));
      const first = engine.get("key").id;
      await up(program({ rotateBefore: "7d" }, marked));
      assert.notEqual(engine.get("key").id, first);
      assert.deepEqual([isAlive(first), lost()], [true, []]);
    });

    it("for each of two keys with the same inputs", async () => {
      const twins = (value: string): Program => ({
        account: account(),
        one: key(release(value)),
        two: key(release(value)),
      });
      await up(twins("1"));
      const before = [engine.get("one").id, engine.get("two").id];
      await up(twins("2"));
      assert.deepEqual([before.map(isAlive), lost()], [[true, true], []]);
      // Neither counts as the successor of the other.
      await up({ account: account(), one: key(release("2")) });
      assert.deepEqual(before.map(isAlive), [true, false]);
    });

    it("with --replace, for which the engine asks for no diff", async () => {
      await up(program());
      const first = engine.get("key").id;
      await up(program(), { replace: ["key"] });
      assert.notEqual(engine.get("key").id, first);
      assert.equal(isAlive(first), true);
    });

    it("once with --replace: another key that the program removes is revoked", async () => {
      const twins = { account: account(), one: key(), two: key() };
      await up(twins);
      const [one, two] = [engine.get("one").id, engine.get("two").id];
      await up({ account: account(), one: key() }, { replace: ["one"] });
      assert.deepEqual([isAlive(one), isAlive(two)].sort(), [false, true]);
    });

    it("in a state of an older release, which has neither prefix nor predecessors", async () => {
      const old = { namePrefix: undefined, name: "key" };
      const [first] = await rotated(old);
      assert.deepEqual([isAlive(first), lost()], [true, []]);
    });

    it("after an interrupted run of an older release", async () => {
      const old = { namePrefix: undefined, name: "key" };
      const [first, second] = await rotated(old, { isCutOff: true });
      // That release did not write predecessors.
      engine.entries = engine.entries.map(({ state: { predecessors: _, ...state }, ...entry }) => ({
        ...entry,
        state,
      }));
      fixture.clock.now += DAY;
      await up(program({ ...release("2"), namePrefix: "key" }));
      assert.equal(engine.get("key").id, second);
      assert.equal(isAlive(first), true);
    });

    it("through several rotations, until each has expired", async () => {
      const [first] = await rotated();
      fixture.clock.now += DAY;
      await up(program(release("3")));
      const third = engine.get("key");
      const ids = (third.state["predecessors"] as { id: string }[]).map(({ id }) => id);
      assert.deepEqual([ids.length, ids[0], lost()], [2, first, []]);
      fixture.clock.now += LIFETIME - DAY / 2;
      await up(program(release("4")));
      const left = (engine.get("key").state["predecessors"] as { id: string }[]).map(
        ({ id }) => id,
      );
      assert(!left.includes(first));
      assert(left.includes(third.id));
    });

    it("if its successor is revoked, because onDelete has changed since", async () => {
      const [first] = await rotated();
      await up(program({ ...release("2"), onDelete: "revoke" }));
      const second = engine.get("key").id;
      await up(program({ ...release("3"), onDelete: "revoke" }));
      assert.deepEqual([isAlive(first), isAlive(second), lost()], [true, false, []]);
      await destroy();
      assert.deepEqual([isAlive(first), lost()], [false, []]);
    });

    it("if it is the operator's own credential, which a destroy does not revoke either", async () => {
      const own = { namePrefix: "own", expiresIn: "90d", onDelete: "expire" };
      const declared = (value: string): Program => ({
        key: { type: "key", inputs: () => ({ ...own, ...release(value) }) },
      });
      await up(declared("1"));
      const { id, state } = engine.get("key");
      const credential = { ...fixture.admin, value: String(state["apiKey"]) };
      process = fixture.process({ credential });
      await engine.up(process, declared("2"));
      const second = engine.get("key").id;
      assert.equal(isAlive(id), true);
      process = fixture.process({ credential });
      const { reason } = await failureOf(engine.destroy(process), "refused");
      assert.match(
        reason,
        new RegExp(`^API key ${id} would be revoked, and seems .* the operator's own credential`),
      );
      assert.deepEqual([isAlive(id), isAlive(second)], [true, true]);
      await destroy();
      assert.deepEqual([isAlive(id), isAlive(second)], [false, false]);
    });

    it("if an adopted key takes its place", async () => {
      const [first, second] = await rotated();
      const { environmentId } = fixture.operator;
      const expiresAt = new Date(fixture.clock.now + LIFETIME);
      const owner = engine.get("account").id;
      const theirs = fixture.emulator.createKey(owner, environmentId, {
        name: "theirs",
        expiresAt,
      });
      await up(program({ ...release("2"), adopt: { id: theirs.id, apiKey: theirs.value } }));
      assert.deepEqual(
        [engine.get("key").id, isAlive(first), isAlive(second), lost()],
        [theirs.id, true, true, []],
      );
    });

    it("until it is adopted again itself", async () => {
      await up(program(release("1")));
      const { id, state } = engine.get("key");
      await up(program(release("2")));
      const second = engine.get("key").id;
      await up(program({ ...release("2"), adopt: { id, apiKey: state["apiKey"] } }));
      const { predecessors } = engine.get("key").state;
      assert.deepEqual(
        [engine.get("key").id, (predecessors as { id: string }[]).map((one) => one.id)],
        [id, [second]],
      );
    });
  });

  describe("revokes the key and its predecessors", () => {
    it("in a destroy, without forceDestroy", async () => {
      const [first, second] = await rotated();
      const { id } = engine.get("account");
      await destroy();
      assert.deepEqual([isAlive(first), isAlive(second), isArchived(id)], [false, false, true]);
      assert.equal(process.warnings.length, 1);
      assert.match(
        process.warnings[0] ?? "",
        new RegExp(
          `^API key ${first}, which a rotation had left to expire at .*Z, has been revoked together with its successor\\.$`,
        ),
      );
    });

    it("in a destroy that refreshes first", async () => {
      const [first, second] = await rotated();
      const { id } = engine.get("account");
      process = fixture.process();
      await engine.refresh(process);
      await engine.destroy(process);
      assert.deepEqual([isAlive(first), isAlive(second), isArchived(id)], [false, false, true]);
    });

    it("in a destroy after an interrupted run", async () => {
      const [first, second] = await rotated({}, { isCutOff: true });
      await destroy();
      assert.deepEqual([isAlive(first), isAlive(second), engine.entries], [false, false, []]);
    });

    it("if the program removes the key and keeps its account", async () => {
      for (const isRefreshed of [false, true]) {
        const [first, second] = await rotated();
        await up({ account: account() }, { isRefreshed });
        assert.deepEqual([isAlive(first), isAlive(second)], [false, false]);
        engine = new Engine();
      }
    });

    it("if the program removes the key from a state of an older release", async () => {
      await up(program({ namePrefix: undefined, name: "key" }));
      const { id } = engine.get("key");
      await up({ account: account() });
      assert.equal(isAlive(id), false);
    });

    it("if its account is replaced, and the preview says so", async () => {
      const [first, second] = await rotated();
      const { id } = engine.get("account");
      await up({ account: account(["event_ingestor"]), key: key(release("2")) });
      assert.deepEqual([isAlive(first), isAlive(second), isArchived(id)], [false, false, true]);
      assert.deepEqual(lost(), []);
      assert.match(
        process.warnings[0] ?? "",
        new RegExp(
          `^API key .*${second}.* is revoked once its successor is created, although its onDelete is "expire": its service account ${id} is replaced, and its keys are revoked with it; so are the keys that rotations left to expire: ${first}\\.$`,
        ),
      );
    });

    it("if an interrupted run has replaced its account", async () => {
      const [first, second] = await rotated();
      const { id } = engine.get("account");
      const replaced = { account: account(["event_ingestor"]), key: key(release("2")) };
      await up(replaced, { isCutOff: true });
      await up(replaced);
      assert.deepEqual([isAlive(first), isAlive(second), isArchived(id)], [false, false, true]);
      assert.deepEqual(lost(), []);
    });

    it("if --replace replaces its account", async () => {
      const [first, second] = await rotated();
      const { id } = engine.get("account");
      await up({ account: account(), key: key(release("2")) }, { replace: ["account"] });
      assert.deepEqual([isAlive(first), isAlive(second), isArchived(id)], [false, false, true]);
    });

    it("if its successor is created for another account, which stays", async () => {
      const others = { account: account(), other: account(["event_ingestor"]) };
      await up({ ...others, key: key() });
      const first = engine.get("key").id;
      const moved: Declared = {
        type: "key",
        inputs: (ids) => ({ ...key().inputs(ids), serviceAccountId: ids["other"] }),
      };
      await up({ ...others, key: moved });
      assert.deepEqual([isAlive(first), lost()], [false, []]);
    });

    it("and no other resource can adopt a predecessor, which would be revoked with it", async () => {
      const [first] = await rotated();
      const adopt = {
        id: first,
        apiKey: fixture.emulator.keys().find(({ id }) => id === first)?.value,
      };
      const heir = key({ namePrefix: "heir", adopt });
      await assert.rejects(
        up({ ...program(release("1")), heir }),
        /a resource of this stack manages it already/,
      );
    });

    it("and continues if the server no longer knows a predecessor", async () => {
      const [first, second] = await rotated();
      fixture.clock.now += DAY;
      const body = { code: "not_found", message: "Secret not found" };
      const path = new RegExp(`keys/${first}`);
      fixture.fault({ kind: "status", status: 404, body }, "before", { match: { path } });
      await up({ account: account() });
      assert.deepEqual([isAlive(second), engine.entries.length], [false, 1]);
      assert.match(
        process.warnings.join("\n"),
        new RegExp(`API key ${first}, which a rotation has left .* could not be revoked\\.`),
      );
    });

    it("and retries if a replica does not know a predecessor yet", async () => {
      const [first] = await rotated();
      const body = { code: "not_found", message: "Secret not found" };
      const path = new RegExp(`keys/${first}`);
      fixture.fault({ kind: "status", status: 404, body }, "before", { match: { path }, times: 5 });
      await destroy();
      assert.equal(isAlive(first), false);
    });
  });

  describe("does not treat a key as a predecessor that the program keeps", () => {
    const twins = (more: More = {}): Program => ({
      account: account(),
      one: key(more),
      two: key(more),
    });

    for (const [what, after] of [
      ["unchanged", { rotateBefore: "14d" }],
      ["updated", { rotateBefore: "7d" }],
    ] as const) {
      it(`${what}, beside a new key with the very same inputs`, async () => {
        await up({ account: account(), one: key({ rotateBefore: "14d" }) });
        const one = engine.get("one").id;
        await up(twins(after));
        assert.deepEqual([engine.get("one").id, isAlive(one)], [one, true]);
        const two = engine.get("two").id;
        // Without a program, nothing shows that the state has the other.
        process = fixture.process();
        await engine.destroy(process, "two");
        assert.deepEqual([isAlive(one), isAlive(two)], [true, false]);
      });
    }
  });

  describe("names the keys that no state has any more", () => {
    const told = (id: string) =>
      new RegExp(`no state lists them any more: ${id} \\(until .*Z\\)\\. To end one earlier`);

    it("if the key whose state has them was revoked outside of the program", async () => {
      const [first, second] = await rotated();
      fixture.clock.now += DAY;
      fixture.emulator.revokeKey(second);
      process = fixture.process();
      await engine.refresh(process);
      assert.match(process.warnings.join("\n"), told(first));
    });

    it("without those that have expired", async () => {
      const [first, second] = await rotated();
      fixture.clock.now += DAY;
      for (const id of [first, second]) fixture.emulator.revokeKey(id);
      process = fixture.process();
      await engine.refresh(process);
      assert.doesNotMatch(process.warnings.join("\n"), /no state/);
    });

    it("with --replace", async () => {
      const [first] = await rotated();
      await up(program(release("2")), { replace: ["key"] });
      assert.match(process.warnings.join("\n"), told(first));
    });
  });

  it("archives an account with forceDestroy that is removed together with a key that --replace has replaced", async () => {
    const forced = account(["event_reader"], { forceDestroy: true });
    for (const rest of [
      { other: account() },
      { account: { ...forced, inputs: account(["event_ingestor"]).inputs } },
    ]) {
      engine = new Engine();
      await up({ account: forced, key: key() });
      const ids = [engine.get("key").id];
      await up({ account: forced, key: key() }, { replace: ["key"] });
      const { id } = engine.get("account");
      ids.push(engine.get("key").id);
      await up(rest);
      assert.deepEqual([isArchived(id), ...ids.map(isAlive)], [true, false, false]);
    }
  });

  it("does not let forceDestroy revoke a key of the same prefix that --target does not show", async () => {
    const forced = account(["event_reader"], { forceDestroy: true });
    const endless = { expiresIn: undefined, onDelete: undefined };
    for (const [first, other] of [
      ["other", key(endless)],
      ["one", key()],
    ] as const) {
      engine = new Engine();
      const both: Program = { one: key(), other };
      await up({ account: forced, [first]: both[first] ?? key() });
      fixture.clock.now += DAY;
      await up({ account: forced, ...both });
      const { id } = engine.get("other");
      engine.entries = engine.entries.filter(({ name }) => name !== "other");
      const replaced = account(["event_ingestor"], { forceDestroy: true });
      const error = await failureOf(up({ account: replaced, one: key() }), "refused");
      assert(error.reason.includes(`${id}) may be in use`), error.reason);
      assert.equal(isAlive(id), true);
    }
  });

  it("continues if the credential may not revoke a predecessor, which expires by itself", async () => {
    const [first, second] = await rotated();
    const error = "Ask a tenant super_admin to revoke this API key";
    const path = new RegExp(`keys/${first}`);
    const body = { code: "permission_denied", message: error };
    fixture.fault({ kind: "status", status: 403, body }, "before", { match: { path } });
    await up({ account: account() });
    assert.deepEqual([isAlive(second), engine.entries.length], [false, 1]);
    assert.match(
      process.warnings.join("\n"),
      new RegExp(
        `API key ${first}, which .* cannot be revoked with the credential from .*${error}`,
      ),
    );
  });

  it("keeps in the state what a deletion would reject", async () => {
    await up(program(release("1")));
    const { id, state } = engine.get("key");
    const other = fixture.emulator.createTenant();
    process = fixture.process({ credential: { ...fixture.admin, value: other.apiKey } });
    await failureOf(engine.destroy(process), "wrong_tenant");
    assert.deepEqual([engine.get("key").state, isAlive(id)], [state, true]);
  });

  it("keeps the key in the state while the server is unreachable", async () => {
    await up(program(release("1")));
    await fixture.stop();
    process = fixture.process();
    await failureOf(engine.destroy(process), "unreachable");
    assert.equal(engine.entries.length, 2);
  });

  it("does not rely on a local clock that is far ahead", async () => {
    await fixture.start({ serverAheadMs: -100 * DAY });
    const [first] = await rotated();
    assert.deepEqual([isAlive(first), process.warnings.length > 0], [true, true]);
  });
});
