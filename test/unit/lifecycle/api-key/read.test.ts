import assert from "node:assert/strict";
import {
  createKey,
  credential,
  DAY,
  failureOf,
  type KeyState,
  MINUTE,
  type ProcessOptions,
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

describe("lifecycle/api-key: read", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  let id: string;
  let state: KeyState;
  async function set(options: UnitFixtureOptions = {}, inputs = {}): Promise<void> {
    await fixture.start(options);
    account = fixture.emulator.createAccount(fixture.operator.tenantId, {
      name: "ci",
      roles: ["event_reader"],
    }).id;
    const made = { name: "k", serviceAccountId: account, ...inputs };
    ({ id, state } = await createKey(fixture.process(), made));
    fixture.emulator.clearRequests();
    process = fixture.process();
  }
  beforeEach(() => set());

  const read = (by = process, props: Partial<KeyState> = state) => by.keys.read(id, props);
  const kept = () => ({ id, props: state });
  const gone = () => ({ id: "", props: state });
  const list = () => `${LIST}&user_id=${account}`;
  /** A process with the operator's key of another environment. */
  const elsewhere = (): ProviderProcess => {
    const { tenantId, userId } = fixture.operator;
    const other = fixture.emulator.createEnvironment(tenantId, "Other");
    return as(fixture.emulator.createKey(userId, other, { name: "other" }).value);
  };
  const as = (value: string, options: ProcessOptions = {}) =>
    fixture.process({ credential: credential(value), ...options });
  /** Younger objects never count as gone. */
  const growOld = () => {
    fixture.clock.now += 11 * MINUTE;
  };

  describe("of a key that is there", () => {
    it("keeps the state as it was, __provider included", async () => {
      const props = { ...state, __provider: PROVIDER };
      assert.deepEqual(await read(process, props), { id, props });
      assert.deepEqual(fixture.log, [ME, list(), SEARCH]);
      assert.deepEqual(process.warnings, []);
      assert(process.managed.has(id));
    });

    it("keeps times in the words in which they were first known", async () => {
      for (const [expiresAt, known] of [
        // Sent in UTC, and returned as sent.
        ["2030-06-01T12:00:00.123456789+05:30", "2030-06-01T06:30:00.123456789Z"],
        ["2030-06-01T12:00:00.5Z", "2030-06-01T12:00:00.5Z"],
      ] as const) {
        await set({}, { expiresAt });
        assert.equal(state.expiresAt, known);
        const again = await read(process, (await read()).props);
        assert.deepEqual(again, kept());
        const { changes } = await process.keys.diff(id, again.props as KeyState, {
          name: "k",
          type: "private_key",
          serviceAccountId: account,
          expiresAt,
        });
        assert.equal(changes, false);
      }
    });

    it("keeps a lifetime's expiry", async () => {
      await set({}, { expiresIn: "90d" });
      assert.deepEqual(await read(), kept());
    });

    it("does not mind that its account was renamed", async () => {
      fixture.emulator.renameAccount(account, "renamed");
      assert.deepEqual(await read(), kept());
    });

    it("shows an expiry that the server moved", async () => {
      await set({}, { expiresIn: "90d" });
      fixture.emulator.expireKey(id, new Date(START + DAY));
      const props = { ...state, expiresAt: "2026-11-25T08:00:00Z" };
      assert.deepEqual(await read(), { id, props });
    });

    it("shows an expiry that the server took away or added", async () => {
      assert.deepEqual(
        await read(process, { ...state, expiresAt: "2030-06-01T12:00:00Z" }),
        kept(),
      );
      fixture.emulator.expireKey(id, new Date(START + DAY));
      const props = { ...state, expiresAt: "2026-11-25T08:00:00Z" };
      assert.deepEqual(await read(fixture.process()), { id, props });
    });

    it("shows other roles and another name", async () => {
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
      fixture.fault({ kind: "status", status: 200, body }, "before", { match: { path: /keys/ } });
      assert.deepEqual(await read(), {
        id,
        props: { ...state, name: "renamed", roles: ["a", "b"] },
      });
    });

    it("keeps one that has expired: it is listed, and the next up replaces it", async () => {
      await set({}, { expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      assert.deepEqual(await read(), kept());
    });

    it("shows that its account is archived, and warns", async () => {
      fixture.emulator.archiveAccount(account);
      const found = await read();
      assert.deepEqual(found, { id, props: { ...state, ownerArchived: true } });
      assert.deepEqual(process.warnings, [
        `Service account ${account} of API key "k" (${id}) is archived, but the key still works: replace or delete it.`,
      ]);
      const { replaces } = await process.keys.diff(id, found.props as KeyState, {
        name: "k",
        type: "private_key",
        serviceAccountId: account,
      });
      assert.deepEqual(replaces, ["serviceAccountId"]);
    });

    it("takes that back when the account is there", async () => {
      assert.deepEqual(await read(process, { ...state, ownerArchived: true }), kept());
    });

    it("shares requests with other reads", async () => {
      const { environmentId } = fixture.operator;
      const others = Array.from(
        { length: 20 },
        (_, i) => fixture.emulator.createKey(account, environmentId, { name: `k${i}` }).id,
      );
      await Promise.all(others.map((other) => process.keys.read(other, state)));
      assert.deepEqual(fixture.log, [ME, list(), SEARCH]);
    });
  });

  describe("of a key that is gone", () => {
    it("drops one that is revoked, with all proofs", async () => {
      growOld();
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), gone());
      assert.deepEqual(fixture.log, [ME, list(), ME, PROBE, ME, list()]);
      const askers = fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]);
      const [admin, itself] = [fixture.operator.apiKey, state.apiKey];
      assert.deepEqual(askers, [admin, admin, itself, admin, itself, admin]);
      assert.match(process.warnings.join(), /^API key .* was revoked outside of this program/);
    });

    it("says that an adopted one cannot be adopted again", async () => {
      growOld();
      fixture.emulator.revokeKey(id);
      for (const adoptedId of [id, "secret_of_before"]) {
        const by = fixture.process();
        await by.keys.read(id, { ...state, adoptedId });
        const isSaid = / creates another\. If the program still has "adopt" for it/.test(
          by.warnings.join(),
        );
        assert.equal(isSaid, adoptedId === id);
      }
    });

    it("drops one that was revoked a moment ago, once the server's cache is over", async () => {
      await set({ revocationDelayMs: 120_000 });
      growOld();
      await as(state.apiKey).connection.caller();
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), gone());
      assert(fixture.clock.now - START >= 11 * MINUTE + 120_000);
    });

    it("drops nothing that the list shows again", async () => {
      growOld();
      const body = { items: [], pagination: { total: 0 } };
      fixture.fault({ kind: "status", status: 200, body }, "before", { match: { path: /keys/ } });
      fixture.emulator.expireKey(id); // so that it does not work
      assert.deepEqual(await read(), kept());
    });

    it("drops none that has expired: its not working proves nothing", async () => {
      await set({}, { expiresIn: "1d" });
      fixture.clock.now += 2 * DAY;
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), kept());
      assert.deepEqual(fixture.log, [ME, list()]);
    });
  });

  describe("of a key that cannot be seen", () => {
    it("tells an environment that does not have it, as long as it works", async () => {
      growOld();
      const error = await failureOf(read(elsewhere()), "wrong_environment");
      assert.equal(
        error.message,
        `Could not read API key "k" (${id}).\n  Reason: the key still works, but the environment of the credential from config key flexprice:apiKey does not have it: it was created in another environment\n  What to do: use a credential of the environment in which the key was created. If the key was revoked elsewhere a moment ago, run the command again in two minutes.`,
      );
    });

    it("tells an environment that is not the one noted", async () => {
      const { accessToken, environmentId, tenantId } = fixture.operator;
      const other = fixture.emulator.createEnvironment(tenantId, "Other");
      const bearer = fixture.process({ credential: token(accessToken), environmentId: other });
      const error = await failureOf(read(bearer, { ...state, environmentId }), "wrong_environment");
      assert.equal(
        error.reason,
        `it belongs to environment ${environmentId}, the settings name ${other}`,
      );
      assert.deepEqual(fixture.log, [ME]);
      const right = fixture.process({ credential: token(accessToken), environmentId });
      const props = { ...state, environmentId };
      assert.deepEqual(await read(right, props), { id, props });
    });

    it("tells another tenant, before it looks", async () => {
      const other = fixture.emulator.createTenant();
      await failureOf(read(as(other.apiKey)), "wrong_tenant");
      assert.deepEqual(fixture.log, [ME]);
    });

    it("keeps a publishable key unseen, also one that is revoked", async () => {
      await set({}, { type: "publishable_key" });
      assert.deepEqual(await read(), kept());
      fixture.emulator.revokeKey(id);
      assert.deepEqual(await read(), kept());
      assert.deepEqual(fixture.log, [ME]);
    });

    const weak: Record<string, () => ProviderProcess> = {
      "a service account": () => fixture.process(fixture.accountWithKey(["event_reader"])),
      "a super_admin service account": () =>
        fixture.process(fixture.accountWithKey(["super_admin"])),
      "a user with all_reader": () => {
        const { tenantId, environmentId } = fixture.operator;
        const { accessToken } = fixture.emulator.createUser(tenantId, ["all_reader"]);
        return fixture.process({ credential: token(accessToken), environmentId });
      },
    };
    for (const [who, make] of Object.entries(weak)) {
      it(`keeps it for ${who}; if it does not work any more, with a warning`, async () => {
        const by = make();
        assert.deepEqual(await read(by), kept());
        assert.deepEqual(by.warnings, []);
        fixture.emulator.revokeKey(id);
        assert.deepEqual(await read(by), kept());
        assert.equal(by.warnings.length, 1);
        assert.match(
          by.warnings[0] ?? "",
          /^API key "k" \(secret_\w+\) is not accepted by the server, but the credential from .* cannot see whether it was revoked; its state is kept\. Refresh with a super_admin user's credential\.$/,
        );
        assert(fixture.log.every((line) => line === ME));
      });
    }

    it("says nothing of one that has expired", async () => {
      await set({}, { expiresIn: "1d" });
      const by = fixture.process(fixture.accountWithKey(["super_admin"]));
      fixture.clock.now += 2 * DAY;
      assert.deepEqual(await read(by), kept());
      assert.deepEqual(by.warnings, []);
    });

    it("sees a caller's own key, whoever it is", async () => {
      const { id: robot, credential: own } = fixture.accountWithKey(["super_admin"], "robot");
      const by = fixture.process({ credential: own });
      const made = await createKey(by, { name: "own" });
      assert.equal(made.state.userId, robot);
      const later = fixture.process({ credential: own });
      assert.deepEqual(await later.keys.read(made.id, made.state), {
        id: made.id,
        props: made.state,
      });
      fixture.emulator.revokeKey(made.id);
      growOld();
      const last = fixture.process({ credential: own });
      assert.equal((await last.keys.read(made.id, made.state)).id, "");
    });
  });

  describe("of a server in trouble", () => {
    it("never drops a key while the database is away, whatever the credential", async () => {
      const { accessToken, environmentId, userId } = fixture.operator;
      const fresh = fixture.emulator.createKey(userId, environmentId, { name: "never used" });
      const bearer = fixture.process({ credential: token(accessToken), environmentId });
      fixture.emulator.revokeKey(id);
      fixture.emulator.faults.outage = true;
      await failureOf(read(), "server_error"); // its key is in the server's cache
      await failureOf(read(as(fresh.value)), "unauthenticated");
      await failureOf(read(bearer), "server_error");
    });

    it("never drops a key when the database goes away during the read", async () => {
      growOld();
      for (const goesAt of [1, 2, 3, 4, 5, 6]) {
        const by = fixture.process();
        fixture.emulator.clearRequests();
        fixture.emulator.revokeKey(id);
        fixture.emulator.faults.decide = () => {
          fixture.emulator.faults.outage = fixture.log.length >= goesAt;
          return undefined;
        };
        await assert.rejects(read(by), { name: "FlexpriceError" }, `request ${goesAt}`);
        fixture.emulator.faults.clear();
      }
    });

    it("never drops a key for an answer that is none", async () => {
      growOld();
      fixture.emulator.revokeKey(id);
      for (const path of [/me$/, /limit=1000/, /limit=1&/]) {
        fixture.fault({ kind: "not_json" }, "after", { match: { path }, times: 999 });
        await failureOf(read(fixture.process()), "malformed_answer");
        fixture.emulator.faults.clear();
      }
      const kind = { kind: "status", status: 404, body: "404 page not found" } as const;
      fixture.fault(kind, "before", { match: { path: /keys/ } });
      await failureOf(read(fixture.process()), "malformed_answer");
      await fixture.stop();
      await failureOf(read(fixture.process()), "unreachable");
    });
  });

  describe("of a key that is managed elsewhere", () => {
    const foreign = (props: Partial<KeyState>, by = process) => by.keys.read(id, props);
    const seen = () => {
      const { createdAt, ...rest } = state;
      return { ...rest, createdAt: createdAt.replace(/\d{3}Z$/, "Z") };
    };

    it("shows what the server shows, and the key that was given", async () => {
      const { props, id: found } = await foreign({ apiKey: state.apiKey });
      assert.equal(found, id);
      assert.deepEqual({ ...props, createdAt: "" }, { ...seen(), createdAt: "" });
      assert.equal(
        Math.abs(Date.parse(props?.createdAt ?? "") - Date.parse(state.createdAt)) <= 1,
        true,
      );
      assert.deepEqual(fixture.log, [ME, LIST]);
    });

    it("leaves the key out when none was given", async () => {
      const { props } = await foreign({ connection: "india" });
      const { apiKey: _, ...rest } = seen();
      assert.deepEqual(
        { ...props, createdAt: "" },
        { ...rest, createdAt: "", connection: "india" },
      );
    });

    it("refuses the key of another", async () => {
      const error = await failureOf(foreign({ apiKey: fixture.operator.apiKey }), "refused");
      assert.match(
        error.reason,
        /^the given apiKey is not this key: its display id would be sk_01\*\*\*/,
      );
      assert(!error.message.includes(fixture.operator.apiKey));
    });

    it("says why it may not be found", async () => {
      fixture.emulator.revokeKey(id);
      const error = await failureOf(foreign({}), "not_found");
      assert.equal(
        error.message,
        `Could not read API key ${id}.\n  Reason: the credential from config key flexprice:apiKey sees no key with this id: it is revoked, publishable, of another environment\n  What to do: correct the id, or use a super_admin user's credential of the key's environment.`,
      );
      const weak = fixture.process(fixture.accountWithKey(["super_admin"]));
      assert.match(
        (await failureOf(foreign({}, weak), "not_found")).reason,
        /of another environment, or of another owner$/,
      );
    });

    it("walks the list once for many", async () => {
      await Promise.all([foreign({}), foreign({}), foreign({})]);
      assert.deepEqual(fixture.log, [ME, LIST]);
    });
  });
});
