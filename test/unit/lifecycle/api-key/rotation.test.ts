import assert from "node:assert/strict";
import { credential, DAY, failureOf, type ProcessOptions, UnitFixture } from "../../fixture";
import { type Declared, Engine, type Program, type UpOptions } from "../engine";

const LIFETIME = 90 * DAY;

type Inputs = Readonly<Record<string, unknown>>;
type Options = Partial<Declared>;

describe("an API key with onDelete expire", () => {
  const fixture = UnitFixture.forEachTest();
  let processOptions: ProcessOptions;
  let engine: Engine;
  const startEngine = () => {
    engine = new Engine(() => fixture.process(processOptions));
  };
  beforeEach(() => {
    processOptions = {};
    startEngine();
  });

  const account = (roles = ["event_reader"], inputs: Inputs = {}): Declared => ({
    type: "account",
    inputs: () => ({ namePrefix: "account", roles, ...inputs }),
  });
  const key = (inputs: Inputs = {}, options: Options = {}): Declared => ({
    type: "key",
    inputs: (ids) => ({
      namePrefix: "key",
      serviceAccountId: ids["account"],
      expiresIn: "90d",
      onDelete: "expire",
      ...inputs,
    }),
    ...options,
  });
  const program = (inputs: Inputs = {}, options: Options = {}): Program => ({
    account: account(),
    key: key(inputs, options),
  });
  const release = (value: string) => ({ rotationTriggers: { release: value } });
  /** Brings a key up and rotates it. Returns the ids of both keys. */
  const rotate = async (inputs: Inputs = {}, options: UpOptions = {}) => {
    await engine.up(program({ ...release("1"), ...inputs }));
    const oldKey = keyId();
    await engine.up(program({ ...release("2"), ...inputs }), options);
    assert.notEqual(keyId(), oldKey);
    return [oldKey, keyId()] as const;
  };

  const keyId = () => engine.get("key").id;
  const predecessors = (state: Inputs = engine.get("key").state) =>
    ((state["predecessors"] ?? []) as { id: string }[]).map(({ id }) => id);
  const isLive = (id: string) => fixture.key(id).status === "published";
  const isArchived = (id: string) => fixture.account(id).status === "archived";
  /** Live keys that are in no state, and that no key in a state lists. */
  const lostKeys = () => {
    const entries = [...engine.entries, ...engine.pending];
    const knownIds = entries.flatMap(({ id, state }) => [id, ...predecessors(state)]);
    return fixture.emulator
      .keys()
      .filter(({ id, name }) => isLive(id) && name !== "admin key" && !knownIds.includes(id));
  };
  const warnings = () => engine.provider.warnings.join("\n");

  describe("is left to expire by a rotation", () => {
    it("with a warning that says until when it works", async () => {
      const [oldKey, newKey] = await rotate();
      assert.deepEqual([isLive(oldKey), isLive(newKey), lostKeys()], [true, true, []]);
      const { name, expiresAt } = fixture.key(oldKey);
      assert.deepEqual(
        engine.provider.warnings.map((text) => text.replace(/\.\d+Z/, "Z")),
        [
          `API key "${name}" (${oldKey}) is not revoked, but left to expire at ${expiresAt?.replace(/\.\d+Z/, "Z")} (onDelete: "expire").`,
        ],
      );
    });

    const rotations: Record<string, { before: Inputs; after: Inputs; options?: Options }> = {
      "if the engine deletes it before it creates the successor": {
        before: release("1"),
        after: release("2"),
        options: { deleteBeforeReplace: true },
      },
      "if ignoreChanges ignores a change that the successor has": {
        before: { ...release("1"), rotateBefore: "14d" },
        after: { ...release("2"), rotateBefore: "7d" },
        options: { ignoreChanges: ["rotateBefore"] },
      },
      "if replaceOnChanges replaces it": {
        before: { rotateBefore: "14d" },
        after: { rotateBefore: "7d" },
        options: { replaceOnChanges: ["rotateBefore"] },
      },
      "in a state of an older release, which has neither prefix nor predecessors": {
        before: { ...release("1"), namePrefix: undefined, name: "key" },
        after: { ...release("2"), namePrefix: undefined, name: "key" },
      },
    };
    for (const [title, { before, after, options }] of Object.entries(rotations)) {
      it(title, async () => {
        await engine.up(program(before, options));
        const oldKey = keyId();
        await engine.up(program(after, options));
        assert.notEqual(keyId(), oldKey);
        assert.equal(engine.get("key").inputs["rotateBefore"], after["rotateBefore"]);
        assert.deepEqual([isLive(oldKey), lostKeys()], [true, []]);
      });
    }

    it("if the rotation is due", async () => {
      const due = { rotateBefore: "14d" };
      await engine.up(program(due));
      const oldKey = keyId();
      fixture.clock.now += LIFETIME - 13 * DAY;
      await engine.up(program(due));
      assert.notEqual(keyId(), oldKey);
      assert.deepEqual([isLive(oldKey), lostKeys()], [true, []]);
    });

    it("if --replace asks for the rotation, for which the engine calls no diff", async () => {
      await engine.up(program());
      const oldKey = keyId();
      await engine.up(program(), { replace: ["key"] });
      assert.notEqual(keyId(), oldKey);
      assert.equal(isLive(oldKey), true);
    });

    it("if --replace asks for the rotation, while a removed key with the same inputs is revoked", async () => {
      await engine.up({ account: account(), one: key(), two: key() });
      const ids = [engine.get("one").id, engine.get("two").id];
      await engine.up({ account: account(), one: key() }, { replace: ["one"] });
      assert.deepEqual(ids.map(isLive).sort(), [false, true]);
    });

    it("if another key has the same inputs, and neither counts as the other's successor", async () => {
      const bothKeys = (value: string): Program => ({
        account: account(),
        one: key(release(value)),
        two: key(release(value)),
      });
      await engine.up(bothKeys("1"));
      const oldKeys = [engine.get("one").id, engine.get("two").id];
      await engine.up(bothKeys("2"));
      assert.deepEqual([oldKeys.map(isLive), lostKeys()], [[true, true], []]);
      await engine.up({ account: account(), one: key(release("2")) });
      assert.deepEqual(oldKeys.map(isLive), [true, false]);
    });

    it("in the run after one that was interrupted once the successor existed", async () => {
      const [oldKey, newKey] = await rotate({}, { isInterrupted: true });
      assert.deepEqual(
        engine.pending.map(({ id }) => id),
        [oldKey],
      );
      await engine.up(program(release("2")));
      assert.deepEqual([isLive(oldKey), isLive(newKey), lostKeys()], [true, true, []]);
      assert.deepEqual(engine.pending, []);
    });

    it("in the run after one of an older release that was interrupted", async () => {
      const inputs = { namePrefix: undefined, name: "key" };
      const [oldKey, newKey] = await rotate(inputs, { isInterrupted: true });
      // That release did not write predecessors.
      engine.entries = engine.entries.map(({ state: { predecessors: _, ...state }, ...entry }) => ({
        ...entry,
        state,
      }));
      fixture.clock.now += DAY;
      await engine.up(program({ ...release("2"), namePrefix: "key" }));
      assert.equal(keyId(), newKey);
      assert.equal(isLive(oldKey), true);
    });

    it("as a predecessor through several rotations, until it has expired", async () => {
      const [firstKey] = await rotate();
      fixture.clock.now += DAY;
      await engine.up(program(release("3")));
      const thirdKey = keyId();
      assert.deepEqual([predecessors().length, predecessors()[0]], [2, firstKey]);
      assert.deepEqual(lostKeys(), []);
      fixture.clock.now += LIFETIME - DAY / 2;
      await engine.up(program(release("4")));
      assert(!predecessors().includes(firstKey));
      assert(predecessors().includes(thirdKey));
    });

    it("even if its successor is revoked because onDelete has changed since", async () => {
      const [oldKey] = await rotate();
      await engine.up(program({ ...release("2"), onDelete: "revoke" }));
      const newKey = keyId();
      await engine.up(program({ ...release("3"), onDelete: "revoke" }));
      assert.deepEqual([isLive(oldKey), isLive(newKey), lostKeys()], [true, false, []]);
      await engine.destroy();
      assert.deepEqual([isLive(oldKey), lostKeys()], [false, []]);
    });

    it("if it is the operator's own credential, which a destroy does not revoke", async () => {
      const ownKey = (value: string): Program => ({
        key: {
          type: "key",
          inputs: () => ({
            namePrefix: "own",
            expiresIn: "90d",
            onDelete: "expire",
            ...release(value),
          }),
        },
      });
      await engine.up(ownKey("1"));
      const { id, state } = engine.get("key");
      processOptions = { credential: credential(String(state["apiKey"])) };
      await engine.up(ownKey("2"));
      const newKey = keyId();
      assert.equal(isLive(id), true);
      const { reason } = await failureOf(engine.destroy(), "refused");
      assert.match(
        reason,
        new RegExp(`^API key ${id} would be revoked, and seems .* the operator's own credential`),
      );
      assert.deepEqual([isLive(id), isLive(newKey)], [true, true]);
      processOptions = {};
      await engine.destroy();
      assert.deepEqual([isLive(id), isLive(newKey)], [false, false]);
    });

    it("if an adopted key is its successor", async () => {
      const [oldKey, newKey] = await rotate();
      const expiresAt = new Date(fixture.clock.now + LIFETIME);
      const { id, value } = fixture.addKey(engine.get("account").id, {
        name: "existing",
        expiresAt,
      });
      await engine.up(program({ ...release("2"), adopt: { id, apiKey: value } }));
      assert.equal(keyId(), id);
      assert.deepEqual([isLive(oldKey), isLive(newKey), lostKeys()], [true, true, []]);
    });

    it("as a predecessor until the program adopts it again", async () => {
      const [oldKey, newKey] = await rotate();
      const adopt = { id: oldKey, apiKey: fixture.key(oldKey).value };
      await engine.up(program({ ...release("2"), adopt }));
      assert.deepEqual([keyId(), predecessors()], [oldKey, [newKey]]);
    });
  });

  describe("is revoked with its predecessors", () => {
    let oldKey: string;
    let newKey: string;
    const assertRevoked = () => {
      assert.deepEqual([isLive(oldKey), isLive(newKey), lostKeys()], [false, false, []]);
    };

    it("by a destroy, without forceDestroy", async () => {
      [oldKey, newKey] = await rotate();
      const { id } = engine.get("account");
      await engine.destroy();
      assertRevoked();
      assert.equal(isArchived(id), true);
      assert.equal(engine.provider.warnings.length, 1);
      assert.match(
        warnings(),
        new RegExp(
          `^API key ${oldKey}, which a rotation had left to expire at .*Z, has been revoked together with its successor\\.$`,
        ),
      );
    });

    it("by a destroy that refreshes first", async () => {
      [oldKey, newKey] = await rotate();
      const { id } = engine.get("account");
      await engine.destroy({ refresh: true });
      assertRevoked();
      assert.equal(isArchived(id), true);
    });

    it("by a destroy after an interrupted run", async () => {
      [oldKey, newKey] = await rotate({}, { isInterrupted: true });
      await engine.destroy();
      assertRevoked();
      assert.deepEqual(engine.entries, []);
    });

    for (const [title, refresh] of [
      ["", false],
      [", in a run that refreshes first", true],
    ] as const) {
      it(`if the program removes the key and keeps its account${title}`, async () => {
        [oldKey, newKey] = await rotate();
        await engine.up({ account: account() }, { refresh });
        assertRevoked();
      });
    }

    it("if the program removes the key from a state of an older release", async () => {
      await engine.up(program({ namePrefix: undefined, name: "key" }));
      const id = keyId();
      await engine.up({ account: account() });
      assert.equal(isLive(id), false);
    });

    it("if its account is replaced, and the preview warns", async () => {
      [oldKey, newKey] = await rotate();
      const { id } = engine.get("account");
      await engine.up({ account: account(["event_ingestor"]), key: key(release("2")) });
      assertRevoked();
      assert.equal(isArchived(id), true);
      assert.match(
        engine.provider.warnings[0] ?? "",
        new RegExp(
          `^API key .*${newKey}.* is revoked once its successor is created, although its onDelete is "expire": its service account ${id} is replaced, and its keys are revoked with it; so are the keys that rotations left to expire: ${oldKey}\\.$`,
        ),
      );
    });

    it("if an interrupted run has replaced its account", async () => {
      [oldKey, newKey] = await rotate();
      const { id } = engine.get("account");
      const replaced = { account: account(["event_ingestor"]), key: key(release("2")) };
      await engine.up(replaced, { isInterrupted: true });
      await engine.up(replaced);
      assertRevoked();
      assert.equal(isArchived(id), true);
    });

    it("if --replace replaces its account", async () => {
      [oldKey, newKey] = await rotate();
      const { id } = engine.get("account");
      await engine.up({ account: account(), key: key(release("2")) }, { replace: ["account"] });
      assert.deepEqual([isLive(oldKey), isLive(newKey), isArchived(id)], [false, false, true]);
    });

    it("if its successor is created for another account, although its own stays", async () => {
      const accounts = { account: account(), other: account(["event_ingestor"]) };
      await engine.up({ ...accounts, key: key() });
      const id = keyId();
      const movedKey: Declared = {
        type: "key",
        inputs: (ids) => ({ ...key().inputs(ids), serviceAccountId: ids["other"] }),
      };
      await engine.up({ ...accounts, key: movedKey });
      assert.deepEqual([isLive(id), lostKeys()], [false, []]);
    });

    it("even if the server no longer knows a predecessor", async () => {
      [oldKey, newKey] = await rotate();
      fixture.clock.now += DAY;
      const body = { code: "not_found", message: "Secret not found" };
      fixture.respondWith(404, { body, match: { path: new RegExp(`keys/${oldKey}`) } });
      await engine.up({ account: account() });
      assert.deepEqual([isLive(newKey), engine.entries.length], [false, 1]);
      assert.match(
        warnings(),
        new RegExp(`API key ${oldKey}, which a rotation has left .* could not be revoked\\.`),
      );
    });

    it("once a read replica knows the predecessor", async () => {
      [oldKey] = await rotate();
      const body = { code: "not_found", message: "Secret not found" };
      fixture.respondWith(404, { body, match: { path: new RegExp(`keys/${oldKey}`) }, times: 5 });
      await engine.destroy();
      assert.equal(isLive(oldKey), false);
    });

    it("except for a predecessor that the credential may not revoke, and that expires by itself", async () => {
      [oldKey, newKey] = await rotate();
      const message = "Ask a tenant super_admin to revoke this API key";
      const body = { code: "permission_denied", message };
      fixture.respondWith(403, { body, match: { path: new RegExp(`keys/${oldKey}`) } });
      await engine.up({ account: account() });
      assert.deepEqual([isLive(newKey), engine.entries.length], [false, 1]);
      assert.match(
        warnings(),
        new RegExp(
          `API key ${oldKey}, which .* cannot be revoked with the credential from .*${message}`,
        ),
      );
    });
  });

  it("cannot be adopted by another resource as a predecessor, since it would be revoked there", async () => {
    const [oldKey] = await rotate();
    const adopt = { id: oldKey, apiKey: fixture.key(oldKey).value };
    const otherKey = key({ namePrefix: "other", adopt });
    await assert.rejects(
      engine.up({ ...program(release("1")), otherKey }),
      /a resource of this stack manages it already/,
    );
  });

  for (const [title, inputs] of [
    ["unchanged", { rotateBefore: "14d" }],
    ["updated", { rotateBefore: "7d" }],
  ] as const) {
    it(`is no predecessor of a new key with the same inputs if the program keeps it ${title}`, async () => {
      await engine.up({ account: account(), kept: key({ rotateBefore: "14d" }) });
      const { id } = engine.get("kept");
      await engine.up({ account: account(), kept: key(inputs), added: key(inputs) });
      assert.deepEqual([engine.get("kept").id, isLive(id)], [id, true]);
      const added = engine.get("added").id;
      // Without a program, nothing shows that the state has the other.
      await engine.destroy({ target: "added" });
      assert.deepEqual([isLive(id), isLive(added)], [true, false]);
    });
  }

  describe("whose predecessors no state lists any more", () => {
    const unlisted = (id: string) =>
      new RegExp(`no state lists them any more: ${id} \\(until .*Z\\)\\. To end one earlier`);

    it("brings a warning if it was revoked outside of the program", async () => {
      const [oldKey, newKey] = await rotate();
      fixture.clock.now += DAY;
      fixture.emulator.revokeKey(newKey);
      await engine.refresh();
      assert.match(warnings(), unlisted(oldKey));
    });

    it("brings no warning for predecessors that are revoked too", async () => {
      const keys = await rotate();
      fixture.clock.now += DAY;
      for (const id of keys) fixture.emulator.revokeKey(id);
      await engine.refresh();
      assert.doesNotMatch(warnings(), /no state/);
    });

    it("brings a warning if --replace replaces it", async () => {
      const [oldKey] = await rotate();
      await engine.up(program(release("2")), { replace: ["key"] });
      assert.match(warnings(), unlisted(oldKey));
    });
  });

  describe("whose account has forceDestroy", () => {
    const forceDestroyed = (roles?: string[]) => account(roles, { forceDestroy: true });

    for (const [title, nextProgram] of [
      ["is removed", { other: account() }],
      ["is replaced", { account: account(["event_ingestor"]) }],
    ] as const) {
      it(`is revoked with the key that replaced it by --replace if the account ${title}`, async () => {
        await engine.up({ account: forceDestroyed(), key: key() });
        const oldKey = keyId();
        await engine.up({ account: forceDestroyed(), key: key() }, { replace: ["key"] });
        const { id } = engine.get("account");
        const newKey = keyId();
        await engine.up(nextProgram);
        assert.deepEqual([isArchived(id), isLive(oldKey), isLive(newKey)], [true, false, false]);
      });
    }

    for (const [title, firstName, otherInputs] of [
      ["without an expiry", "other", { expiresIn: undefined, onDelete: undefined }],
      ["with an expiry", "one", {}],
    ] as const) {
      it(`does not let it revoke another key of the same prefix ${title} that --target hides`, async () => {
        const bothKeys: Program = { one: key(), other: key(otherInputs) };
        await engine.up({ account: forceDestroyed(), [firstName]: bothKeys[firstName] ?? key() });
        fixture.clock.now += DAY;
        await engine.up({ account: forceDestroyed(), ...bothKeys });
        const { id } = engine.get("other");
        engine.entries = engine.entries.filter(({ name }) => name !== "other");
        const replaced = { account: forceDestroyed(["event_ingestor"]), one: key() };
        const { reason } = await failureOf(engine.up(replaced), "refused");
        assert(reason.includes(`${id}) may be in use`), reason);
        assert.equal(isLive(id), true);
      });
    }
  });

  it("stays in the state and works if its deletion is rejected", async () => {
    await engine.up(program(release("1")));
    const { id, state } = engine.get("key");
    processOptions = { credential: credential(fixture.emulator.createTenant().apiKey) };
    await failureOf(engine.destroy(), "wrong_tenant");
    assert.deepEqual([engine.get("key").state, isLive(id)], [state, true]);
  });

  it("stays in the state while the server is unreachable", async () => {
    await engine.up(program(release("1")));
    await fixture.stop();
    await failureOf(engine.destroy(), "unreachable");
    assert.equal(engine.entries.length, 2);
  });

  it("is left to expire by the server's clock if the local one is far ahead", async () => {
    await fixture.start({ serverAheadMs: -100 * DAY });
    startEngine();
    const [oldKey] = await rotate();
    assert.equal(isLive(oldKey), true);
    assert.match(warnings(), /is not revoked, but left to expire/);
  });
});
