import assert from "node:assert/strict";
import { DAY, failureOf, type ProviderProcess, UnitFixture } from "../fixture";
import { type Declared, Engine, type Program, type UpOptions } from "./engine";

const ROLES = ["event_reader"];

describe("resources: adoption is done once the state holds what was adopted", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let engine: Engine;
  let account: string;
  let theirs: { readonly id: string; readonly value: string };
  beforeEach(async () => {
    engine = new Engine();
    const { tenantId, environmentId } = fixture.operator;
    account = fixture.emulator.createAccount(tenantId, { name: "theirs", roles: ROLES }).id;
    theirs = fixture.emulator.createKey(account, environmentId, { name: "theirs" });
  });

  const adopting = (more: object = {}, options: Partial<Declared> = {}): Declared => ({
    type: "key",
    inputs: () => ({
      namePrefix: "key",
      serviceAccountId: account,
      adopt: { id: theirs.id, apiKey: theirs.value },
      ...more,
    }),
    ...options,
  });
  const robot = (roles = ROLES, more: object = {}): Declared => ({
    type: "account",
    inputs: () => ({ namePrefix: "robot", roles, adopt: account, ...more }),
  });
  const up = async (declared: Program, options: UpOptions = {}) => {
    process = fixture.process();
    await engine.up(process, declared, options);
  };
  const statusOf = (id: string) =>
    [...fixture.emulator.accounts(), ...fixture.emulator.keys()].find((one) => one.id === id)
      ?.status;
  const triggers = (value: string) => ({ rotationTriggers: { release: value } });

  describe("of a key", () => {
    const replacements: Record<string, readonly [before: Declared, after: Declared]> = {
      "a trigger": [adopting(triggers("1")), adopting(triggers("2"))],
      "first triggers, marked by replaceOnChanges": [
        adopting(),
        adopting(triggers("1"), { replaceOnChanges: ["rotationTriggers"] }),
      ],
      "a trigger, deleted before": [
        adopting(triggers("1"), { deleteBeforeReplace: true }),
        adopting(triggers("2"), { deleteBeforeReplace: true }),
      ],
      "a trigger, with changes of others ignored": [
        adopting(triggers("1"), { ignoreChanges: ["onDelete"] }),
        adopting({ ...triggers("2"), onDelete: "revoke" }, { ignoreChanges: ["onDelete"] }),
      ],
    };
    for (const [what, [before, after]] of Object.entries(replacements)) {
      it(`lets ${what} make a key of its own, and end the adopted one`, async () => {
        await up({ key: before });
        assert.equal(engine.get("key").id, theirs.id);
        await up({ key: after });
        const own = engine.get("key").id;
        assert.notEqual(own, theirs.id);
        assert.deepEqual([statusOf(own), statusOf(theirs.id)], ["published", "deleted"]);
        // So does each later rotation, although "adopt" is still set.
        fixture.emulator.clearRequests();
        await up({ key: after });
        assert.deepEqual([engine.get("key").id, fixture.writes], [own, []]);
      });
    }

    it("lets a lifetime that is added make a key of its own", async () => {
      await up({ key: adopting() });
      await up({ key: adopting({ expiresIn: "90d" }) });
      assert.deepEqual(
        [engine.get("key").id === theirs.id, statusOf(theirs.id)],
        [false, "deleted"],
      );
    });

    it("takes another over that the program names now", async () => {
      const { environmentId } = fixture.operator;
      await up({ key: adopting() });
      const next = fixture.emulator.createKey(account, environmentId, { name: "next" });
      await up({ key: adopting({ adopt: { id: next.id, apiKey: next.value } }) });
      assert.deepEqual([engine.get("key").id, statusOf(theirs.id)], [next.id, "deleted"]);
    });

    it("is no replacement by itself: with --replace that fails, once", async () => {
      await up({ key: adopting() });
      const error = await failureOf(up({ key: adopting() }, { replace: ["key"] }), "refused");
      assert.match(
        error.reason,
        /^it should be replaced, but the program still has "adopt" for it/,
      );
      assert.equal(statusOf(theirs.id), "published");
      await up({ key: adopting() });
      assert.deepEqual([engine.pending, statusOf(theirs.id)], [[], "published"]);
    });

    it("is no way back to it from the key that a rotation has made: with --replace that fails, once", async () => {
      const expiresAt = new Date(fixture.clock.now + 90 * DAY);
      const { environmentId } = fixture.operator;
      theirs = fixture.emulator.createKey(account, environmentId, { name: "theirs", expiresAt });
      const leaving = (value: string) =>
        adopting({ expiresIn: "90d", onDelete: "expire", ...triggers(value) });
      await up({ key: leaving("1") });
      await up({ key: leaving("2") });
      const own = engine.get("key").id;
      const error = await failureOf(up({ key: leaving("2") }, { replace: ["key"] }), "refused");
      assert.equal(
        error.reason,
        `the program still has "adopt" for API key ${theirs.id}, which this key had replaced, and adopted it again`,
      );
      assert.deepEqual([statusOf(own), statusOf(theirs.id)], ["published", "published"]);
      // As the message says: without adopt.
      const without = adopting({
        adopt: undefined,
        expiresIn: "90d",
        onDelete: "expire",
        ...triggers("2"),
      });
      await up({ key: without }, { replace: ["key"] });
      assert.notEqual(engine.get("key").id, theirs.id);
      assert.deepEqual([engine.pending, statusOf(theirs.id)], [[], "deleted"]);
    });

    it("and ends nothing that it holds, also once the program has dropped adopt after that", async () => {
      await up({ key: adopting() });
      await failureOf(up({ key: adopting() }, { replace: ["key"] }), "refused");
      await up({ key: adopting({ adopt: undefined }) });
      assert.deepEqual([engine.get("key").id, statusOf(theirs.id)], [theirs.id, "published"]);
      await up({ key: adopting({ adopt: undefined }) }, { replace: ["key"] });
      assert.equal(statusOf(theirs.id), "deleted");
    });

    it("lets a resource of another name take it over, also with a refresh before", async () => {
      for (const isRefreshed of [false, true]) {
        engine = new Engine();
        await up({ before: adopting({ namePrefix: "before" }) });
        await up({ after: adopting({ namePrefix: "after" }) }, { isRefreshed });
        assert.deepEqual([engine.get("after").id, statusOf(theirs.id)], [theirs.id, "published"]);
      }
    });

    it("is ended with its resource, whatever a refresh before shows", async () => {
      await up({ key: adopting() });
      process = fixture.process();
      await engine.refresh(process);
      await engine.destroy(process);
      assert.equal(statusOf(theirs.id), "deleted");
    });

    it("is ended when it is removed from the program in a run that refreshes", async () => {
      await up({ key: adopting() });
      await up({}, { isRefreshed: true });
      assert.equal(statusOf(theirs.id), "deleted");
    });
  });

  describe("of an account", () => {
    beforeEach(() => fixture.emulator.revokeKey(theirs.id));

    it("lets other roles make an account of its own, and end the adopted one", async () => {
      await up({ robot: robot() });
      assert.equal(engine.get("robot").id, account);
      await up({ robot: robot(["event_ingestor"]) });
      const own = engine.get("robot").id;
      assert.notEqual(own, account);
      assert.deepEqual([statusOf(own), statusOf(account)], ["published", "archived"]);
      await up({ robot: robot(["event_reader", "event_ingestor", "event_reader"]) });
      assert.notEqual(engine.get("robot").id, own);
      assert.equal(statusOf(own), "archived");
    });

    it("lets replaceOnChanges make an account of its own", async () => {
      await up({ robot: robot() });
      const marked = {
        ...robot(ROLES, { forceDestroy: true }),
        replaceOnChanges: ["forceDestroy"],
      };
      await up({ robot: marked });
      assert.deepEqual(
        [engine.get("robot").id === account, statusOf(account)],
        [false, "archived"],
      );
    });

    it("is no replacement by itself: with --replace that fails, once", async () => {
      await up({ robot: robot() });
      await failureOf(up({ robot: robot() }, { replace: ["robot"] }), "refused");
      await up({ robot: robot() });
      assert.deepEqual([engine.pending, statusOf(account)], [[], "published"]);
    });

    it("lets a resource of another name take it over, also with a refresh before", async () => {
      for (const isRefreshed of [false, true]) {
        engine = new Engine();
        await up({ before: robot(ROLES, { namePrefix: "before" }) });
        await up({ after: robot(ROLES, { namePrefix: "after" }) }, { isRefreshed });
        assert.deepEqual([engine.get("after").id, statusOf(account)], [account, "published"]);
      }
    });

    it("is ended with its resource, whatever a refresh before shows", async () => {
      await up({ robot: robot() });
      process = fixture.process();
      await engine.refresh(process);
      await engine.destroy(process);
      assert.equal(statusOf(account), "archived");
    });

    it("is ended when it is removed from the program in a run that refreshes", async () => {
      await up({ robot: robot() });
      await up({}, { isRefreshed: true });
      assert.equal(statusOf(account), "archived");
    });
  });

  it("takes nothing twice that the program holds", async () => {
    await up({ key: adopting() });
    process = fixture.process();
    const twice = { key: adopting(), other: adopting({ namePrefix: "other" }) };
    await assert.rejects(engine.up(process, twice), /manages it already/);
  });
});
