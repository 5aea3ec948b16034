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
const USER_NOT_FOUND = { code: "not_found", message: "User not found" };
const KEY_NOT_FOUND = { code: "not_found", message: "Secret not found" };
const BLOCKED = {
  code: "validation_error",
  message: "Revoke all API keys before archiving this service account",
};
const EMPTY_PAGE = { items: [], pagination: { total: 0 } };

/** Until a request writes, it reads from a replica, which may not have the latest changes of others yet. */
describe("if a read replica lags,", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let id: string;
  let state: AccountState;
  const setUp = async () => {
    provider = fixture.process();
    ({ id, state } = await createAccount(provider, { namePrefix: "ci", roles: ROLES }));
    fixture.emulator.clearRequests();
  };
  beforeEach(setUp);

  /** Makes this many responses come from the replica. */
  const respondFromReplica = (
    status: number,
    body: object,
    method: string,
    path: RegExp,
    times: number,
  ) => fixture.respondWith(status, { body, match: { method, path }, times });
  const keyInputs = () => ({ type: "private_key", namePrefix: "k", serviceAccountId: id });
  const addKey = () => createKey(provider, keyInputs());
  const startLater = () => {
    fixture.passReplicaLag();
    provider = fixture.process();
  };
  const retries = () => provider.pauses.filter((ms) => ms === SECOND).length;

  describe("creating a key for an account that it does not show", () => {
    it("is retried if the same process has created the account, and creates one key", async () => {
      respondFromReplica(404, USER_NOT_FOUND, "POST", /api\/keys$/, 8);
      await addKey();
      assert.equal(fixture.liveKeys(id).length, 1);
      assert.equal(retries(), 8);
    });

    it("is retried if another run has just created the account, and its preview passes", async () => {
      provider = fixture.process();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 5);
      assert.deepEqual(reasons(await provider.keys.check({}, keyInputs())), []);
      await provider.keys.create(keyInputs());
      assert(retries() > 0);
    });

    it("fails after half a minute", async () => {
      provider = fixture.process();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 99);
      await failureOf(provider.keys.create(keyInputs()), "not_found");
      assert.equal(retries(), 30);
    });

    it("fails at once, also in the preview, if the id is old", async () => {
      startLater();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 99);
      assert.equal(reasons(await provider.keys.check({}, keyInputs())).length, 1);
      await failureOf(provider.keys.create(keyInputs()), "not_found");
      assert.equal(retries(), 0);
    });
  });

  describe("deleting an object that it does not show", () => {
    it("is retried for an account", async () => {
      respondFromReplica(404, USER_NOT_FOUND, "DELETE", /users/, 8);
      await provider.accounts.delete(id, state);
      assert.deepEqual([fixture.statusOf(id), retries()], ["archived", 8]);
    });

    it("is retried for a key", async () => {
      const key = await addKey();
      respondFromReplica(404, KEY_NOT_FOUND, "DELETE", /keys/, 8);
      await provider.keys.delete(key.id, key.state);
      assert.deepEqual([fixture.statusOf(key.id), retries()], ["deleted", 8]);
    });

    it("fails for a young object, and says to try again in ten minutes", async () => {
      const key = await addKey();
      fixture.emulator.revokeKey(key.id);
      respondFromReplica(404, KEY_NOT_FOUND, "DELETE", /keys/, 99);
      respondFromReplica(404, USER_NOT_FOUND, "DELETE", /users/, 99);
      for (const [type, deletion] of [
        ["key", provider.keys.delete(key.id, key.state)],
        ["account", provider.accounts.delete(id, state)],
      ] as const) {
        const { fix } = await failureOf(deletion, "not_found");
        const start = `run the command again in ten minutes: the ${type} was created a moment ago`;
        assert.ok(fix.startsWith(start), fix);
      }
    });

    it("succeeds for an old object, which is gone", async () => {
      const key = await addKey();
      fixture.emulator.revokeKey(key.id);
      fixture.emulator.archiveAccount(id);
      respondFromReplica(404, KEY_NOT_FOUND, "DELETE", /keys/, 99);
      startLater();
      await provider.keys.delete(key.id, key.state);
      await provider.accounts.delete(id, state);
      assert.equal(retries(), 0);
    });
  });

  describe("archiving an account whose keys it still shows", () => {
    let key: { id: string; state: KeyState };
    beforeEach(async () => {
      key = await addKey();
    });

    it("is retried if this process has revoked them", async () => {
      await provider.keys.delete(key.id, key.state);
      respondFromReplica(400, BLOCKED, "DELETE", /users/, 8);
      await provider.accounts.delete(id, state);
      assert.deepEqual([fixture.statusOf(id), retries()], ["archived", 8]);
    });

    it("is retried if this process has revoked them and it still lists them", async () => {
      const { api } = fixture.process().connection;
      const { items } = await api.listKeys({ limit: 10, offset: 0 }, id);
      await provider.keys.delete(key.id, key.state);
      respondFromReplica(400, BLOCKED, "DELETE", /users/, 3);
      respondFromReplica(200, { items, pagination: { total: 1 } }, "GET", /user_id/, 3);
      await provider.accounts.delete(id, state);
      assert.deepEqual([fixture.statusOf(id), retries()], ["archived", 3]);
    });

    it("is retried if forceDestroy has revoked them, and revokes each key once", async () => {
      respondFromReplica(400, BLOCKED, "DELETE", /users/, 8);
      fixture.emulator.clearRequests();
      await provider.accounts.delete(id, { ...state, forceDestroy: true });
      assert.equal(fixture.statusOf(id), "archived");
      const revocation = `DELETE /secrets/api/keys/${key.id}`;
      assert.equal(fixture.writes.filter((line) => line === revocation).length, 1);
    });

    it("fails at once if another key is active", async () => {
      const otherKey = fixture.addKey(id, { name: "other" });
      await provider.keys.delete(key.id, key.state);
      const { reason } = await failureOf(provider.accounts.delete(id, state), "has_active_keys");
      assert(reason.includes(otherKey.id));
      assert.equal(retries(), 0);
    });

    it("fails at once if this process has not revoked any", async () => {
      fixture.emulator.revokeKey(key.id);
      respondFromReplica(400, BLOCKED, "DELETE", /users/, 1);
      await failureOf(provider.accounts.delete(id, state), "has_active_keys");
      assert.equal(retries(), 0);
    });
  });

  it("renaming an account that it does not show is retried", async () => {
    provider = fixture.process();
    respondFromReplica(404, USER_NOT_FOUND, "PUT", /users/, 8);
    await provider.accounts.update(id, state, { name: "other", roles: ROLES });
    assert.equal(fixture.account(id).name, "other");
    assert.equal(retries(), 8);
  });

  describe("a refresh", () => {
    it("keeps a young account that it does not show, and warns", async () => {
      provider = fixture.process();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 99);
      assert.deepEqual(await provider.accounts.read(id, state), { id, props: state });
      assert.deepEqual(provider.warnings, [
        `Service account "${state.name}" (${id}) is not shown by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
      ]);
    });

    it("keeps an account that is young by the server's clock, even if the local clock is ahead", async () => {
      await fixture.start({ serverAheadMs: -15 * MINUTE });
      await setUp();
      provider = fixture.process();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 99);
      assert.equal((await provider.accounts.read(id, state)).id, id);
    });

    it("ignores the unique name that a young account had before its rename", async () => {
      const inputs = { name: "ingestor", namePrefix: "usage", roles: ROLES };
      const account = await createAccount(provider, inputs);
      const readNamed = async (name: string) => {
        fixture.emulator.renameAccount(account.id, name);
        return await fixture.process().accounts.read(account.id, account.state);
      };
      const unchanged = { id: account.id, props: account.state };
      assert.deepEqual(await readNamed("usage-0123456789"), unchanged);
      assert.equal((await readNamed("usage")).props?.name, "usage");
      fixture.passReplicaLag();
      assert.equal((await readNamed("usage-0123456789")).props?.name, "usage-0123456789");
    });

    it("keeps a young key that it does not list, and warns", async () => {
      const key = await addKey();
      provider = fixture.process();
      respondFromReplica(200, EMPTY_PAGE, "GET", /keys/, 99);
      const unchanged = { id: key.id, props: key.state };
      assert.deepEqual(await provider.keys.read(key.id, key.state), unchanged);
      assert.deepEqual(provider.warnings, [
        `API key "${key.state.name}" (${key.id}) is not listed by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
      ]);
    });

    it("keeps an old account that only the second search shows", async () => {
      startLater();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 1);
      assert.deepEqual(await provider.accounts.read(id, state), { id, props: state });
      assert.deepEqual(provider.warnings, []);
    });

    it("keeps an old account that a listed key names as its owner, and warns", async () => {
      await addKey();
      startLater();
      respondFromReplica(200, EMPTY_PAGE, "POST", /search/, 99);
      assert.deepEqual(await provider.accounts.read(id, state), { id, props: state });
      assert.match(provider.warnings.join(), /key secret_\w+ names it as its owner: its state/);
    });

    it("drops an old archived account, even if its keys still work", async () => {
      await addKey();
      fixture.emulator.archiveAccount(id);
      startLater();
      assert.equal((await provider.accounts.read(id, state)).id, "");
    });
  });
});
