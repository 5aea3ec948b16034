import assert from "node:assert/strict";
import {
  createKey,
  credential,
  DAY,
  failureOf,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  SECOND,
  token,
  UnitFixture,
  type UnitFixtureOptions,
} from "../../fixture";

const ME = "GET /users/me";
const PROBE = "GET /secrets/api/keys?limit=1&offset=0&sort=created_at&order=desc";

describe("lifecycle/api-key: delete", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  let id: string;
  let state: KeyState;
  async function set(inputs = {}, options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    account = fixture.emulator.createAccount(fixture.operator.tenantId, {
      roles: ["event_reader"],
    }).id;
    const made = { name: "k", serviceAccountId: account, ...inputs };
    ({ id, state } = await createKey(fixture.process(), made));
    fixture.emulator.clearRequests();
    process = fixture.process();
  }
  beforeEach(() => set());

  const status = () => fixture.emulator.keys().find((key) => key.id === id)?.status;
  const remove = (by = process, props = state) => by.keys.delete(id, props);
  const DELETE = () => `DELETE /secrets/api/keys/${id}`;
  const as = (value: string) => fixture.process({ credential: credential(value) });
  /** A read replica may not know younger objects. */
  const growOld = () => {
    fixture.clock.now += 11 * MINUTE;
  };
  const elsewhere = (): ProviderProcess => {
    const { tenantId, userId } = fixture.operator;
    const other = fixture.emulator.createEnvironment(tenantId, "Other");
    return as(fixture.emulator.createKey(userId, other, { name: "other" }).value);
  };

  it("revokes, and knows that it is gone", async () => {
    await remove();
    assert.equal(status(), "deleted");
    assert.deepEqual(fixture.log, [ME, DELETE()]);
    assert.equal(await process.connection.reads.key(id, account), undefined);
    assert.deepEqual(fixture.log, [ME, DELETE()]);
  });

  it("takes a key that is revoked already for deleted", async () => {
    fixture.emulator.revokeKey(id);
    await remove();
    assert.deepEqual(fixture.log, [ME, DELETE()]);
  });

  it("does not wait for a revocation that takes effect late", async () => {
    await set({}, { revocationDelayMs: 120_000 });
    await as(state.apiKey).connection.caller();
    await remove();
    assert.deepEqual(process.pauses, []);
  });

  it("revokes a publishable key", async () => {
    await set({ type: "publishable_key" });
    await remove();
    assert.equal(status(), "deleted");
  });

  it("goes on after a lost answer", async () => {
    fixture.fault({ kind: "reset" }, "after", { match: { method: "DELETE" } });
    await remove();
    assert.deepEqual([status(), fixture.writes], ["deleted", [DELETE(), DELETE()]]);
  });

  describe("when the server does not find it", () => {
    it("refuses, if it still works: it is of another environment", async () => {
      const error = await failureOf(remove(elsewhere()), "wrong_environment");
      assert.match(
        error.message,
        /^Could not revoke API key "k" .*\n {2}Reason: the key still works/,
      );
      assert.equal(status(), "published");
    });

    it("is done, if it is proven not to work", async () => {
      growOld();
      fixture.emulator.revokeKey(id);
      const by = elsewhere();
      await remove(by);
      assert.deepEqual(fixture.log, [ME, DELETE(), ME, PROBE, ME]);
    });

    it("waits for a revocation that takes effect late", async () => {
      await set({}, { revocationDelayMs: 120_000 });
      growOld();
      await as(state.apiKey).connection.caller();
      fixture.emulator.revokeKey(id);
      const by = elsewhere();
      await remove(by);
      assert.deepEqual(
        by.pauses.filter((ms) => ms > SECOND),
        [2_000, 5_000, 15_000, 30_000, 30_000, 45_000],
      );
    });

    it("is not done because the database went away", async () => {
      growOld();
      const by = elsewhere();
      await by.connection.caller();
      fixture.emulator.clearRequests();
      // For the first use of the key, which gets a 401.
      fixture.emulator.faults.decide = () => {
        fixture.emulator.faults.outage = fixture.log.length === 2;
        return undefined;
      };
      await failureOf(remove(by), "wrong_environment");
      assert.deepEqual(fixture.log.slice(0, 4), [DELETE(), ME, PROBE, ME]);
      assert.equal(status(), "published");
    });

    it("is done, if it has expired, which is proven too", async () => {
      await set({ expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      await remove(elsewhere());
      assert.deepEqual(fixture.log, [ME, DELETE(), ME, PROBE, ME]);
    });

    it("refuses, if it has expired by our clock alone, which is far ahead of the server's", async () => {
      await set({ expiresIn: "1h" }, { serverAheadMs: -10 * MINUTE });
      fixture.clock.now = Date.parse(state.expiresAt ?? "") + SECOND;
      await failureOf(remove(elsewhere()), "wrong_environment");
    });

    it("is done without a proof for a publishable key that has expired", async () => {
      await set({ expiresIn: "1d", type: "publishable_key" });
      fixture.clock.now += 2 * DAY;
      await remove(elsewhere());
      assert.deepEqual(fixture.log, [ME, DELETE()]);
    });

    it("refuses for a publishable key, which cannot be tried out", async () => {
      await set({ type: "publishable_key" });
      const error = await failureOf(remove(elsewhere()), "not_found");
      assert.match(error.reason, /^Flexprice answered 404 not_found: Secret not found/);
      assert.match(
        error.fix,
        /^use a credential of the environment in which the key was created\. A publishable key cannot be tested: .* "pulumi state delete"\.$/,
      );
    });

    it("refuses, if it is not Flexprice that does not find it", async () => {
      await process.connection.caller();
      fixture.fault({ kind: "status", status: 404, body: "404 page not found" }, "before");
      await failureOf(remove(), "malformed_answer");
    });
  });

  describe("is refused", () => {
    it("for a credential of another tenant", async () => {
      const other = fixture.emulator.createTenant();
      await failureOf(remove(as(other.apiKey)), "wrong_tenant");
      assert.deepEqual([fixture.writes, status()], [[], "published"]);
    });

    it("for settings that name another environment", async () => {
      const { accessToken, environmentId, tenantId } = fixture.operator;
      const other = fixture.emulator.createEnvironment(tenantId, "Other");
      const bearer = fixture.process({ credential: token(accessToken), environmentId: other });
      await failureOf(remove(bearer, { ...state, environmentId }), "wrong_environment");
      assert.deepEqual([fixture.writes, status()], [[], "published"]);
    });

    it("for a caller that may not", async () => {
      for (const role of ["super_admin", "event_reader"]) {
        const by = fixture.process(fixture.accountWithKey([role], role));
        await failureOf(remove(by), "forbidden");
      }
      assert.equal(status(), "published");
    });

    it("while the database is away", async () => {
      await process.connection.caller();
      fixture.emulator.faults.outage = true;
      await failureOf(remove(), "server_error");
      fixture.emulator.faults.outage = false;
      assert.equal(status(), "published");
    });
  });
});
