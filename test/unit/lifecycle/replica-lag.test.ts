import assert from "node:assert/strict";
import {
  type AccountState,
  createAccount,
  createKey,
  failureOf,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  reasons,
  SECOND,
  UnitFixture,
} from "../fixture";

const ROLES = ["event_reader"];
const UNKNOWN_USER = { code: "not_found", message: "User not found" };
const UNKNOWN_KEY = { code: "not_found", message: "Secret not found" };
const BLOCKED = {
  code: "validation_error",
  message: "Revoke all API keys before archiving this service account",
};
const NOTHING = { items: [], pagination: { total: 0 } };

/** A request reads from a replica until it writes: it may not see the changes of others yet. */
describe("resources: a read replica that lags", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let id: string;
  let state: AccountState;
  beforeEach(async () => {
    process = fixture.process();
    ({ id, state } = await createAccount(process, { namePrefix: "ci", roles: ROLES }));
    fixture.emulator.clearRequests();
  });

  /** Makes this many responses come from the replica. */
  const lag = (status: number, body: object, method: string, path: RegExp, times: number) =>
    fixture.fault({ kind: "status", status, body }, "before", { match: { method, path }, times });
  const statusOf = (one: string) =>
    [...fixture.emulator.accounts(), ...fixture.emulator.keys()].find((object) => object.id === one)
      ?.status;
  const make = (by = process) => createKey(by, { namePrefix: "k", serviceAccountId: id });
  const later = () => {
    fixture.clock.now += 11 * MINUTE;
    process = fixture.process();
  };
  const seconds = () => process.pauses.filter((ms) => ms === SECOND).length;

  describe("does not know an account yet that a key is made for", () => {
    it("which this process has made: it is asked again, and one key made", async () => {
      lag(404, UNKNOWN_USER, "POST", /api\/keys$/, 8);
      const key = await make();
      assert.deepEqual(
        fixture.emulator.keys().filter(({ userId }) => userId === id).length,
        1,
        key.id,
      );
      assert.equal(seconds(), 8);
    });

    it("which another run has made a moment ago: the preview passes, up asks again", async () => {
      process = fixture.process();
      lag(200, NOTHING, "POST", /search/, 5);
      const inputs = { type: "private_key", namePrefix: "k", serviceAccountId: id };
      assert.deepEqual(reasons(await process.keys.check({}, inputs)), []);
      await process.keys.create(inputs);
      assert(seconds() > 0);
    });

    it("for longer than half a minute: that is refused", async () => {
      process = fixture.process();
      lag(200, NOTHING, "POST", /search/, 99);
      const inputs = { type: "private_key", namePrefix: "k", serviceAccountId: id };
      await failureOf(process.keys.create(inputs), "not_found");
      assert.equal(seconds(), 30);
    });

    it("but one that is old and not there is refused at once", async () => {
      later();
      lag(200, NOTHING, "POST", /search/, 99);
      const inputs = { type: "private_key", namePrefix: "k", serviceAccountId: id };
      assert.equal(reasons(await process.keys.check({}, inputs)).length, 1);
      await failureOf(process.keys.create(inputs), "not_found");
      assert.equal(seconds(), 0);
    });
  });

  describe("does not know yet what is to be deleted", () => {
    it("an account: it is asked again", async () => {
      lag(404, UNKNOWN_USER, "DELETE", /users/, 8);
      await process.accounts.delete(id, state);
      assert.deepEqual([statusOf(id), seconds()], ["archived", 8]);
    });

    it("a key: it is asked again, and is not tried out", async () => {
      const key = await make();
      lag(404, UNKNOWN_KEY, "DELETE", /keys/, 8);
      await process.keys.delete(key.id, key.state);
      assert.deepEqual([statusOf(key.id), seconds()], ["deleted", 8]);
    });

    it("and never counts as gone: both stay in the state, with the way on", async () => {
      const key = await make();
      fixture.emulator.revokeKey(key.id);
      lag(404, UNKNOWN_KEY, "DELETE", /keys/, 99);
      lag(404, UNKNOWN_USER, "DELETE", /users/, 99);
      for (const gone of [
        process.keys.delete(key.id, key.state),
        process.accounts.delete(id, state),
      ]) {
        assert.match(
          (await failureOf(gone, "not_found")).fix,
          /^run the command again in ten minutes: the (key|account) was created a moment ago/,
        );
      }
    });

    it("and counts as gone once it is old", async () => {
      const key = await make();
      fixture.emulator.revokeKey(key.id);
      fixture.emulator.archiveAccount(id);
      lag(404, UNKNOWN_KEY, "DELETE", /keys/, 99);
      later();
      await process.keys.delete(key.id, key.state);
      await process.accounts.delete(id, state);
      assert.equal(seconds(), 0);
    });
  });

  describe("still shows keys that this process has revoked", () => {
    let key: { id: string; state: KeyState };
    beforeEach(async () => {
      key = await make();
    });

    it("so that their account seems blocked: it is asked again", async () => {
      await process.keys.delete(key.id, key.state);
      lag(400, BLOCKED, "DELETE", /users/, 8);
      await process.accounts.delete(id, state);
      assert.deepEqual([statusOf(id), seconds()], ["archived", 8]);
    });

    it("and lists them: they are not in the way", async () => {
      const { items } = await listed();
      await process.keys.delete(key.id, key.state);
      lag(400, BLOCKED, "DELETE", /users/, 3);
      lag(200, { items, pagination: { total: 1 } }, "GET", /user_id/, 3);
      await process.accounts.delete(id, state);
      assert.deepEqual([statusOf(id), seconds()], ["archived", 3]);
    });

    it("also those that forceDestroy has revoked, each of them once", async () => {
      lag(400, BLOCKED, "DELETE", /users/, 8);
      fixture.emulator.clearRequests();
      await process.accounts.delete(id, { ...state, forceDestroy: true });
      assert.equal(statusOf(id), "archived");
      const revoke = `DELETE /secrets/api/keys/${key.id}`;
      assert.equal(fixture.writes.filter((line) => line === revoke).length, 1);
    });

    it("but other keys are in the way at once", async () => {
      const other = fixture.emulator.createKey(id, fixture.operator.environmentId, {
        name: "other",
      });
      await process.keys.delete(key.id, key.state);
      const error = await failureOf(process.accounts.delete(id, state), "has_active_keys");
      assert(error.reason.includes(other.id));
      assert.equal(seconds(), 0);
    });

    it("and where this process has revoked none, nothing is asked again", async () => {
      fixture.emulator.revokeKey(key.id);
      lag(400, BLOCKED, "DELETE", /users/, 1);
      await failureOf(process.accounts.delete(id, state), "has_active_keys");
      assert.equal(seconds(), 0);
    });

    async function listed(): Promise<{ items: readonly unknown[] }> {
      const page = await fixture.process().connection.api.listKeys({ limit: 10, offset: 0 }, id);
      return { items: page.items };
    }
  });

  it("does not know an account yet that is to be renamed: it is asked again", async () => {
    process = fixture.process();
    lag(404, UNKNOWN_USER, "PUT", /users/, 8);
    await process.accounts.update(id, state, { name: "other", roles: ROLES });
    assert.equal(fixture.emulator.accounts()[0]?.name, "other");
    assert.equal(seconds(), 8);
  });

  describe("does not show in a refresh what was made a moment ago", () => {
    it("an account, which stays in the state, and is said to", async () => {
      process = fixture.process();
      lag(200, NOTHING, "POST", /search/, 99);
      assert.deepEqual(await process.accounts.read(id, state), { id, props: state });
      assert.deepEqual(process.warnings, [
        `Service account "${state.name}" (${id}) is not shown by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
      ]);
    });

    it("an account, by the server's clock, however far ours is ahead", async () => {
      await fixture.start({ serverAheadMs: -15 * MINUTE });
      ({ id, state } = await createAccount(fixture.process(), { namePrefix: "ci", roles: ROLES }));
      process = fixture.process();
      lag(200, NOTHING, "POST", /search/, 99);
      assert.equal((await process.accounts.read(id, state)).id, id);
    });

    it("the name of an account, which was made under another", async () => {
      const inputs = { name: "ingestor", namePrefix: "usage", roles: ROLES };
      const made = await createAccount(fixture.process(), inputs);
      fixture.emulator.renameAccount(made.id, "usage-0123456789");
      const shown = await process.accounts.read(made.id, made.state);
      assert.deepEqual(shown, { id: made.id, props: made.state });
      fixture.emulator.renameAccount(made.id, "usage");
      const renamed = await fixture.process().accounts.read(made.id, made.state);
      assert.equal(renamed.props?.name, "usage");
      fixture.emulator.renameAccount(made.id, "usage-0123456789");
      later();
      const old = await process.accounts.read(made.id, made.state);
      assert.equal(old.props?.name, "usage-0123456789");
    });

    it("a key, which stays in the state, and is said to", async () => {
      const { id: keyId, state: key } = await make();
      process = fixture.process();
      lag(200, NOTHING, "GET", /keys/, 99);
      assert.deepEqual(await process.keys.read(keyId, key), { id: keyId, props: key });
      assert.deepEqual(process.warnings, [
        `API key "${key.name}" (${keyId}) is not listed by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
      ]);
    });

    it("an old account that one search does not show and the next does", async () => {
      later();
      lag(200, NOTHING, "POST", /search/, 1);
      assert.deepEqual(await process.accounts.read(id, state), { id, props: state });
      assert.deepEqual(process.warnings, []);
    });

    it("an old account that a key names as its owner", async () => {
      await make();
      later();
      lag(200, NOTHING, "POST", /search/, 99);
      assert.deepEqual(await process.accounts.read(id, state), { id, props: state });
      assert.match(process.warnings[0] ?? "", /key secret_\w+ names it as its owner: its state/);
    });

    it("an old account that is archived is gone, also where keys of it work on", async () => {
      await make();
      fixture.emulator.archiveAccount(id);
      later();
      assert.equal((await process.accounts.read(id, state)).id, "");
    });
  });
});
