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

describe("ApiKeyProvider.delete", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  let id: string;
  let state: KeyState;
  async function setUp(inputs = {}, options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    account = fixture.addAccount({ roles: ["event_reader"] }).id;
    const keyInputs = { name: "k", serviceAccountId: account, ...inputs };
    ({ id, state } = await createKey(fixture.process(), keyInputs));
    fixture.emulator.clearRequests();
    provider = fixture.process();
  }
  beforeEach(() => setUp());

  const status = () => fixture.key(id).status;
  const deleteKey = (props = state) => provider.keys.delete(id, props);
  const DELETE = () => `DELETE /secrets/api/keys/${id}`;
  const useKey = () =>
    fixture.process({ credential: credential(state.apiKey) }).connection.caller();

  it("revokes the key with one request, and forgets it", async () => {
    await deleteKey();
    assert.equal(status(), "deleted");
    assert.equal(await provider.connection.reads.key(id, account), undefined);
    assert.deepEqual(fixture.log, [ME, DELETE()]);
  });

  it("succeeds for a key that is already revoked", async () => {
    fixture.emulator.revokeKey(id);
    await deleteKey();
    assert.deepEqual(fixture.log, [ME, DELETE()]);
  });

  it("does not wait until a revocation takes effect", async () => {
    await setUp({}, { revocationDelayMs: 120_000 });
    await useKey();
    await deleteKey();
    assert.deepEqual(provider.pauses, []);
  });

  it("revokes a publishable key", async () => {
    await setUp({ type: "publishable_key" });
    await deleteKey();
    assert.equal(status(), "deleted");
  });

  it("sends the revocation again after a lost response", async () => {
    fixture.fault({ kind: "reset" }, "after", { match: { method: "DELETE" } });
    await deleteKey();
    assert.deepEqual([status(), fixture.writes], ["deleted", [DELETE(), DELETE()]]);
  });

  describe("with a credential of another environment, which does not find the key", () => {
    const useOtherEnvironment = () => {
      provider = fixture.otherEnvironmentProcess();
    };
    beforeEach(useOtherEnvironment);
    async function setUpElsewhere(inputs = {}, options: UnitFixtureOptions = {}): Promise<void> {
      await setUp(inputs, options);
      useOtherEnvironment();
    }

    it("fails if the key still works", async () => {
      const error = await failureOf(deleteKey(), "wrong_environment");
      assert.match(error.operation, /^revoke API key "k" /);
      assert.match(error.reason, /^the key still works/);
      assert.equal(status(), "published");
    });

    it("succeeds if the key is proven not to work", async () => {
      fixture.passReplicaLag();
      fixture.emulator.revokeKey(id);
      await deleteKey();
      assert.deepEqual(fixture.log, [ME, DELETE(), ME, PROBE, ME]);
    });

    it("waits until a revocation elsewhere takes effect", async () => {
      await setUpElsewhere({}, { revocationDelayMs: 120_000 });
      fixture.passReplicaLag();
      await useKey();
      fixture.emulator.revokeKey(id);
      await deleteKey();
      assert.deepEqual(
        provider.pauses.filter((ms) => ms > SECOND),
        [2_000, 5_000, 15_000, 30_000, 30_000, 45_000],
      );
    });

    it("fails if the key does not work because the database is down", async () => {
      fixture.passReplicaLag();
      await provider.connection.caller();
      fixture.emulator.clearRequests();
      // For the first use of the key, which gets a 401.
      fixture.emulator.faults.decide = () => {
        fixture.emulator.faults.outage = fixture.log.length === 2;
        return undefined;
      };
      await failureOf(deleteKey(), "wrong_environment");
      assert.deepEqual(fixture.log.slice(0, 4), [DELETE(), ME, PROBE, ME]);
      assert.equal(status(), "published");
    });

    it("succeeds for an expired key, once that is proven", async () => {
      await setUpElsewhere({ expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      await deleteKey();
      assert.deepEqual(fixture.log, [ME, DELETE(), ME, PROBE, ME]);
    });

    it("fails for a key that has expired only by the local clock", async () => {
      await setUpElsewhere({ expiresIn: "1h" }, { serverAheadMs: -10 * MINUTE });
      fixture.clock.now = Date.parse(state.expiresAt ?? "") + SECOND;
      await failureOf(deleteKey(), "wrong_environment");
    });

    it("succeeds for an expired publishable key without a proof", async () => {
      await setUpElsewhere({ expiresIn: "1d", type: "publishable_key" });
      fixture.clock.now += 2 * DAY;
      await deleteKey();
      assert.deepEqual(fixture.log, [ME, DELETE()]);
    });

    it("fails for a publishable key, which cannot be tested", async () => {
      await setUpElsewhere({ type: "publishable_key" });
      const error = await failureOf(deleteKey(), "not_found");
      assert.match(error.reason, /^Flexprice answered 404 not_found: Secret not found/);
      assert.match(
        error.fix,
        /^use a credential of the environment in which the key was created\. A publishable key cannot be tested: .* "pulumi state delete"\.$/,
      );
    });
  });

  it("fails after a 404 that is not Flexprice's", async () => {
    await provider.connection.caller();
    fixture.respondWith(404, { body: "404 page not found" });
    await failureOf(deleteKey(), "malformed_response");
  });

  it("rejects a credential of another tenant", async () => {
    provider = fixture.foreignProcess();
    await failureOf(deleteKey(), "wrong_tenant");
    assert.deepEqual([fixture.writes, status()], [[], "published"]);
  });

  it("rejects settings that name another environment than the key's", async () => {
    const { accessToken, environmentId, tenantId } = fixture.operator;
    const otherEnvironment = fixture.emulator.createEnvironment(tenantId, "Other");
    const credential = token(accessToken);
    provider = fixture.process({ credential, environmentId: otherEnvironment });
    await failureOf(deleteKey({ ...state, environmentId }), "wrong_environment");
    assert.deepEqual([fixture.writes, status()], [[], "published"]);
  });

  it("fails for callers that may not revoke keys", async () => {
    for (const role of ["super_admin", "event_reader"]) {
      provider = fixture.process(fixture.accountWithKey([role], role));
      await failureOf(deleteKey(), "forbidden");
    }
    assert.equal(status(), "published");
  });

  it("fails during an outage", async () => {
    await provider.connection.caller();
    fixture.emulator.faults.outage = true;
    await failureOf(deleteKey(), "server_error");
    fixture.emulator.faults.outage = false;
    assert.equal(status(), "published");
  });
});
