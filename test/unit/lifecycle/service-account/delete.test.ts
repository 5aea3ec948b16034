import assert from "node:assert/strict";
import {
  type AccountState,
  createAccount,
  createKey,
  DAY,
  failureOf,
  type ProviderProcess,
  token,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_ingestor"];

describe("ServiceAccountProvider.delete", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let id: string;
  let state: AccountState;
  beforeEach(async () => {
    provider = fixture.process();
    ({ id, state } = await createAccount(provider, { name: "ci", roles: ROLES }));
    fixture.emulator.clearRequests();
  });

  const addKey = (name: string, options: object = {}) => fixture.addKey(id, { name, ...options });
  const deleteAccount = () => provider.accounts.delete(id, state);
  const forceDelete = () => provider.accounts.delete(id, { ...state, forceDestroy: true });
  const keysAndStatus = () => [fixture.liveKeys(id), fixture.account(id).status];

  it("archives the account with one request", async () => {
    await deleteAccount();
    assert.equal(fixture.account(id).status, "archived");
    assert.deepEqual(fixture.log, [`DELETE /users/${id}`]);
    fixture.passReplicaLag();
    assert.equal((await provider.accounts.read(id, state)).id, "");
  });

  it("succeeds for an archived account once a search does not find it", async () => {
    fixture.emulator.archiveAccount(id);
    fixture.passReplicaLag();
    await deleteAccount();
    assert.deepEqual(fixture.log, [`DELETE /users/${id}`, "POST /users/search"]);
  });

  it("fails after a 404 if a search finds the account", async () => {
    fixture.passReplicaLag();
    fixture.respondWith(404, { body: { code: "not_found", message: "User not found" } });
    await failureOf(deleteAccount(), "not_found");
  });

  it("fails after a 404 that is not Flexprice's, as with a wrong base URL", async () => {
    provider = fixture.process();
    await provider.connection.caller();
    fixture.respondWith(404, { body: "404 page not found" });
    await failureOf(deleteAccount(), "malformed_response");
    assert.equal(fixture.account(id).status, "published");
  });

  it("rejects a credential of another tenant, to which the account would look archived", async () => {
    provider = fixture.foreignProcess();
    await failureOf(deleteAccount(), "wrong_tenant");
    assert.deepEqual(fixture.writes, []);
  });

  it("continues after a lost response", async () => {
    fixture.fault({ kind: "reset" }, "after", { match: { method: "DELETE" } });
    fixture.passReplicaLag();
    await deleteAccount();
    assert.equal(fixture.account(id).status, "archived");
  });

  describe("without forceDestroy", () => {
    it("fails while keys are active, and names those that the credential can see", async () => {
      const [key1, key2] = [addKey("one"), addKey("two")];
      addKey("public", { type: "publishable_key" });
      const error = await failureOf(deleteAccount(), "has_active_keys");
      assert.equal(
        error.message,
        `Could not archive service account "ci" (${id}).\n  Reason: Flexprice answered 400 validation_error: Revoke all API keys before archiving this service account (DELETE ${fixture.emulator.url}/users/${id}); visible here: "two" (${key2.id}, ${key2.displayId}), "one" (${key1.id}, ${key1.displayId})\n  What to do: revoke them, or set forceDestroy: true, run "pulumi up", and then delete it. An account that has already been replaced keeps the forceDestroy it had: revoke its keys instead. Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.`,
      );
      assert.deepEqual([error.status, error.code], [400, "validation_error"]);
      assert.deepEqual(fixture.liveKeys(id), ["one", "two", "public"]);
      assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
    });

    it("says when an active key expires, and ignores expired ones", async () => {
      addKey("expired", { expiresAt: new Date(fixture.clock.now - 1) });
      const active = addKey("active", { expiresAt: new Date(fixture.clock.now + DAY) });
      const { reason, fix } = await failureOf(deleteAccount(), "has_active_keys");
      const shown = `"active" (${active.id}, ${active.displayId}, until ${active.expiresAt})`;
      assert(reason.endsWith(`; visible here: ${shown}`), reason);
      assert.match(fix, /^revoke them, or wait for their expiry, or set forceDestroy/);
    });

    it("archives an account whose keys have all expired", async () => {
      addKey("expired", { expiresAt: new Date(fixture.clock.now - 1) });
      await deleteAccount();
      assert.equal(fixture.account(id).status, "archived");
    });

    it("says that the credential cannot see the active keys", async () => {
      addKey("public", { type: "publishable_key" });
      const publishable = await failureOf(deleteAccount(), "has_active_keys");
      addKey("one");
      provider = fixture.process({ credential: token(fixture.operator.accessToken) });
      const withoutEnvironment = await failureOf(deleteAccount(), "has_active_keys");
      for (const { reason } of [publishable, withoutEnvironment]) {
        assert.match(reason, /; none of them is visible here$/);
      }
    });

    it("succeeds once the stack's own keys are deleted", async () => {
      const key = await createKey(provider, { name: "k", serviceAccountId: id });
      await failureOf(deleteAccount(), "has_active_keys");
      await provider.keys.delete(key.id, key.state);
      await deleteAccount();
      assert.equal(fixture.account(id).status, "archived");
    });

    it("waits until the same run has deleted the account's key and its predecessors", async () => {
      const inputs = { type: "private_key", namePrefix: "k", serviceAccountId: id };
      const key = await createKey(provider, inputs);
      const predecessor = addKey("predecessor").id;
      const expiresAt = new Date(fixture.clock.now + DAY).toISOString();
      const keyState = { ...key.state, predecessors: [{ id: predecessor, expiresAt }] };
      provider = fixture.process();
      await provider.keys.check(inputs, inputs);
      await provider.keys.diff(key.id, keyState, { ...inputs, serviceAccountId: "user_other" });
      fixture.respondWith(503, { match: { path: new RegExp(predecessor) }, times: 2 });
      await Promise.all([deleteAccount(), provider.keys.delete(key.id, keyState)]);
      assert.deepEqual(keysAndStatus(), [[], "archived"]);
    });
  });

  describe("with forceDestroy", () => {
    it("revokes the keys that block it, archives the account, and names each key", async () => {
      const keys = [addKey("one"), addKey("two")];
      await forceDelete();
      const revocations = keys.toReversed().map((key) => `DELETE /secrets/api/keys/${key.id}`);
      const archiving = `DELETE /users/${id}`;
      assert.deepEqual(fixture.writes, [archiving, ...revocations, archiving]);
      assert.deepEqual(keysAndStatus(), [[], "archived"]);
      assert.deepEqual(
        provider.warnings.toSorted(),
        keys
          .map(
            (key) =>
              `API key "${key.name}" (${key.id}, ${key.displayId}) blocked the archiving of service account "ci" (${id}), and has been revoked (forceDestroy).`,
          )
          .toSorted(),
      );
    });

    it("does not revoke expired keys", async () => {
      const expired = addKey("expired", { expiresAt: new Date(fixture.clock.now - 1) });
      addKey("active");
      await forceDelete();
      assert.deepEqual(keysAndStatus(), [["expired"], "archived"]);
      assert.equal(fixture.key(expired.id).status, "published");
    });

    it("does not revoke keys of other accounts", async () => {
      const { id: otherAccount } = fixture.addAccount({ roles: ROLES });
      fixture.addKey(otherAccount, { name: "other" });
      addKey("one");
      await forceDelete();
      assert.deepEqual(fixture.liveKeys(), ["admin key", "other"]);
    });

    it("fails with the name of the key that it may not revoke", async () => {
      const key = addKey("one");
      fixture.respondWith(403, {
        body: { message: "no" },
        match: { method: "DELETE", path: /keys/ },
      });
      const { operation } = await failureOf(forceDelete(), "forbidden");
      assert.equal(operation, `revoke API key "one" (${key.id})`);
    });

    it("fails if the credential cannot see a key that blocks it", async () => {
      addKey("one");
      const { tenantId } = fixture.operator;
      const otherEnvironment = fixture.emulator.createEnvironment(tenantId, "Other");
      fixture.emulator.createKey(id, otherEnvironment, { name: "elsewhere" });
      const { reason } = await failureOf(forceDelete(), "has_active_keys");
      assert.match(reason, /; none of them is visible here$/);
      assert.deepEqual(keysAndStatus(), [["elsewhere"], "published"]);
    });
  });

  describe("with forceDestroy and a key of the same stack", () => {
    const inputs = () => ({ type: "private_key", namePrefix: "k", serviceAccountId: id });
    const replacement = () => ({ ...inputs(), serviceAccountId: "user_other" });
    let key: Awaited<ReturnType<typeof createKey>>;
    beforeEach(async () => {
      key = await createKey(provider, inputs());
      addKey("by hand");
      provider = fixture.process();
      fixture.emulator.clearRequests();
    });

    it("revokes nothing if the program keeps that key, and names it", async () => {
      await provider.keys.check(inputs(), inputs());
      await provider.keys.diff(key.id, key.state, inputs());
      const { reason, fix } = await failureOf(forceDelete(), "refused");
      assert(reason.endsWith(`this program still uses "${key.state.name}" (${key.id})`), reason);
      assert.match(fix, /^run "pulumi up" without --target/);
      assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
    });

    it("revokes nothing if the run does not show that key, as with --target, and names it", async () => {
      await provider.accounts.check({}, { name: "other", roles: ROLES });
      const { reason, fix } = await failureOf(forceDelete(), "refused");
      assert(reason.includes(`of those, "${key.state.name}" (${key.id}) may be in use`), reason);
      assert.match(fix, /^run "pulumi up" without --target/);
      assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
    });

    it("revokes that key if the program replaces it", async () => {
      await provider.keys.check(inputs(), inputs());
      await provider.keys.diff(key.id, key.state, replacement());
      await forceDelete();
      assert.deepEqual(fixture.liveKeys(id), []);
    });

    it("revokes what a rotation with --replace has left of that key if the program replaces it", async () => {
      addKey("k-0123456789", { expiresAt: new Date(fixture.clock.now + DAY) });
      await provider.accounts.check({}, { name: "other", roles: ROLES });
      await provider.keys.check(inputs(), inputs());
      await provider.keys.diff(key.id, key.state, replacement());
      await forceDelete();
      assert.deepEqual(fixture.liveKeys(id), []);
    });

    it("revokes that key in a destroy, even after a refresh has shown it", async () => {
      await provider.keys.read(key.id, key.state);
      await provider.keys.diff(key.id, key.state, inputs());
      await forceDelete();
      assert.deepEqual(fixture.liveKeys(id), []);
    });
  });
});
