import assert from "node:assert/strict";
import { isUniqueNameOf } from "../../../provider/session/auto-name";
import type { PendingCreate } from "../../../provider/session/recovery/journal";
import type { TestFaultKind } from "../../support/faults";
import { failureOf, HOUR, type ProviderProcess, UnitFixture } from "../fixture";
import {
  ACCOUNT,
  accountIds,
  createAccount,
  createKey,
  createOwner,
  FORBIDDEN,
  keyIds,
  keyValues,
  liveAccounts,
  liveKeys,
  namesSent,
  POST_ACCOUNT,
  POST_KEY,
  ready,
  revokedKeyOf,
} from "./creating";
import { type JournalingProvider, Notes } from "./notes";

const LOOKUP_DELAYS_MS = [250, 1_500, 4_000];

/** Faults after which it is unknown whether the request took effect. */
const UNKNOWN_OUTCOMES: readonly [string, TestFaultKind][] = [
  ["a reset", { kind: "reset" }],
  ["a truncated response", { kind: "truncated" }],
  ["a response that is not JSON", { kind: "not_json" }],
  ["a response of another shape", { kind: "wrong_shape" }],
  ["an array as response", { kind: "wrong_shape", body: [] }],
  ["a response of 33 MiB", { kind: "huge", mebibytes: 33 }],
  ["408", { kind: "status", status: 408 }],
  [
    "408 in Flexprice's format",
    { kind: "status", status: 408, body: { code: "timeout", message: "took too long" } },
  ],
  ["500", { kind: "status", status: 500 }],
  [
    "500 in Flexprice's format",
    { kind: "status", status: 500, body: { code: "database_error", message: "Failed to create" } },
  ],
  ["502", { kind: "status", status: 502, body: "Bad Gateway" }],
  ["503", { kind: "status", status: 503, body: "Service Unavailable" }],
  [
    "503 with a long Retry-After",
    { kind: "status", status: 503, headers: { "retry-after": "61" } },
  ],
  ["504", { kind: "status", status: 504, body: "Gateway Timeout" }],
];

/** Faults with a Retry-After, which a gateway may send although the request took effect. */
const THROTTLED: readonly [string, TestFaultKind][] = [
  [
    "429",
    { kind: "status", status: 429, body: { code: "too_many_requests", message: "slow down" } },
  ],
  ["429 with Retry-After", { kind: "status", status: 429, headers: { "retry-after": "7" } }],
  ["503 with Retry-After", { kind: "status", status: 503, headers: { "retry-after": "7" } }],
];

const WHEN = ["before", "after"] as const;

describe("session/creates", () => {
  const fixture = UnitFixture.forEachTest();
  const notes = Notes.forEachTest(fixture);
  let provider: JournalingProvider;
  let owner: string;
  beforeEach(async () => {
    provider = await ready(fixture, notes.start());
    owner = createOwner(fixture);
  });

  it("creates an account and a key under unique names, with one request each", async () => {
    const account = await createAccount(provider);
    const { secret } = await createKey(provider, owner);
    assert(isUniqueNameOf("ci", account.name), account.name);
    assert(isUniqueNameOf("k", secret.name), secret.name);
    assert.deepEqual(fixture.log, ["POST /users", "POST /secrets/api/keys"]);
    assert.deepEqual(notes.files, []);
  });

  it("writes the note of each request before it sends the request", async () => {
    const pending: PendingCreate[] = [];
    fixture.emulator.faults.decide = () => {
      pending.push(...notes.pending);
      return undefined;
    };
    const account = await createAccount(provider);
    const { secret } = await createKey(provider, owner);
    const credential = pending[0]?.credential ?? "";
    assert.match(credential, /^[0-9a-f]{16}$/);
    const server = fixture.emulator.url;
    const { tenantId } = fixture.operator;
    const origin = { server, tenantId, credential, settle: "remove" };
    const key = { kind: "key", name: secret.name, ownerId: owner, keyType: "private_key" };
    assert.deepEqual(pending, [
      { ...origin, kind: "account", name: account.name },
      { ...origin, ...key },
    ]);
  });

  for (const [what, fault] of UNKNOWN_OUTCOMES) {
    for (const when of WHEN) {
      it(`creates exactly one account despite ${what} ${when} the effect`, async () => {
        fixture.fault(fault, when, POST_ACCOUNT);
        const created = await createAccount(provider);
        const names = namesSent(fixture);
        assert.deepEqual(liveAccounts(fixture), [
          { id: created.id, name: created.name, roles: ACCOUNT.roles },
        ]);
        assert.equal(new Set(names).size, when === "before" ? 2 : 1);
        assert.equal(names.at(-1), created.name);
        assert.deepEqual(provider.pauses.slice(0, 1), LOOKUP_DELAYS_MS.slice(0, 1));
        assert.deepEqual(notes.names, names.slice(0, -1));
      });

      it(`creates exactly one key, of known value, despite ${what} ${when} the effect`, async () => {
        fixture.fault(fault, when, POST_KEY);
        const created = await createKey(provider, owner);
        assert.deepEqual(
          liveKeys(fixture, owner).map(({ id, value }) => ({ id, value })),
          [{ id: created.secret.id, value: created.api_key }],
        );
        assert.equal(new Set(namesSent(fixture)).size, 2);
        assert.deepEqual(
          fixture.writes,
          when === "before"
            ? ["POST /secrets/api/keys", "POST /secrets/api/keys"]
            : [
                "POST /secrets/api/keys",
                `DELETE /secrets/api/keys/${revokedKeyOf(fixture, owner)}`,
                "POST /secrets/api/keys",
              ],
        );
        assert.deepEqual(notes.names, when === "before" ? namesSent(fixture).slice(0, 1) : []);
      });
    }
  }

  for (const [what, fault] of THROTTLED) {
    for (const when of WHEN) {
      it(`creates again under another name after ${what} ${when} the effect, and keeps the first note`, async () => {
        fixture.fault(fault, when, POST_ACCOUNT);
        fixture.fault(fault, when, POST_KEY);
        const account = await createAccount(provider);
        const { secret } = await createKey(provider, owner);
        assert.deepEqual(fixture.writes, [
          "POST /users",
          "POST /users",
          "POST /secrets/api/keys",
          "POST /secrets/api/keys",
        ]);
        const names = namesSent(fixture);
        assert.equal(new Set(names).size, 4);
        assert.deepEqual([names[1], names[3]], [account.name, secret.name]);
        assert.deepEqual(notes.names.sort(), [names[0], names[2]].sort());
        assert.equal(liveAccounts(fixture).length, when === "before" ? 1 : 2);

        const next = await notes.recoverAfterLease();
        assert.deepEqual(accountIds(fixture), [account.id]);
        assert.deepEqual(keyIds(fixture, owner), [secret.id]);
        assert.equal(next.warnings.length, when === "before" ? 0 : 2);
      });
    }
  }

  it("gives up if the server keeps throttling, and keeps a note of each request", async () => {
    fixture.fault({ kind: "status", status: 429 }, "after", { ...POST_ACCOUNT, times: 99 });
    await failureOf(createAccount(provider), "throttled");
    const sent = namesSent(fixture);
    assert(sent.length > 6, "a quota comes back by the minute");
    assert.deepEqual(notes.names.sort(), [...sent].sort());
    assert.equal(liveAccounts(fixture).length, sent.length);
    await notes.recoverAfterLease();
    assert.deepEqual(liveAccounts(fixture), []);
  });

  // In sequence, these would take seconds: undici's clock ticks once a second.
  it("creates exactly one object although no response comes in time, before or after the effect", async () => {
    const faults: TestFaultKind[] = [{ kind: "timeout" }, { kind: "slow", bytesPerSecond: 1 }];
    const cases = faults.flatMap((fault) =>
      WHEN.flatMap((when) => [
        async (server: UnitFixture, slow: ProviderProcess) => {
          server.fault(fault, when, POST_ACCOUNT);
          const { id } = await createAccount(slow);
          assert.deepEqual(accountIds(server), [id]);
        },
        async (server: UnitFixture, slow: ProviderProcess) => {
          const keyOwner = createOwner(server);
          server.fault(fault, when, POST_KEY);
          const { api_key } = await createKey(slow, keyOwner);
          assert.deepEqual(keyValues(server, keyOwner), [api_key]);
        },
      ]),
    );
    const transport = { headersMs: 300, maxElapsedMs: 300 };
    await Promise.all(
      cases.map(async (run) => {
        const server = await UnitFixture.start();
        try {
          await run(server, await ready(server, server.process({ transport })));
        } finally {
          await server.stop();
        }
      }),
    );
  });

  it("gives up after three requests if the server keeps failing, with the last failure", async () => {
    fixture.fault({ kind: "status", status: 500 }, "before", { ...POST_ACCOUNT, times: 99 });
    const error = await failureOf(createAccount(provider), "outcome_unknown");
    assert.equal(error.status, 500);
    assert.deepEqual(fixture.writes, Array(3).fill("POST /users"));
    assert.deepEqual(
      provider.pauses.filter((ms) => ms >= 250),
      [...LOOKUP_DELAYS_MS, ...LOOKUP_DELAYS_MS, ...LOOKUP_DELAYS_MS],
    );
    assert.deepEqual(liveAccounts(fixture), []);
    assert.deepEqual(notes.names.sort(), namesSent(fixture).sort());
  });

  it("returns what only the last request has created", async () => {
    fixture.fault({ kind: "reset" }, "before", { ...POST_ACCOUNT, times: 2 });
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const created = await createAccount(provider);
    assert.deepEqual(accountIds(fixture), [created.id]);
    assert.equal(notes.pending.length, 2);
  });

  it("returns what becomes visible late", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const empty = { items: [], pagination: { total: 0 } };
    const search = { match: { path: /search/ }, times: 2 };
    fixture.fault({ kind: "status", status: 200, body: empty }, "before", search);
    const created = await createAccount(provider);
    assert.deepEqual(
      provider.pauses.filter((ms) => ms >= 250),
      LOOKUP_DELAYS_MS,
    );
    assert.deepEqual(accountIds(fixture), [created.id]);
    assert.deepEqual(notes.files, []);
  });

  it("keeps the notes of requests whose late effects a later run must remove", async () => {
    const { tenantId, environmentId } = fixture.operator;
    fixture.fault({ kind: "status", status: 504 }, "before", POST_ACCOUNT);
    fixture.fault({ kind: "status", status: 504 }, "before", POST_KEY);
    const account = await createAccount(provider);
    const { secret } = await createKey(provider, owner);
    const [lateAccount = "", , lateKey = ""] = namesSent(fixture);
    fixture.emulator.createAccount(tenantId, { name: lateAccount, roles: ACCOUNT.roles });
    fixture.emulator.createKey(owner, environmentId, { name: lateKey });

    const next = await notes.recoverAfterLease();
    assert.deepEqual(accountIds(fixture), [account.id]);
    assert.deepEqual(keyIds(fixture, owner), [secret.id]);
    assert.equal(next.warnings.length, 2);
    assert.deepEqual(notes.files, []);
  });

  it("returns one account, and archives the others, if a gateway delivers the request more than once", async () => {
    const { tenantId } = fixture.operator;
    fixture.emulator.faults.decide = ({ method, path, body }) => {
      if (method !== "POST" || path !== "/v1/users") return undefined;
      const { name } = body as { name: string };
      for (const _ of [1, 2]) fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name });
      return { kind: "reset", when: "after" };
    };
    const created = await createAccount(provider);
    assert.deepEqual(accountIds(fixture), [created.id]);
    assert.equal(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 2);
  });

  it("revokes all keys of a request that a gateway delivers more than once, and creates another", async () => {
    fixture.emulator.faults.decide = ({ method, body }) => {
      if (method !== "POST" || fixture.emulator.writes().length > 1) return undefined;
      const { name } = body as { name: string };
      fixture.emulator.createKey(owner, fixture.operator.environmentId, { name });
      return { kind: "reset", when: "after" };
    };
    const created = await createKey(provider, owner);
    assert.deepEqual(keyIds(fixture, owner), [created.secret.id]);
    assert.equal(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 2);
  });

  it("does not touch other objects with the same prefix", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const others = ["ci", "ci-", "ci-0123456789"].map(
      (name) => fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name }).id,
    );
    const otherKeys = ["k", "k-", "k-0123456789"].map(
      (name) => fixture.emulator.createKey(owner, environmentId, { name }).id,
    );
    fixture.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    fixture.fault({ kind: "reset" }, "before", POST_KEY);
    const account = await createAccount(provider);
    const { secret } = await createKey(provider, owner);
    await notes.recoverAfterLease();
    assert.deepEqual(accountIds(fixture), [...others, account.id]);
    assert.deepEqual(keyIds(fixture, owner), [...otherKeys, secret.id]);
    assert(!fixture.writes.some((line) => line.startsWith("DELETE")));
  });

  it("keeps no note of a request that was not sent", async () => {
    await fixture.stop();
    await failureOf(createAccount(provider), "unreachable");
    await failureOf(createKey(provider, owner), "unreachable");
    assert.deepEqual(notes.files, []);
  });

  it("does not repeat a rejected request, and keeps no note of it", async () => {
    await failureOf(createAccount(provider, { namePrefix: "ci", roles: ["nope"] }), "invalid");
    await failureOf(createKey(provider, "user_nope"), "not_found");
    const refusals: [number, unknown][] = [
      [400, { code: "validation_error", message: "no" }],
      [401, { error: "Unauthorized" }],
      [403, { message: "insufficient permissions" }],
      [409, { code: "already_exists", message: "no" }],
    ];
    for (const [status, body] of refusals) {
      fixture.fault({ kind: "status", status, body }, "before", POST_ACCOUNT);
      await assert.rejects(createAccount(provider), { status });
    }
    assert.equal(fixture.writes.length, 2 + refusals.length);
    assert.deepEqual(provider.pauses, []);
    assert.deepEqual(notes.files, []);
  });

  for (const [status, body] of [
    [301, undefined],
    [400, "<html>Bad Request</html>"],
    [401, undefined],
    [403, { blocked: true }],
    [404, "404 page not found"],
    [413, "<html>too large</html>"],
    [499, undefined],
  ] as const) {
    it(`keeps the note of a ${status} that is not in Flexprice's format`, async () => {
      fixture.fault({ kind: "status", status, body }, "after", POST_ACCOUNT);
      await assert.rejects(createAccount(provider), { status });
      assert.equal(fixture.writes.length, 1);
      assert.equal(notes.only.pending.name, liveAccounts(fixture)[0]?.name);
      await notes.recoverAfterLease();
      assert.deepEqual(liveAccounts(fixture), []);
    });
  }

  it("reports an unknown outcome if the lookup fails, with both reasons, and keeps the note", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const search = { match: { path: /search/ } };
    fixture.fault(FORBIDDEN, "before", search);
    const error = await failureOf(createAccount(provider), "outcome_unknown");
    const { name } = notes.only.pending;
    assert.match(error.operation, /^create service account "ci"$/);
    assert.match(
      error.reason,
      new RegExp(
        `ECONNRESET.*; and the search for what it may have created, under the name "${name}", failed: .*403: no`,
      ),
    );
    assert.match(error.fix, /the provider looks for this name, and removes the object that has it/);
    assert.equal(fixture.writes.length, 1);
    await notes.recoverAfterLease();
    assert.deepEqual(liveAccounts(fixture), []);
  });

  it("keeps the note of a lost key that it cannot revoke", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    fixture.fault(FORBIDDEN, "before", {
      match: { method: "DELETE" },
    });
    await failureOf(createKey(provider, owner), "outcome_unknown");
    assert.equal(keyIds(fixture, owner).length, 1);
    await notes.recoverAfterLease();
    assert.deepEqual(keyIds(fixture, owner), []);
  });

  it("keeps the note if it fails because of a bug", async () => {
    const bug = new TypeError("a bug");
    provider.connection.reads.freshAccounts = () => Promise.reject(bug);
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    await assert.rejects(createAccount(provider), bug);
    assert.equal(notes.only.pending.name, liveAccounts(fixture)[0]?.name);
  });

  it("returns the name of a key that the server shows without one", async () => {
    const secret = { id: "secret_1", type: "private_key", status: "published" };
    const body = { secret: { ...secret, created_at: "2026-11-24T08:00:00Z" }, api_key: "sk_1" };
    fixture.fault({ kind: "status", status: 201, body }, "before", POST_KEY);
    const created = await createKey(provider, owner);
    assert.deepEqual([created.secret.name], namesSent(fixture));
  });

  it("resolves the unknown outcome of a key of the caller itself", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    const { userId } = fixture.operator;
    const caller = await provider.connection.caller();
    const created = await provider.connection.creates.key(
      { namePrefix: "k", type: "private_key" },
      caller,
    );
    assert.deepEqual(keyValues(fixture, userId), [fixture.operator.apiKey, created.api_key]);
  });

  it("creates one object per call if several calls with one prefix run at once", async () => {
    fixture.fault({ kind: "reset" }, "after", { ...POST_ACCOUNT, times: 2 });
    fixture.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    const created = await Promise.all([1, 2, 3, 4].map(() => createAccount(provider)));
    assert.deepEqual(accountIds(fixture).sort(), created.map(({ id }) => id).sort());

    fixture.fault({ kind: "reset" }, "after", { ...POST_KEY, times: 2 });
    fixture.fault({ kind: "reset" }, "before", POST_KEY);
    const keys = await Promise.all([1, 2, 3, 4].map(() => createKey(provider, owner)));
    assert.deepEqual(keyValues(fixture, owner).sort(), keys.map(({ api_key }) => api_key).sort());
  });

  it("creates other objects while one waits for its response", async () => {
    await notes.dieAsking(createAccount, "before", POST_ACCOUNT, provider);
    const created = await createAccount(provider);
    assert.deepEqual(accountIds(fixture), [created.id]);
  });

  it("caches what it created, and marks it as managed", async () => {
    const account = await createAccount(provider);
    const { secret } = await createKey(provider, account.id);
    fixture.emulator.clearRequests();
    const { reads } = provider.connection;
    assert.equal((await reads.account(account.id))?.id, account.id);
    assert.equal((await reads.key(secret.id, account.id))?.id, secret.id);
    assert.deepEqual(fixture.log, []);
    assert(provider.managed.has(account.id));
    assert(provider.managed.has(secret.id));
  });

  for (const serverAheadMs of [-24 * HOUR, -10_000, 10_000, 24 * HOUR]) {
    it(`finds a lost object if the server's clock is ${serverAheadMs / 1_000} s ahead`, async () => {
      await fixture.start({ serverAheadMs });
      provider = await ready(fixture, notes.start());
      fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
      const { id } = await createAccount(provider);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const { api_key } = await createKey(provider, id);
      assert.deepEqual(accountIds(fixture), [id]);
      assert.deepEqual(keyValues(fixture, id), [api_key]);
    });
  }
});
