import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../../provider/emulator";
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

const optionalName = (name: string | undefined) => (name === undefined ? {} : { name });

describe("lifecycle/api-key: create and update", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  let tenantId: string;
  async function set(options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    process = fixture.process();
    tenantId = fixture.operator.tenantId;
    account = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES }).id;
  }
  beforeEach(() => set());

  const keyOf = (id: string): EmulatedKey => {
    const key = fixture.emulator.keys().find((one) => one.id === id);
    assert(key);
    return key;
  };
  const posted = () =>
    fixture.emulator
      .writes()
      .filter(({ method }) => method === "POST")
      .map(({ body }) => body);

  describe("create", () => {
    it("makes a key of an account, and keeps all that the server says once", async () => {
      const { id, state } = await createKey(process, {
        serviceAccountId: account,
        name: "k",
        expiresAt: "2030-06-01T12:00:00+05:30",
        rotateBefore: "14d",
        rotationTriggers: { release: "1" },
        onDelete: "expire",
      });
      const { value, displayId } = keyOf(id);
      const [, shown] = fixture.emulator
        .writes()
        .map(({ responseBody }) => (responseBody as { secret: { created_at: string } }).secret);
      assert.equal(shown, undefined);
      assert.deepEqual(state, {
        serviceAccountId: account,
        name: "k",
        type: "private_key",
        expiresAt: "2030-06-01T06:30:00Z",
        rotateBefore: "14d",
        rotationTriggers: { release: "1" },
        onDelete: "expire",
        apiKey: value,
        displayId,
        roles: ["event_ingestor", "event_reader"],
        userId: account,
        userType: "service_account",
        createdAt: state.createdAt,
        tenantId,
      });
      assert.match(state.createdAt, /^2026-11-24T08:00:00\.\d+Z$/);
      assert.deepEqual(posted(), [
        {
          name: "k",
          type: "private_key",
          expires_at: "2030-06-01T06:30:00Z",
          service_account_id: account,
        },
      ]);
      assert.deepEqual(fixture.writes, [POST]);
      assert(process.managed.has(id));
    });

    it("makes a key of the caller itself", async () => {
      const { id, state } = await createKey(process, { name: "k" });
      const { value, displayId } = keyOf(id);
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
      assert.deepEqual(posted(), [{ name: "k", type: "private_key" }]);
    });

    it("notes the environment that a token chose", async () => {
      const environmentId = fixture.emulator.createEnvironment(tenantId, "Other");
      const bearer = fixture.process({
        credential: token(fixture.operator.accessToken),
        environmentId,
      });
      const { id, state } = await createKey(bearer, { name: "k", serviceAccountId: account });
      assert.equal(state.environmentId, environmentId);
      assert.equal(keyOf(id).environmentId, environmentId);
    });

    it("makes a publishable key", async () => {
      const inputs = { name: "k", type: "publishable_key", serviceAccountId: account };
      const { id, state } = await createKey(process, inputs);
      assert.deepEqual([state.type, state.apiKey], ["publishable_key", keyOf(id).value]);
      assert.match(state.apiKey, /^pk_/);
    });

    it("fixes a lifetime by the server's clock, once", async () => {
      await set({ serverAheadMs: MINUTE });
      const inputs = { name: "k", serviceAccountId: account, expiresIn: "90d" };
      const { state } = await createKey(process, inputs);
      const expiresAt = new Date(START + MINUTE + 90 * DAY);
      assert.deepEqual(posted(), [
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
      const { changes } = await process.keys.diff("secret_1", state, {
        ...inputs,
        type: "private_key",
      });
      assert.equal(changes, false);
    });

    it("fixes the lifetime of a key of its own by the server's clock too", async () => {
      await set({ serverAheadMs: MINUTE });
      const { state } = await createKey(process, { name: "k", expiresIn: "90d" });
      assert.equal(Date.parse(state.expiresAt ?? ""), START + MINUTE + 90 * DAY);
      assert.equal(posted().length, 1);
    });

    for (const [what, serverAheadMs] of [
      ["ahead of", 3 * HOUR],
      ["behind", -3 * HOUR],
    ] as const) {
      for (const name of [undefined, "k"]) {
        it(`revokes a key whose lifetime came out wrong, and makes it again: ${name === undefined ? "no name" : "a name"}, a server far ${what} our clock`, async () => {
          await set({ serverAheadMs });
          const inputs = { serviceAccountId: account, expiresIn: "2h", ...optionalName(name) };
          const { id, state } = await createKey(process, inputs);
          const lifetime = Date.parse(state.expiresAt ?? "") - Date.parse(state.createdAt);
          assert(Math.abs(lifetime - 2 * HOUR) < 5_000, String(lifetime));
          const made = fixture.emulator.keys().filter(({ userId }) => userId === account);
          assert.deepEqual(
            made.map((key) => [key.id === id, key.status]),
            [
              [false, "deleted"],
              [true, "published"],
            ],
          );
          assert.equal(state.apiKey, keyOf(id).value);
          const { changes } = await process.keys.diff(id, state, {
            ...inputs,
            type: "private_key",
          });
          assert.equal(changes, false);
        });
      }
    }

    it("hands no key over whose lifetime comes out wrong each time, and leaves none behind", async () => {
      // Each request takes an hour.
      fixture.emulator.faults.decide = ({ method, path }) => {
        if (method === "POST" && path.endsWith("/keys")) fixture.clock.now += HOUR;
        return undefined;
      };
      const made = createKey(process, { serviceAccountId: account, expiresIn: "2h" });
      const error = await failureOf(made, "refused");
      assert.match(
        error.reason,
        /^the key was created at \S+ to expire at \S+, which is not the requested lifetime; it has been revoked$/,
      );
      const statuses = fixture.emulator
        .keys()
        .filter(({ userId }) => userId === account)
        .map(({ status }) => status);
      assert.deepEqual(statuses, ["deleted", "deleted", "deleted"]);
    });

    it("refuses an instant that has passed by the server's clock", async () => {
      await set({ serverAheadMs: MINUTE });
      const expiresAt = new Date(START + MINUTE / 2).toISOString();
      const inputs = { name: "k", type: "private_key", serviceAccountId: account, expiresAt };
      const blind = fixture.process({ preflight: false }); // by the local clock, which is all it has, it is in the future
      assert.deepEqual((await blind.keys.check({}, inputs)).failures, []);
      assert.deepEqual(reasons(await process.keys.check({}, inputs)), [
        `expiresAt: has passed (now ${new Date(START + MINUTE).toISOString()}): set a later instant`,
      ]);
      const error = await failureOf(process.keys.create(inputs), "refused");
      assert.equal(
        error.message,
        `Could not create API key "k" for service account ${account}.\n  Reason: expiresAt (${expiresAt}) has passed: the server would create a key that never works\n  What to do: set a later expiresAt.`,
      );
      assert.deepEqual(fixture.writes, []);
    });

    it("revokes a key that has expired by the time it was made, by a clock far from ours", async () => {
      await set({ serverAheadMs: 3 * HOUR });
      const expiresAt = new Date(START + 2 * HOUR).toISOString();
      const made = createKey(process, { serviceAccountId: account, expiresAt });
      const error = await failureOf(made, "refused");
      assert.match(
        error.reason,
        /^expiresAt \(\S+\) had already passed on the server, which created the key at/,
      );
      const statuses = fixture.emulator
        .keys()
        .filter(({ userId }) => userId === account)
        .map(({ status }) => status);
      assert.deepEqual(statuses, ["deleted"]);
    });

    it("refuses an account that is archived, foreign or not there: some of them would get a key", async () => {
      const other = fixture.emulator.createTenant();
      const foreign = fixture.emulator.createAccount(other.tenantId, { roles: ROLES }).id;
      fixture.emulator.archiveAccount(account);
      for (const serviceAccountId of [account, foreign, "user_nope"]) {
        const inputs = { name: "k", type: "private_key", serviceAccountId };
        const error = await failureOf(process.keys.create(inputs), "not_found");
        assert.match(error.reason, /Flexprice would create a working key for an archived account$/);
      }
      assert.deepEqual(fixture.writes, []);
    });

    it("makes a key for an account that the same process made, without asking for it", async () => {
      const created = await process.accounts.create({ name: "new", roles: ROLES });
      fixture.emulator.clearRequests();
      const inputs = { name: "k", type: "private_key", serviceAccountId: created.id };
      await process.keys.create(inputs);
      assert.deepEqual(fixture.log, [POST]);
    });

    for (const when of ["before", "after"] as const) {
      it(`ends in one key whose value is in the state: reset ${when} the effect`, async () => {
        fixture.fault({ kind: "reset" }, when, { match: { method: "POST", path: /keys$/ } });
        const { id, state } = await createKey(process, { serviceAccountId: account });
        const alive = fixture.emulator
          .keys()
          .filter(({ userId, status }) => userId === account && status === "published");
        assert.deepEqual(
          alive.map((key) => [key.id, key.value]),
          [[id, state.apiKey]],
        );
      });
    }

    it("neither sends a named key again whose answer was lost, nor revokes what it may be", async () => {
      const { environmentId } = fixture.operator;
      const twin = fixture.emulator.createKey(account, environmentId, { name: "k" });
      process.managed.add(twin.id);
      fixture.fault({ kind: "reset" }, "after", { match: { method: "POST", path: /keys$/ } });
      const inputs = { name: "k", serviceAccountId: account };
      const error = await failureOf(createKey(process, inputs), "outcome_unknown");
      const lost = fixture.emulator.keys().at(-1);
      assert(lost !== undefined && lost.id !== twin.id && lost.status === "published");
      assert.match(
        error.reason,
        new RegExp(
          `${account} has keys named "k" that this run does not know: ${lost.id} \\(\\S+, created at \\S+\\)$`,
        ),
      );
      assert.match(error.fix, /^check the keys with this name in the dashboard\. Revoke the one/);
      assert.deepEqual(fixture.writes, [POST]);
    });

    it("loses no value over fields that the server leaves out", async () => {
      const secret = {
        id: "secret_7",
        type: "private_key",
        status: "published",
        created_at: "2026-11-24T08:00:00Z",
      };
      const body = { secret, api_key: "an-odd-secret-key" };
      fixture.fault({ kind: "status", status: 201, body }, "after", { match: { path: /keys$/ } });
      const inputs = { name: "k", type: "private_key", serviceAccountId: account };
      const { id, outs } = await process.keys.create(inputs);
      assert.equal(id, "secret_7");
      assert.deepEqual(outs, {
        serviceAccountId: account,
        name: "k",
        type: "private_key",
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

  describe("update", () => {
    it("changes what concerns the provider alone, without a request", async () => {
      const { id, state } = await createKey(process, {
        name: "k",
        serviceAccountId: account,
        expiresIn: "90d",
        rotateBefore: "14d",
        onDelete: "expire",
      });
      fixture.emulator.clearRequests();
      const news = {
        name: "k",
        type: "private_key",
        serviceAccountId: account,
        expiresIn: "90d",
        rotationTriggers: { release: "1" },
        rotateBefore: "7d",
      };
      const { outs } = await process.keys.update(id, state, news);
      const { onDelete: _, ...rest } = state;
      assert.deepEqual(outs, {
        ...rest,
        rotationTriggers: { release: "1" },
        rotateBefore: "7d",
      });
      const { changes } = await process.keys.diff(id, outs as KeyState, news);
      assert.equal(changes, false);
      assert.deepEqual(fixture.log, []);
    });
  });

  it("rotates new before old, both working in between", async () => {
    const inputs = { name: "k", serviceAccountId: account, expiresIn: "90d", rotateBefore: "14d" };
    const old = await createKey(process, inputs);
    fixture.clock.now += 80 * DAY;
    const later = fixture.process();
    const news = { ...inputs, type: "private_key" };
    const checked = await later.keys.check(news, news);
    assert.deepEqual(checked.failures, []);
    const { replaces } = await later.keys.diff(old.id, old.state, news);
    assert.deepEqual(replaces, ["expiresAt"]);
    const { id, outs } = await later.keys.create(news);
    const { value } = keyOf(id);
    for (const working of [old.state.apiKey, value]) {
      const { connection } = fixture.process({ credential: credential(working) });
      assert.equal((await connection.caller()).id, account);
    }
    await later.keys.delete(old.id, old.state);
    assert.deepEqual([keyOf(old.id).status, keyOf(id).status], ["deleted", "published"]);
    assert.equal(Date.parse((outs as KeyState).expiresAt ?? ""), START + 170 * DAY);
  });
});
