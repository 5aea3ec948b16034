import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../provider/emulator";
import { DAY, failureOf, UnitFixture } from "../fixture";
import { type Declared, Engine } from "./engine";

const ROLES = ["event_reader"];

type Options = Partial<Declared>;

/** An adoption is done once the state holds the object, although "adopt" is still in the program. */
describe("a resource that adopts", () => {
  const fixture = UnitFixture.forEachTest();
  let engine: Engine;
  let accountId: string;
  let existingKey: EmulatedKey;
  beforeEach(() => {
    engine = new Engine(() => fixture.process());
    accountId = fixture.addAccount({ name: "existing", roles: ROLES }).id;
    existingKey = fixture.addKey(accountId, { name: "existing" });
  });

  const key = (inputs: object = {}, options: Options = {}): Declared => ({
    type: "key",
    inputs: () => ({
      namePrefix: "key",
      serviceAccountId: accountId,
      adopt: { id: existingKey.id, apiKey: existingKey.value },
      ...inputs,
    }),
    ...options,
  });
  const account = (inputs: object = {}, options: Options = {}): Declared => ({
    type: "account",
    inputs: () => ({ namePrefix: "account", roles: ROLES, adopt: accountId, ...inputs }),
    ...options,
  });
  const release = (value: string) => ({ rotationTriggers: { release: value } });
  const idOf = (name: string) => engine.get(name).id;

  describe("an API key", () => {
    const replacements: Record<string, readonly [before: Declared, after: Declared]> = {
      "a rotation trigger changes": [key(release("1")), key(release("2"))],
      "a lifetime is added": [key(), key({ expiresIn: "90d" })],
      "replaceOnChanges replaces it for its first rotation triggers": [
        key(),
        key(release("1"), { replaceOnChanges: ["rotationTriggers"] }),
      ],
      "a rotation trigger changes with deleteBeforeReplace": [
        key(release("1"), { deleteBeforeReplace: true }),
        key(release("2"), { deleteBeforeReplace: true }),
      ],
      "a rotation trigger changes while ignoreChanges ignores another change": [
        key(release("1"), { ignoreChanges: ["onDelete"] }),
        key({ ...release("2"), onDelete: "revoke" }, { ignoreChanges: ["onDelete"] }),
      ],
    };
    for (const [title, [before, after]] of Object.entries(replacements)) {
      it(`creates a key and revokes the adopted one if ${title}`, async () => {
        await engine.up({ key: before });
        assert.equal(idOf("key"), existingKey.id);
        await engine.up({ key: after });
        const newKey = idOf("key");
        assert.notEqual(newKey, existingKey.id);
        const statuses = [newKey, existingKey.id].map((id) => fixture.statusOf(id));
        assert.deepEqual(statuses, ["published", "deleted"]);
        fixture.emulator.clearRequests();
        await engine.up({ key: after });
        assert.deepEqual([idOf("key"), fixture.writes], [newKey, []]);
      });
    }

    it("takes another key if adopt names it, and revokes the first one", async () => {
      await engine.up({ key: key() });
      const otherKey = fixture.addKey(accountId, { name: "other" });
      await engine.up({ key: key({ adopt: { id: otherKey.id, apiKey: otherKey.value } }) });
      assert.deepEqual([idOf("key"), fixture.statusOf(existingKey.id)], [otherKey.id, "deleted"]);
    });

    it("rejects --replace for the adopted key, and the next up changes nothing", async () => {
      await engine.up({ key: key() });
      const error = await failureOf(engine.up({ key: key() }, { replace: ["key"] }), "refused");
      assert.match(
        error.reason,
        /^it should be replaced, but the program still has "adopt" for it/,
      );
      assert.equal(fixture.statusOf(existingKey.id), "published");
      await engine.up({ key: key() });
      assert.deepEqual([engine.pending, fixture.statusOf(existingKey.id)], [[], "published"]);
    });

    it("rejects --replace for the key that has replaced the adopted one, until adopt is removed", async () => {
      const expiresAt = new Date(fixture.clock.now + 90 * DAY);
      existingKey = fixture.addKey(accountId, { name: "existing", expiresAt });
      const expiring = (value: string, inputs: object = {}) =>
        key({ expiresIn: "90d", onDelete: "expire", ...release(value), ...inputs });
      await engine.up({ key: expiring("1") });
      await engine.up({ key: expiring("2") });
      const newKey = idOf("key");
      const replaced = engine.up({ key: expiring("2") }, { replace: ["key"] });
      assert.equal(
        (await failureOf(replaced, "refused")).reason,
        `the program still has "adopt" for API key ${existingKey.id}, which this key had replaced, and adopted it again`,
      );
      const statuses = [newKey, existingKey.id].map((id) => fixture.statusOf(id));
      assert.deepEqual(statuses, ["published", "published"]);
      await engine.up({ key: expiring("2", { adopt: undefined }) }, { replace: ["key"] });
      assert.notEqual(idOf("key"), existingKey.id);
      assert.deepEqual([engine.pending, fixture.statusOf(existingKey.id)], [[], "deleted"]);
    });

    it("keeps the key if adopt is removed after a rejected --replace", async () => {
      const withoutAdopt = { key: key({ adopt: undefined }) };
      await engine.up({ key: key() });
      await failureOf(engine.up({ key: key() }, { replace: ["key"] }), "refused");
      await engine.up(withoutAdopt);
      assert.equal(idOf("key"), existingKey.id);
      assert.equal(fixture.statusOf(existingKey.id), "published");
      await engine.up(withoutAdopt, { replace: ["key"] });
      assert.equal(fixture.statusOf(existingKey.id), "deleted");
    });

    it("rejects a key that another resource of the program has adopted", async () => {
      await engine.up({ key: key() });
      const program = { key: key(), other: key({ namePrefix: "other" }) };
      await assert.rejects(engine.up(program), /manages it already/);
    });
  });

  describe("a service account", () => {
    beforeEach(() => fixture.emulator.revokeKey(existingKey.id));

    it("creates an account and archives the adopted one if the roles change", async () => {
      await engine.up({ account: account() });
      assert.equal(idOf("account"), accountId);
      await engine.up({ account: account({ roles: ["event_ingestor"] }) });
      const newAccount = idOf("account");
      assert.notEqual(newAccount, accountId);
      const statuses = [newAccount, accountId].map((id) => fixture.statusOf(id));
      assert.deepEqual(statuses, ["published", "archived"]);
      const roles = ["event_reader", "event_ingestor", "event_reader"];
      await engine.up({ account: account({ roles }) });
      assert.notEqual(idOf("account"), newAccount);
      assert.equal(fixture.statusOf(newAccount), "archived");
    });

    it("creates an account and archives the adopted one if replaceOnChanges replaces it", async () => {
      await engine.up({ account: account() });
      const options = { replaceOnChanges: ["forceDestroy"] };
      await engine.up({ account: account({ forceDestroy: true }, options) });
      assert.notEqual(idOf("account"), accountId);
      assert.equal(fixture.statusOf(accountId), "archived");
    });

    it("rejects --replace for the adopted account, and the next up changes nothing", async () => {
      await engine.up({ account: account() });
      const replaced = engine.up({ account: account() }, { replace: ["account"] });
      await failureOf(replaced, "refused");
      await engine.up({ account: account() });
      assert.deepEqual([engine.pending, fixture.statusOf(accountId)], [[], "published"]);
    });
  });

  for (const [type, declare, adoptedId, endStatus] of [
    ["an API key", key, () => existingKey.id, "deleted"],
    ["a service account", account, () => accountId, "archived"],
  ] as const) {
    describe(type, () => {
      beforeEach(() => {
        if (declare === account) fixture.emulator.revokeKey(existingKey.id);
      });

      for (const refresh of [false, true]) {
        it(`keeps the object under another logical name${refresh ? ", in a run that refreshes first" : ""}`, async () => {
          await engine.up({ before: declare({ namePrefix: "before" }) });
          await engine.up({ after: declare({ namePrefix: "after" }) }, { refresh });
          assert.equal(idOf("after"), adoptedId());
          assert.equal(fixture.statusOf(adoptedId()), "published");
        });
      }

      it("ends the object in a destroy, even after a refresh has shown it", async () => {
        await engine.up({ resource: declare() });
        await engine.destroy({ refresh: true });
        assert.equal(fixture.statusOf(adoptedId()), endStatus);
      });

      it("ends the object if the program removes it in a run that refreshes first", async () => {
        await engine.up({ resource: declare() });
        await engine.up({}, { refresh: true });
        assert.equal(fixture.statusOf(adoptedId()), endStatus);
      });
    });
  }
});
