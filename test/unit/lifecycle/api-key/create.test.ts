import assert from "node:assert/strict";
import { redact } from "../../../../provider/shared/redaction";
import {
  createKey,
  credential,
  DAY,
  failureOf,
  HOUR,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  reasons,
  START,
  token,
  UnitFixture,
  type UnitFixtureOptions,
} from "../../fixture";

const ROLES = ["event_reader", "event_ingestor"];
const POST = "POST /secrets/api/keys";

describe("ApiKeyProvider", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  let tenantId: string;
  async function setUp(options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    provider = fixture.process();
    tenantId = fixture.operator.tenantId;
    account = fixture.addAccount({ name: "ci", roles: ROLES }).id;
  }
  beforeEach(() => setUp());

  const sentBodies = () =>
    fixture.emulator
      .writes()
      .filter(({ method }) => method === "POST")
      .map(({ body }) => body);
  const keysOfAccount = () => fixture.emulator.keys().filter(({ userId }) => userId === account);

  describe("create", () => {
    it("creates a key of an account, and returns everything that the server shows only once", async () => {
      const inputs = {
        serviceAccountId: account,
        name: "k",
        rotateBefore: "14d",
        rotationTriggers: { release: "1" },
        onDelete: "expire",
      };
      const { id, state } = await createKey(provider, {
        ...inputs,
        expiresAt: "2030-06-01T12:00:00+05:30",
      });
      const { value, displayId } = fixture.key(id);
      assert.deepEqual(state, {
        ...inputs,
        type: "private_key",
        expiresAt: "2030-06-01T06:30:00Z",
        apiKey: value,
        displayId,
        roles: ["event_ingestor", "event_reader"],
        userId: account,
        userType: "service_account",
        createdAt: state.createdAt,
        tenantId,
      });
      assert.match(state.createdAt, /^2026-11-24T08:00:00\.\d+Z$/);
      assert.deepEqual(sentBodies(), [
        {
          name: "k",
          type: "private_key",
          expires_at: "2030-06-01T06:30:00Z",
          service_account_id: account,
        },
      ]);
      assert.deepEqual(fixture.writes, [POST]);
      assert(provider.managed.has(id));
    });

    it("creates a key of the caller if the program names no account", async () => {
      const { id, state } = await createKey(provider, { name: "k" });
      const { value, displayId } = fixture.key(id);
      assert.deepEqual(state, {
        name: "k",
        type: "private_key",
        apiKey: value,
        displayId,
        roles: ["super_admin"],
        userId: fixture.operator.userId,
        userType: "user",
        createdAt: state.createdAt,
        tenantId,
      });
      assert.deepEqual(sentBodies(), [{ name: "k", type: "private_key" }]);
    });

    it("keeps the environment that an access token is used with", async () => {
      const environmentId = fixture.emulator.createEnvironment(tenantId, "Other");
      const withToken = fixture.process({
        credential: token(fixture.operator.accessToken),
        environmentId,
      });
      const { id, state } = await createKey(withToken, { name: "k", serviceAccountId: account });
      assert.equal(state.environmentId, environmentId);
      assert.equal(fixture.key(id).environmentId, environmentId);
    });

    it("creates a publishable key", async () => {
      const inputs = { name: "k", type: "publishable_key", serviceAccountId: account };
      const { id, state } = await createKey(provider, inputs);
      assert.deepEqual([state.type, state.apiKey], ["publishable_key", fixture.key(id).value]);
      assert.match(state.apiKey, /^pk_/);
    });

    it("computes the expiry from the lifetime once, by the server's clock", async () => {
      await setUp({ serverAheadMs: MINUTE });
      const inputs = { name: "k", serviceAccountId: account, expiresIn: "90d" };
      const { id, state } = await createKey(provider, inputs);
      const expiresAt = new Date(START + MINUTE + 90 * DAY);
      assert.deepEqual(sentBodies(), [
        {
          name: "k",
          type: "private_key",
          expires_at: expiresAt.toISOString(),
          service_account_id: account,
        },
      ]);
      assert.equal(state.expiresIn, "90d");
      assert.equal(Date.parse(state.expiresAt ?? ""), expiresAt.getTime());
      fixture.clock.now += DAY;
      const news = { ...inputs, type: "private_key" };
      assert.equal((await provider.keys.diff(id, state, news)).changes, false);
    });

    it("computes the expiry of the caller's own key by the server's clock", async () => {
      await setUp({ serverAheadMs: MINUTE });
      const { state } = await createKey(provider, { name: "k", expiresIn: "90d" });
      assert.equal(Date.parse(state.expiresAt ?? ""), START + MINUTE + 90 * DAY);
      assert.equal(sentBodies().length, 1);
    });

    for (const [clocks, serverAheadMs] of [
      ["far ahead of", 3 * HOUR],
      ["far behind", -3 * HOUR],
    ] as const) {
      for (const [title, name] of [
        ["with", { name: "k" }],
        ["without", {}],
      ] as const) {
        it(`revokes and creates again a key ${title} a name if a server clock ${clocks} the local one makes its lifetime wrong`, async () => {
          await setUp({ serverAheadMs });
          const inputs = { serviceAccountId: account, expiresIn: "2h", ...name };
          const { id, state } = await createKey(provider, inputs);
          const lifetime = Date.parse(state.expiresAt ?? "") - Date.parse(state.createdAt);
          assert(Math.abs(lifetime - 2 * HOUR) < 5_000, String(lifetime));
          assert.deepEqual(
            keysOfAccount().map((key) => [key.id === id, key.status]),
            [
              [false, "deleted"],
              [true, "published"],
            ],
          );
          assert.equal(state.apiKey, fixture.key(id).value);
          const news = { ...inputs, type: "private_key" };
          assert.equal((await provider.keys.diff(id, state, news)).changes, false);
        });
      }
    }

    it("fails and revokes every key if the lifetime comes out wrong each time", async () => {
      // Each request takes an hour.
      fixture.emulator.faults.decide = ({ method, path }) => {
        if (method === "POST" && path.endsWith("/keys")) fixture.clock.now += HOUR;
        return undefined;
      };
      const inputs = { serviceAccountId: account, expiresIn: "2h" };
      const error = await failureOf(createKey(provider, inputs), "refused");
      assert.match(
        error.reason,
        /^the key was created at \S+ to expire at \S+, which is not the requested lifetime; it has been revoked$/,
      );
      assert.deepEqual(
        keysOfAccount().map(({ status }) => status),
        ["deleted", "deleted", "deleted"],
      );
    });

    it("rejects an expiry that has passed by the server's clock", async () => {
      await setUp({ serverAheadMs: MINUTE });
      const expiresAt = new Date(START + MINUTE / 2).toISOString();
      const inputs = { name: "k", type: "private_key", serviceAccountId: account, expiresAt };
      // Without a request, there is only the local clock, by which the expiry is in the future.
      const withoutPreflight = fixture.process({ preflight: false });
      assert.deepEqual((await withoutPreflight.keys.check({}, inputs)).failures, []);
      assert.deepEqual(reasons(await provider.keys.check({}, inputs)), [
        `expiresAt: has passed (now ${new Date(START + MINUTE).toISOString()}): set a later instant`,
      ]);
      const error = await failureOf(provider.keys.create(inputs), "refused");
      assert.equal(
        error.message,
        `Could not create API key "k" for service account ${account}.\n  Reason: expiresAt (${expiresAt}) has passed: the server would create a key that never works\n  What to do: set a later expiresAt.`,
      );
      assert.deepEqual(fixture.writes, []);
    });

    it("revokes a key that the server, whose clock is far ahead, has created after its expiry", async () => {
      await setUp({ serverAheadMs: 3 * HOUR });
      const expiresAt = new Date(START + 2 * HOUR).toISOString();
      const inputs = { serviceAccountId: account, expiresAt };
      const error = await failureOf(createKey(provider, inputs), "refused");
      assert.match(
        error.reason,
        /^expiresAt \(\S+\) had already passed on the server, which created the key at/,
      );
      assert.deepEqual(
        keysOfAccount().map(({ status }) => status),
        ["deleted"],
      );
    });

    it("rejects an account that is archived, of another tenant or missing: the server would create some of these keys", async () => {
      const foreign = fixture.addForeignAccount({ roles: ROLES }).id;
      fixture.emulator.archiveAccount(account);
      for (const serviceAccountId of [account, foreign, "user_nope"]) {
        const inputs = { name: "k", type: "private_key", serviceAccountId };
        const error = await failureOf(provider.keys.create(inputs), "not_found");
        assert.match(error.reason, /Flexprice would create a working key for an archived account$/);
      }
      assert.deepEqual(fixture.writes, []);
    });

    it("does not look up an account that the same process has created", async () => {
      const { id } = await provider.accounts.create({ name: "new", roles: ROLES });
      fixture.emulator.clearRequests();
      await provider.keys.create({ name: "k", type: "private_key", serviceAccountId: id });
      assert.deepEqual(fixture.log, [POST]);
    });

    for (const when of ["before", "after"] as const) {
      it(`ends with one live key, whose value is in the state, if the connection breaks ${when} the key is created`, async () => {
        fixture.fault({ kind: "reset" }, when, { match: { method: "POST", path: /keys$/ } });
        const { id, state } = await createKey(provider, { serviceAccountId: account });
        const liveKeys = keysOfAccount().filter(({ status }) => status === "published");
        assert.deepEqual(
          liveKeys.map((key) => [key.id, key.value]),
          [[id, state.apiKey]],
        );
      });
    }

    it("neither sends a named key again after a lost response, nor revokes the key that may be it", async () => {
      const managedKey = fixture.addKey(account, { name: "k" });
      provider.managed.add(managedKey.id);
      fixture.fault({ kind: "reset" }, "after", { match: { method: "POST", path: /keys$/ } });
      const inputs = { name: "k", serviceAccountId: account };
      const error = await failureOf(createKey(provider, inputs), "outcome_unknown");
      const lostKey = keysOfAccount().find(({ id }) => id !== managedKey.id);
      assert.equal(lostKey?.status, "published");
      assert.match(
        error.reason,
        new RegExp(
          `${account} has keys named "k" that this run does not know: ${lostKey?.id} \\(\\S+, created at \\S+\\)$`,
        ),
      );
      assert.match(error.fix, /^check the keys with this name in the dashboard\. Revoke the one/);
      assert.deepEqual(fixture.writes, [POST]);
    });

    it("keeps the value of a key if the response lacks other fields", async () => {
      const secret = {
        id: "secret_7",
        type: "private_key",
        status: "published",
        created_at: "2026-11-24T08:00:00Z",
      };
      const body = { secret, api_key: "an-odd-secret-key" };
      fixture.fault({ kind: "status", status: 201, body }, "after", { match: { path: /keys$/ } });
      const inputs = { name: "k", type: "private_key", serviceAccountId: account };
      const { id, outs } = await provider.keys.create(inputs);
      assert.equal(id, "secret_7");
      assert.deepEqual(outs, {
        ...inputs,
        apiKey: "an-odd-secret-key",
        displayId: "",
        roles: [],
        userId: "",
        userType: "",
        createdAt: "2026-11-24T08:00:00Z",
        tenantId,
      });
      assert.equal(redact("an-odd-secret-key"), "[redacted]");
    });
  });

  it("updates properties that the server does not know without a request", async () => {
    const inputs = { name: "k", serviceAccountId: account, expiresIn: "90d" };
    const { id, state } = await createKey(provider, {
      ...inputs,
      rotateBefore: "14d",
      onDelete: "expire",
    });
    fixture.emulator.clearRequests();
    const change = { rotationTriggers: { release: "1" }, rotateBefore: "7d" };
    const news = { ...inputs, type: "private_key", ...change };
    const { outs } = await provider.keys.update(id, state, news);
    const { onDelete: _, ...unchanged } = state;
    assert.deepEqual(outs, { ...unchanged, ...change });
    assert.equal((await provider.keys.diff(id, outs as KeyState, news)).changes, false);
    assert.deepEqual(fixture.log, []);
  });

  it("rotates a key by creating the successor before it revokes the old one", async () => {
    const inputs = { name: "k", serviceAccountId: account, expiresIn: "90d", rotateBefore: "14d" };
    const replaced = await createKey(provider, inputs);
    fixture.clock.now += 80 * DAY;
    provider = fixture.process();
    const news = { ...inputs, type: "private_key" };
    assert.deepEqual(reasons(await provider.keys.check(news, news)), []);
    const { replaces } = await provider.keys.diff(replaced.id, replaced.state, news);
    assert.deepEqual(replaces, ["expiresAt"]);
    const { id, outs } = await provider.keys.create(news);
    for (const apiKey of [replaced.state.apiKey, fixture.key(id).value]) {
      const { connection } = fixture.process({ credential: credential(apiKey) });
      assert.equal((await connection.caller()).id, account);
    }
    await provider.keys.delete(replaced.id, replaced.state);
    const statuses = [fixture.key(replaced.id).status, fixture.key(id).status];
    assert.deepEqual(statuses, ["deleted", "published"]);
    assert.equal(Date.parse((outs as KeyState).expiresAt ?? ""), START + 170 * DAY);
  });
});
