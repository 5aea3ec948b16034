import assert from "node:assert/strict";
import {
  createKey,
  credential,
  DAY,
  failureOf,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  START,
  token,
  UnitFixture,
  type UnitFixtureOptions,
} from "../../fixture";

const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey';
const ME = "GET /users/me";
const SEARCH = "POST /users/search";
const LIST = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc";
const PROBE = LIST.replace("1000", "1");

describe("ApiKeyProvider.read", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  let id: string;
  let state: KeyState;
  async function setUp(inputs = {}, options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    account = fixture.addAccount({ name: "ci", roles: ["event_reader"] }).id;
    const keyInputs = { name: "k", serviceAccountId: account, ...inputs };
    ({ id, state } = await createKey(fixture.process(), keyInputs));
    fixture.emulator.clearRequests();
    provider = fixture.process();
  }
  beforeEach(() => setUp());

  const read = (props: Partial<KeyState> = state) => provider.keys.read(id, props);
  const diff = (props: unknown, inputs = {}) =>
    provider.keys.diff(id, props as KeyState, {
      name: "k",
      type: "private_key",
      serviceAccountId: account,
      ...inputs,
    });
  const unchanged = () => ({ id, props: state });
  const dropped = () => ({ id: "", props: state });
  const listOfAccount = () => `${LIST}&user_id=${account}`;
  const withKey = (apiKey: string) => fixture.process({ credential: credential(apiKey) });
  const emptyList = { items: [], pagination: { total: 0 } };

  describe("of a key that the server lists", () => {
    it("returns the state unchanged, __provider included, after one list and one search", async () => {
      const props = { ...state, __provider: PROVIDER };
      assert.deepEqual(await read(props), { id, props });
      assert.deepEqual(fixture.log, [ME, listOfAccount(), SEARCH]);
      assert.deepEqual(provider.warnings, []);
      assert(provider.managed.has(id));
    });

    for (const [expiresAt, sent] of [
      ["2030-06-01T12:00:00.123456789+05:30", "2030-06-01T06:30:00.123456789Z"],
      ["2030-06-01T12:00:00.5Z", "2030-06-01T12:00:00.5Z"],
    ] as const) {
      it(`keeps the spelling of expiresAt with which it was sent: ${sent}`, async () => {
        await setUp({ expiresAt });
        assert.equal(state.expiresAt, sent);
        const { props } = await read();
        assert.deepEqual(await read(props), unchanged());
        assert.equal((await diff(props, { expiresAt })).changes, false);
      });
    }

    it("keeps the expiry that a lifetime led to", async () => {
      await setUp({ expiresIn: "90d" });
      assert.deepEqual(await read(), unchanged());
    });

    it("ignores a rename of its account", async () => {
      fixture.emulator.renameAccount(account, "renamed");
      assert.deepEqual(await read(), unchanged());
    });

    it("returns an expiry that was changed elsewhere", async () => {
      await setUp({ expiresIn: "90d" });
      fixture.emulator.expireKey(id, new Date(START + DAY));
      const props = { ...state, expiresAt: "2026-11-25T08:00:00Z" };
      assert.deepEqual(await read(), { id, props });
    });

    it("returns an expiry that was removed or added elsewhere", async () => {
      assert.deepEqual(await read({ ...state, expiresAt: "2030-06-01T12:00:00Z" }), unchanged());
      fixture.emulator.expireKey(id, new Date(START + DAY));
      provider = fixture.process();
      const props = { ...state, expiresAt: "2026-11-25T08:00:00Z" };
      assert.deepEqual(await read(), { id, props });
    });

    it("returns a name and roles that were changed elsewhere", async () => {
      const row = {
        id,
        name: "renamed",
        type: "private_key",
        display_id: state.displayId,
        roles: ["b", "a", "b"],
        user_type: "service_account",
        user_id: account,
        status: "published",
        created_at: state.createdAt,
      };
      const body = { items: [row], pagination: { total: 1 } };
      fixture.respondWith(200, { body, match: { path: /keys/ } });
      const props = { ...state, name: "renamed", roles: ["a", "b"] };
      assert.deepEqual(await read(), { id, props });
    });

    it("keeps an expired key, which the next up replaces", async () => {
      await setUp({ expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      assert.deepEqual(await read(), unchanged());
    });

    it("warns that its account is archived, so that the next up replaces the key", async () => {
      fixture.emulator.archiveAccount(account);
      const props = { ...state, ownerArchived: true };
      assert.deepEqual(await read(), { id, props });
      assert.deepEqual(provider.warnings, [
        `Service account ${account} of API key "k" (${id}) is archived, but the key still works: replace or delete it.`,
      ]);
      assert.deepEqual((await diff(props)).replaces, ["serviceAccountId"]);
    });

    it("removes ownerArchived from the state if the account is not archived", async () => {
      assert.deepEqual(await read({ ...state, ownerArchived: true }), unchanged());
    });

    it("reads many keys of one account with one list and one search", async () => {
      const ids = Array.from(
        { length: 20 },
        (_, i) => fixture.addKey(account, { name: `k${i}` }).id,
      );
      await Promise.all(ids.map((key) => provider.keys.read(key, state)));
      assert.deepEqual(fixture.log, [ME, listOfAccount(), SEARCH]);
    });
  });

  describe("of a key that the server no longer lists", () => {
    it("drops a revoked key after a list, two uses of the key and another list", async () => {
      fixture.passReplicaLag();
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), dropped());
      assert.deepEqual(fixture.log, [ME, listOfAccount(), ME, PROBE, ME, listOfAccount()]);
      const credentials = fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]);
      const [operator, key] = [fixture.operator.apiKey, state.apiKey];
      assert.deepEqual(credentials, [operator, operator, key, operator, key, operator]);
      assert.match(provider.warnings.join(), /^API key .* was revoked outside of this program/);
    });

    it("warns that an adopted key cannot be adopted again", async () => {
      fixture.passReplicaLag();
      fixture.emulator.revokeKey(id);
      for (const adoptedId of [id, "secret_of_predecessor"]) {
        provider = fixture.process();
        await read({ ...state, adoptedId });
        const warnsOfAdopt = / creates another\. If the program still has "adopt" for it/.test(
          provider.warnings.join(),
        );
        assert.equal(warnsOfAdopt, adoptedId === id);
      }
    });

    it("drops a key that was just revoked once the server's cache has expired", async () => {
      await setUp({}, { revocationDelayMs: 120_000 });
      fixture.passReplicaLag();
      await withKey(state.apiKey).connection.caller();
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), dropped());
      assert(fixture.clock.now - START >= 11 * MINUTE + 120_000);
    });

    it("keeps a key that the second list shows again", async () => {
      fixture.passReplicaLag();
      fixture.respondWith(200, { body: emptyList, match: { path: /keys/ } });
      fixture.emulator.expireKey(id); // so that it does not work
      assert.deepEqual(await read(), unchanged());
    });

    it("keeps an expired key, since its rejection proves nothing", async () => {
      await setUp({ expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), unchanged());
      assert.deepEqual(fixture.log, [ME, listOfAccount()]);
    });
  });

  describe("of a key that the credential cannot see", () => {
    it("fails if the key works, but is of another environment", async () => {
      fixture.passReplicaLag();
      provider = fixture.otherEnvironmentProcess();
      const error = await failureOf(read(), "wrong_environment");
      assert.equal(
        error.message,
        `Could not read API key "k" (${id}).\n  Reason: the key still works, but the environment of the credential from config key flexprice:apiKey does not have it: it was created in another environment\n  What to do: use a credential of the environment in which the key was created. If the key was revoked elsewhere a moment ago, run the command again in two minutes.`,
      );
    });

    it("fails before any list if the settings name another environment than the state", async () => {
      const { accessToken, environmentId, tenantId } = fixture.operator;
      const otherEnvironment = fixture.emulator.createEnvironment(tenantId, "Other");
      const props = { ...state, environmentId };
      const settings = { credential: token(accessToken), environmentId: otherEnvironment };
      provider = fixture.process(settings);
      const error = await failureOf(read(props), "wrong_environment");
      assert.equal(
        error.reason,
        `it belongs to environment ${environmentId}, the settings name ${otherEnvironment}`,
      );
      assert.deepEqual(fixture.log, [ME]);
      provider = fixture.process({ ...settings, environmentId });
      assert.deepEqual(await read(props), { id, props });
    });

    it("fails before any list with a credential of another tenant", async () => {
      provider = fixture.foreignProcess();
      await failureOf(read(), "wrong_tenant");
      assert.deepEqual(fixture.log, [ME]);
    });

    it("keeps a publishable key, even a revoked one, since no list shows it", async () => {
      await setUp({ type: "publishable_key" });
      assert.deepEqual(await read(), unchanged());
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), unchanged());
      assert.deepEqual(fixture.log, [ME]);
    });

    const weakProviders: Record<string, () => ProviderProcess> = {
      "a service account": () => fixture.process(fixture.accountWithKey(["event_reader"])),
      "a super_admin service account": () =>
        fixture.process(fixture.accountWithKey(["super_admin"])),
      "a user with all_reader": () => {
        const { tenantId, environmentId } = fixture.operator;
        const { accessToken } = fixture.emulator.createUser(tenantId, ["all_reader"]);
        return fixture.process({ credential: token(accessToken), environmentId });
      },
    };
    for (const [caller, start] of Object.entries(weakProviders)) {
      it(`keeps the key for ${caller}, and warns if the key does not work`, async () => {
        provider = start();
        assert.deepEqual(await read(), unchanged());
        assert.deepEqual(provider.warnings, []);
        fixture.emulator.revokeKey(id);
        assert.deepEqual(await read(), unchanged());
        assert.equal(provider.warnings.length, 1);
        assert.match(
          provider.warnings.join(),
          /^API key "k" \(secret_\w+\) is not accepted by the server, but the credential from .* cannot see whether it was revoked; its state is kept\. Refresh with a super_admin user's credential\.$/,
        );
        assert(fixture.log.every((line) => line === ME));
      });
    }

    it("keeps an expired key without a warning", async () => {
      await setUp({ expiresIn: "1d" });
      provider = fixture.process(fixture.accountWithKey(["super_admin"]));
      fixture.clock.now += 2 * DAY;
      assert.deepEqual(await read(), unchanged());
      assert.deepEqual(provider.warnings, []);
    });

    it("reads and drops the own key of a service account with super_admin", async () => {
      const caller = fixture.accountWithKey(["super_admin"], "admin");
      const created = await createKey(fixture.process(caller), { name: "own" });
      assert.equal(created.state.userId, caller.id);
      const readCreated = () => fixture.process(caller).keys.read(created.id, created.state);
      assert.deepEqual(await readCreated(), { id: created.id, props: created.state });
      fixture.emulator.revokeKey(created.id);
      fixture.passReplicaLag();
      assert.equal((await readCreated()).id, "");
    });
  });

  describe("while the server has a problem", () => {
    it("fails during an outage, with every kind of credential", async () => {
      const { accessToken, environmentId, userId } = fixture.operator;
      const unusedKey = fixture.addKey(userId, { name: "never used" });
      fixture.emulator.revokeKey(id);
      fixture.emulator.faults.outage = true;
      await failureOf(read(), "server_error"); // its key is in the server's cache
      provider = withKey(unusedKey.value);
      await failureOf(read(), "unauthenticated");
      provider = fixture.process({ credential: token(accessToken), environmentId });
      await failureOf(read(), "server_error");
    });

    it("fails if an outage begins with any request of the read", async () => {
      fixture.passReplicaLag();
      for (const firstFailing of [1, 2, 3, 4, 5, 6]) {
        provider = fixture.process();
        fixture.emulator.clearRequests();
        fixture.emulator.revokeKey(id);
        fixture.emulator.faults.decide = () => {
          fixture.emulator.faults.outage = fixture.log.length >= firstFailing;
          return undefined;
        };
        await assert.rejects(read(), { name: "FlexpriceError" }, `request ${firstFailing}`);
        fixture.emulator.faults.clear();
      }
    });

    it("fails for responses that are not Flexprice's", async () => {
      fixture.passReplicaLag();
      fixture.emulator.revokeKey(id);
      const readAgain = () => fixture.process().keys.read(id, state);
      for (const path of [/me$/, /limit=1000/, /limit=1&/]) {
        fixture.fault({ kind: "not_json" }, "after", { match: { path }, times: 999 });
        await failureOf(readAgain(), "malformed_response");
        fixture.emulator.faults.clear();
      }
      fixture.respondWith(404, { body: "404 page not found", match: { path: /keys/ } });
      await failureOf(readAgain(), "malformed_response");
      await fixture.stop();
      await failureOf(readAgain(), "unreachable");
    });
  });

  describe("without a state, as ApiKey.get calls it", () => {
    /** With the precision of the list, which is lower than that of the response to a create. */
    const listedProps = () => ({ ...state, createdAt: state.createdAt.replace(/\d{3}Z$/, "Z") });

    it("returns what the server shows, and the value that the program gives", async () => {
      const { props, id: foundId } = await read({ apiKey: state.apiKey });
      assert.equal(foundId, id);
      assert.deepEqual({ ...props, createdAt: "" }, { ...listedProps(), createdAt: "" });
      const [listed, created] = [props?.createdAt ?? "", state.createdAt].map(Date.parse);
      assert.ok(Math.abs(Number(listed) - Number(created)) <= 1);
      assert.deepEqual(fixture.log, [ME, LIST]);
    });

    it("returns no value if the program gives none", async () => {
      const { props } = await read({ connection: "india" });
      const { apiKey: _, ...withoutValue } = listedProps();
      assert.deepEqual(
        { ...props, createdAt: "" },
        { ...withoutValue, createdAt: "", connection: "india" },
      );
    });

    it("rejects the value of another key", async () => {
      const { apiKey } = fixture.operator;
      const error = await failureOf(read({ apiKey }), "refused");
      assert.match(
        error.reason,
        /^the given apiKey is not this key: its display id would be sk_01\*\*\*/,
      );
      assert(!error.message.includes(apiKey));
    });

    it("says why the key may not be found", async () => {
      fixture.emulator.revokeKey(id);
      const error = await failureOf(read({}), "not_found");
      assert.equal(
        error.message,
        `Could not read API key ${id}.\n  Reason: the credential from config key flexprice:apiKey sees no key with this id: it is revoked, publishable, of another environment\n  What to do: correct the id, or use a super_admin user's credential of the key's environment.`,
      );
      provider = fixture.process(fixture.accountWithKey(["super_admin"]));
      assert.match(
        (await failureOf(read({}), "not_found")).reason,
        /of another environment, or of another owner$/,
      );
    });

    it("lists the keys once for several reads", async () => {
      await Promise.all([read({}), read({}), read({})]);
      assert.deepEqual(fixture.log, [ME, LIST]);
    });
  });
});
