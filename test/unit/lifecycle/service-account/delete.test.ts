import assert from "node:assert/strict";
import {
  type AccountState,
  createAccount,
  createKey,
  DAY,
  failureOf,
  MINUTE,
  type ProviderProcess,
  token,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_ingestor"];

describe("lifecycle/service-account: delete", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let tenantId: string;
  let id: string;
  let state: AccountState;
  const key = (name: string, more: object = {}) =>
    fixture.emulator.createKey(id, fixture.operator.environmentId, { name, ...more });
  const liveKeys = () =>
    fixture.emulator
      .keys()
      .filter(({ userId, status }) => userId === id && status === "published")
      .map(({ name }) => name);
  const accountOf = (one: string) =>
    fixture.emulator.accounts().find((account) => account.id === one);
  beforeEach(async () => {
    process = fixture.process();
    tenantId = fixture.operator.tenantId;
    ({ id, state } = await createAccount(process, { name: "ci", roles: ROLES }));
    fixture.emulator.clearRequests();
  });

  it("archives, and knows that it is gone", async () => {
    await process.accounts.delete(id, state);
    assert.equal(accountOf(id)?.status, "archived");
    assert.deepEqual(fixture.log, [`DELETE /users/${id}`]);
    fixture.clock.now += 11 * MINUTE;
    assert.equal((await process.accounts.read(id, state)).id, "");
  });

  it("takes an account that is archived already for deleted, once a search confirms it", async () => {
    fixture.emulator.archiveAccount(id);
    fixture.clock.now += 11 * MINUTE;
    await process.accounts.delete(id, state);
    assert.deepEqual(fixture.log, [`DELETE /users/${id}`, "POST /users/search"]);
  });

  it("does not take a 404 for done when a search knows the account", async () => {
    const body = { code: "not_found", message: "User not found" };
    fixture.clock.now += 11 * MINUTE;
    fixture.fault({ kind: "status", status: 404, body }, "before");
    await failureOf(process.accounts.delete(id, state), "not_found");
  });

  it("does not take the 404 of a wrong base URL for done", async () => {
    const elsewhere = fixture.process();
    await elsewhere.connection.caller();
    fixture.fault({ kind: "status", status: 404, body: "404 page not found" }, "before");
    await failureOf(elsewhere.accounts.delete(id, state), "malformed_answer");
    assert.equal(accountOf(id)?.status, "published");
  });

  it("refuses a credential of another tenant, to which it would look archived", async () => {
    const other = fixture.emulator.createTenant();
    const foreign = fixture.process({ credential: { ...fixture.admin, value: other.apiKey } });
    await failureOf(foreign.accounts.delete(id, state), "wrong_tenant");
    assert.deepEqual(fixture.writes, []);
  });

  it("goes on after a lost answer", async () => {
    fixture.fault({ kind: "reset" }, "after", { match: { method: "DELETE" } });
    fixture.clock.now += 11 * MINUTE;
    await process.accounts.delete(id, state);
    assert.equal(accountOf(id)?.status, "archived");
  });

  it("is refused for active keys: those visible, those that cannot be, and the way out", async () => {
    const one = key("one");
    const two = key("two");
    key("public", { type: "publishable_key" });
    const error = await failureOf(process.accounts.delete(id, state), "has_active_keys");
    assert.equal(
      error.message,
      `Could not archive service account "ci" (${id}).\n  Reason: Flexprice answered 400 validation_error: Revoke all API keys before archiving this service account (DELETE ${fixture.emulator.url}/users/${id}); visible here: "two" (${two.id}, ${two.displayId}), "one" (${one.id}, ${one.displayId})\n  What to do: revoke them, or set forceDestroy: true, run "pulumi up", and then delete it. An account that has already been replaced keeps the forceDestroy it had: revoke its keys instead. Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.`,
    );
    assert.deepEqual([error.status, error.code], [400, "validation_error"]);
    assert.deepEqual(liveKeys(), ["one", "two", "public"]);
    assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
  });

  it("names how long a key still lives, and leaves out what has expired", async () => {
    key("old", { expiresAt: new Date(fixture.clock.now - 1) });
    const left = key("left", { expiresAt: new Date(fixture.clock.now + DAY) });
    const error = await failureOf(process.accounts.delete(id, state), "has_active_keys");
    assert.ok(
      error.reason.endsWith(
        `; visible here: "left" (${left.id}, ${left.displayId}, until ${left.expiresAt})`,
      ),
      error.reason,
    );
    assert.match(error.fix, /^revoke them, or wait for their expiry, or set forceDestroy/);
    await process.accounts.delete(id, { ...state, forceDestroy: true });
    const revoked = fixture.emulator.keys().filter(({ status }) => status === "deleted");
    assert.deepEqual(
      revoked.map(({ name }) => name),
      ["left"],
    );
  });

  it("says so when it cannot see any", async () => {
    key("public", { type: "publishable_key" });
    const error = await failureOf(process.accounts.delete(id, state), "has_active_keys");
    assert.match(error.reason, /; none of them is visible here$/);
  });

  it("says so when it may not look", async () => {
    key("one");
    const bearer = fixture.process({ credential: token(fixture.operator.accessToken) });
    const error = await failureOf(bearer.accounts.delete(id, state), "has_active_keys");
    assert.match(error.reason, /; none of them is visible here$/);
  });

  it("revokes what blocks it when forced to, and then archives", async () => {
    const [one, two] = [key("one"), key("two")];
    await process.accounts.delete(id, { ...state, forceDestroy: true });
    assert.deepEqual(fixture.writes, [
      `DELETE /users/${id}`,
      `DELETE /secrets/api/keys/${two.id}`,
      `DELETE /secrets/api/keys/${one.id}`,
      `DELETE /users/${id}`,
    ]);
    assert.deepEqual([liveKeys(), accountOf(id)?.status], [[], "archived"]);
  });

  it("names the key that it cannot revoke when forced to", async () => {
    const one = key("one");
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { method: "DELETE", path: /keys/ },
    });
    const forced = process.accounts.delete(id, { ...state, forceDestroy: true });
    const { operation } = await failureOf(forced, "forbidden");
    assert.equal(operation, `revoke API key "one" (${one.id})`);
  });

  it("names each key that it revokes when forced to", async () => {
    const keys = [key("two"), key("one")];
    process = fixture.process();
    await process.accounts.delete(id, { ...state, forceDestroy: true });
    assert.deepEqual(
      process.warnings.toSorted(),
      keys
        .map(
          (one) =>
            `API key "${one.name}" (${one.id}, ${one.displayId}) blocked the archiving of service account "ci" (${id}), and has been revoked (forceDestroy).`,
        )
        .toSorted(),
    );
  });

  describe("when forced to, beside a key that the program has", () => {
    const inputs = () => ({ type: "private_key", namePrefix: "k", serviceAccountId: id });
    const forced = () => process.accounts.delete(id, { ...state, forceDestroy: true });
    let used: Awaited<ReturnType<typeof createKey>>;
    beforeEach(async () => {
      used = await createKey(process, inputs());
      key("by hand");
      process = fixture.process();
      fixture.emulator.clearRequests();
    });

    it("revokes none, if that key stays, and names it", async () => {
      await process.keys.check(inputs(), inputs());
      await process.keys.diff(used.id, used.state, inputs());
      const error = await failureOf(forced(), "refused");
      assert(
        error.reason.endsWith(`this program still uses "${used.state.name}" (${used.id})`),
        error.reason,
      );
      assert.match(error.fix, /^run "pulumi up" without --target/);
      assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
    });

    it("revokes it, if that key is replaced", async () => {
      const news = { ...inputs(), serviceAccountId: "user_other" };
      await process.keys.check(inputs(), inputs());
      await process.keys.diff(used.id, used.state, news);
      await forced();
      assert.deepEqual(liveKeys(), []);
    });

    it("revokes none in an up that is not shown that key, as with --target, and names it", async () => {
      await process.accounts.check({}, { name: "other", roles: ROLES });
      const error = await failureOf(forced(), "refused");
      assert.ok(
        error.reason.includes(`of those, "${used.state.name}" (${used.id}) may be in use`),
        error.reason,
      );
      assert.match(error.fix, /^run "pulumi up" without --target/);
      assert.deepEqual(fixture.writes, [`DELETE /users/${id}`]);
    });

    it("revokes what a rotation with --replace has left of that key, which is replaced", async () => {
      const expiresAt = new Date(fixture.clock.now + DAY);
      const { environmentId } = fixture.operator;
      fixture.emulator.createKey(id, environmentId, { name: "k-0123456789", expiresAt });
      await process.accounts.check({}, { name: "other", roles: ROLES });
      await process.keys.check(inputs(), inputs());
      await process.keys.diff(used.id, used.state, { ...inputs(), serviceAccountId: "user_other" });
      await forced();
      assert.deepEqual(liveKeys(), []);
    });

    it("revokes it in a destroy, whatever its refresh has shown", async () => {
      await process.keys.read(used.id, used.state);
      await process.keys.diff(used.id, used.state, inputs());
      await forced();
      assert.deepEqual(liveKeys(), []);
    });
  });

  it("waits for a key that the same run ends, with what its rotations have left", async () => {
    const inputs = { type: "private_key", namePrefix: "k", serviceAccountId: id };
    const made = await createKey(process, inputs);
    const left = key("left");
    const expiresAt = new Date(fixture.clock.now + DAY).toISOString();
    const held = { ...made.state, predecessors: [{ id: left.id, expiresAt }] };
    process = fixture.process();
    await process.keys.check(inputs, inputs);
    await process.keys.diff(made.id, held, { ...inputs, serviceAccountId: "user_other" });
    const path = new RegExp(left.id);
    fixture.fault({ kind: "status", status: 503 }, "before", { match: { path }, times: 2 });
    await Promise.all([process.accounts.delete(id, state), process.keys.delete(made.id, held)]);
    assert.deepEqual([liveKeys(), accountOf(id)?.status], [[], "archived"]);
  });

  it("revokes nothing of others when forced to", async () => {
    const { id: other } = fixture.emulator.createAccount(tenantId, { roles: ROLES });
    fixture.emulator.createKey(other, fixture.operator.environmentId, { name: "theirs" });
    key("one");
    await process.accounts.delete(id, { ...state, forceDestroy: true });
    const alive = fixture.emulator.keys().filter(({ status }) => status === "published");
    assert.deepEqual(
      alive.map(({ name }) => name),
      ["admin key", "theirs"],
    );
  });

  it("stays refused when forced to, if what blocks it cannot be seen", async () => {
    key("one");
    const elsewhere = fixture.emulator.createEnvironment(tenantId, "Other");
    fixture.emulator.createKey(id, elsewhere, { name: "elsewhere" });
    const forced = process.accounts.delete(id, { ...state, forceDestroy: true });
    const error = await failureOf(forced, "has_active_keys");
    assert.match(error.reason, /; none of them is visible here$/);
    assert.deepEqual([liveKeys(), accountOf(id)?.status], [["elsewhere"], "published"]);
  });

  it("is not blocked by keys that have expired", async () => {
    key("old", { expiresAt: new Date(fixture.clock.now - 1) });
    await process.accounts.delete(id, state);
    assert.equal(accountOf(id)?.status, "archived");
  });

  it("is possible after the stack's own keys are deleted", async () => {
    const made = await createKey(process, { name: "k", serviceAccountId: id });
    await failureOf(process.accounts.delete(id, state), "has_active_keys");
    await process.keys.delete(made.id, made.state);
    await process.accounts.delete(id, state);
    assert.equal(accountOf(id)?.status, "archived");
  });
});
