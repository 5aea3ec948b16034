import assert from "node:assert/strict";
import { isUniqueNameOf } from "../../../provider/session/auto-name";
import type { TestFaultKind } from "../../support/faults";
import { failureOf, HOUR, MINUTE, UnitFixture } from "../fixture";
import {
  ACCOUNT,
  live,
  liveKeys,
  lostKeyOf,
  makeAccount,
  makeKey,
  namesSent,
  OWNER,
  POST_ACCOUNT,
  POST_KEY,
  started,
  startWithNotes,
} from "./creating";
import type { JournalingProcess, Notes } from "./notes";

const LOOKS = [250, 1_500, 4_000];

/** Faults after which it is unknown whether the request took effect. */
const UNKNOWN: TestFaultKind[] = [
  { kind: "reset" },
  { kind: "truncated" },
  { kind: "not_json" },
  { kind: "wrong_shape" },
  { kind: "wrong_shape", body: [] },
  { kind: "huge", mebibytes: 33 },
  { kind: "status", status: 408 },
  { kind: "status", status: 408, body: { code: "timeout", message: "took too long" } },
  { kind: "status", status: 500 },
  { kind: "status", status: 500, body: { code: "database_error", message: "Failed to create" } },
  { kind: "status", status: 502, body: "Bad Gateway" },
  { kind: "status", status: 503, body: "Service Unavailable" },
  { kind: "status", status: 503, headers: { "retry-after": "61" } },
  { kind: "status", status: 504, body: "Gateway Timeout" },
];

/** Faults with a Retry-After, which a gateway may send although the request took effect. */
const COME_BACK: TestFaultKind[] = [
  { kind: "status", status: 429, body: { code: "too_many_requests", message: "slow down" } },
  { kind: "status", status: 429, headers: { "retry-after": "7" } },
  { kind: "status", status: 503, headers: { "retry-after": "7" } },
];

const titleOf = (fault: TestFaultKind, when: string) =>
  `${Object.values(fault)
    .map((part) => JSON.stringify(part))
    .join(" ")} ${when} the effect`;

describe("session/creates", () => {
  let fixture: UnitFixture;
  let notes: Notes;
  let process: JournalingProcess;
  let owner: string;
  beforeEach(async () => {
    ({ fixture, notes, process } = await startWithNotes());
    owner = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
  });
  afterEach(() => notes.remove());

  const accounts = () => live(fixture).filter(({ id }) => id !== owner);
  const accountIds = () => accounts().map(({ id }) => id);
  const keyIds = () => liveKeys(fixture, owner).map(({ id }) => id);

  it("makes an account, and a key, under names of their own and with one request each", async () => {
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, owner);
    assert(isUniqueNameOf("ci", account.name), account.name);
    assert(isUniqueNameOf("k", secret.name), secret.name);
    assert.deepEqual(fixture.log, ["POST /users", "POST /secrets/api/keys"]);
    assert.deepEqual(notes.files, []);
  });

  it("has a note of each request on disk before it is sent", async () => {
    const seen: unknown[] = [];
    fixture.emulator.faults.decide = () => {
      seen.push(...notes.pending);
      return undefined;
    };
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, owner);
    const { credential, ...origin } = {
      server: fixture.emulator.url,
      tenantId: fixture.operator.tenantId,
      credential: (seen[0] as { credential: string }).credential,
      settle: "remove",
    };
    assert.match(credential, /^[0-9a-f]{16}$/);
    assert.deepEqual(seen, [
      { ...origin, credential, kind: "account", name: account.name },
      {
        ...origin,
        credential,
        kind: "key",
        name: secret.name,
        ownerId: owner,
        keyType: "private_key",
      },
    ]);
  });

  for (const fault of UNKNOWN) {
    for (const when of ["before", "after"] as const) {
      it(`ends in exactly one account: ${titleOf(fault, when)}`, async () => {
        fixture.fault(fault, when, POST_ACCOUNT);
        const made = await makeAccount(process);
        const names = namesSent(fixture);
        assert.deepEqual(accounts(), [{ id: made.id, name: made.name, roles: ACCOUNT.roles }]);
        assert.equal(new Set(names).size, when === "before" ? 2 : 1);
        assert.equal(names.at(-1), made.name);
        assert.deepEqual(process.pauses.slice(0, 1), LOOKS.slice(0, 1));
        assert.deepEqual(
          notes.pending.map(({ name }) => name),
          names.slice(0, -1),
        );
      });

      it(`ends in exactly one key, its value known: ${titleOf(fault, when)}`, async () => {
        fixture.fault(fault, when, POST_KEY);
        const made = await makeKey(process, owner);
        assert.deepEqual(
          liveKeys(fixture, owner).map(({ id, value }) => ({ id, value })),
          [{ id: made.secret.id, value: made.api_key }],
        );
        assert.equal(new Set(namesSent(fixture)).size, 2);
        assert.deepEqual(
          fixture.writes,
          when === "before"
            ? ["POST /secrets/api/keys", "POST /secrets/api/keys"]
            : [
                "POST /secrets/api/keys",
                `DELETE /secrets/api/keys/${lostKeyOf(fixture, owner)}`,
                "POST /secrets/api/keys",
              ],
        );
        assert.deepEqual(
          notes.pending.map(({ name }) => name),
          when === "before" ? namesSent(fixture).slice(0, 1) : [],
        );
      });
    }
  }

  for (const fault of COME_BACK) {
    for (const when of ["before", "after"] as const) {
      it(`asks again under another name, and leaves the note of the first: ${titleOf(fault, when)}`, async () => {
        fixture.fault(fault, when, POST_ACCOUNT);
        fixture.fault(fault, when, POST_KEY);
        const account = await makeAccount(process);
        const { secret } = await makeKey(process, owner);
        assert.deepEqual(fixture.writes, [
          "POST /users",
          "POST /users",
          "POST /secrets/api/keys",
          "POST /secrets/api/keys",
        ]);
        const names = namesSent(fixture);
        assert.equal(new Set(names).size, 4);
        assert.deepEqual([names[1], names[3]], [account.name, secret.name]);
        assert.deepEqual(notes.pending.map(({ name }) => name).sort(), [names[0], names[2]].sort());
        assert.equal(accounts().length, when === "before" ? 1 : 2);

        notes.age(3 * MINUTE);
        const next = await notes.recover();
        assert.deepEqual(accountIds(), [account.id]);
        assert.deepEqual(keyIds(), [secret.id]);
        assert.equal(next.warnings.length, when === "before" ? 0 : 2);
      });
    }
  }

  it("gives up when the server keeps asking to wait, and leaves a note of each request", async () => {
    fixture.fault({ kind: "status", status: 429 }, "after", { ...POST_ACCOUNT, times: 99 });
    await failureOf(makeAccount(process), "throttled");
    const sent = namesSent(fixture);
    assert(sent.length > 6, "a quota comes back by the minute");
    assert.deepEqual(notes.pending.map(({ name }) => name).sort(), [...sent].sort());
    assert.equal(accounts().length, sent.length);
    notes.age(3 * MINUTE);
    await notes.recover();
    assert.deepEqual(accounts(), []);
  });

  // In sequence, these would take seconds: undici's clock ticks once a second.
  it("ends in exactly one object when no answer comes in time, before or after the effect", async () => {
    const slow: TestFaultKind[] = [{ kind: "timeout" }, { kind: "slow", bytesPerSecond: 1 }];
    const cases = slow.flatMap((fault) =>
      (["before", "after"] as const).flatMap((when) => [
        async (other: UnitFixture, by: Awaited<ReturnType<typeof started>>) => {
          other.fault(fault, when, POST_ACCOUNT);
          const made = await makeAccount(by);
          assert.deepEqual(
            live(other).map(({ id }) => id),
            [made.id],
          );
        },
        async (other: UnitFixture, by: Awaited<ReturnType<typeof started>>) => {
          const { id } = other.emulator.createAccount(other.operator.tenantId, OWNER);
          other.fault(fault, when, POST_KEY);
          const made = await makeKey(by, id);
          assert.deepEqual(
            liveKeys(other, id).map(({ value }) => value),
            [made.api_key],
          );
        },
      ]),
    );
    await Promise.all(
      cases.map(async (run) => {
        const other = await UnitFixture.start();
        try {
          await run(
            other,
            await started(other, { transport: { headersMs: 300, maxElapsedMs: 300 } }),
          );
        } finally {
          await other.stop();
        }
      }),
    );
  });

  it("gives up with the last failure when the server goes on failing, three requests later", async () => {
    fixture.fault({ kind: "status", status: 500 }, "before", { ...POST_ACCOUNT, times: 99 });
    const error = await failureOf(makeAccount(process), "outcome_unknown");
    assert.equal(error.status, 500);
    assert.deepEqual(fixture.writes, Array(3).fill("POST /users"));
    assert.deepEqual(
      process.pauses.filter((ms) => ms >= 250),
      [...LOOKS, ...LOOKS, ...LOOKS],
    );
    assert.deepEqual(accounts(), []);
    assert.deepEqual(notes.pending.map(({ name }) => name).sort(), namesSent(fixture).sort());
  });

  it("takes over what only the last request has made", async () => {
    fixture.fault({ kind: "reset" }, "before", { ...POST_ACCOUNT, times: 2 });
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const made = await makeAccount(process);
    assert.deepEqual(accountIds(), [made.id]);
    assert.equal(notes.pending.length, 2);
  });

  it("takes over what becomes visible late", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const empty = { items: [], pagination: { total: 0 } };
    const search = { match: { path: /search/ }, times: 2 };
    fixture.fault({ kind: "status", status: 200, body: empty }, "before", search);
    const made = await makeAccount(process);
    assert.deepEqual(
      process.pauses.filter((ms) => ms >= 250),
      LOOKS,
    );
    assert.deepEqual(accountIds(), [made.id]);
    assert.deepEqual(notes.files, []);
  });

  it("keeps the notes of requests whose effect comes after the looks, for a later run to remove it", async () => {
    const { tenantId, environmentId } = fixture.operator;
    fixture.fault({ kind: "status", status: 504 }, "before", POST_ACCOUNT);
    fixture.fault({ kind: "status", status: 504 }, "before", POST_KEY);
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, owner);
    const [lateAccount = "", , lateKey = ""] = namesSent(fixture);
    fixture.emulator.createAccount(tenantId, { name: lateAccount, roles: ACCOUNT.roles });
    fixture.emulator.createKey(owner, environmentId, { name: lateKey });

    notes.age(3 * MINUTE);
    const next = await notes.recover();
    assert.deepEqual(accountIds(), [account.id]);
    assert.deepEqual(keyIds(), [secret.id]);
    assert.equal(next.warnings.length, 2);
    assert.deepEqual(notes.files, []);
  });

  it("takes one, and archives the others, where a gateway has delivered an account more than once", async () => {
    const { tenantId } = fixture.operator;
    fixture.emulator.faults.decide = ({ method, path, body }) => {
      if (method !== "POST" || path !== "/v1/users") return undefined;
      const { name } = body as { name: string };
      for (const _ of [1, 2]) fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name });
      return { kind: "reset", when: "after" };
    };
    const made = await makeAccount(process);
    assert.deepEqual(accountIds(), [made.id]);
    assert.equal(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 2);
  });

  it("revokes all where a gateway has delivered a key more than once", async () => {
    fixture.emulator.faults.decide = ({ method, body }) => {
      if (method !== "POST" || fixture.emulator.writes().length > 1) return undefined;
      const { name } = body as { name: string };
      fixture.emulator.createKey(owner, fixture.operator.environmentId, { name });
      return { kind: "reset", when: "after" };
    };
    const made = await makeKey(process, owner);
    assert.deepEqual(keyIds(), [made.secret.id]);
    assert.equal(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 2);
  });

  it("leaves alone what begins with the same prefix, whoever made it and when", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const others = ["ci", "ci-", "ci-0123456789"].map(
      (name) => fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name }).id,
    );
    const otherKeys = ["k", "k-", "k-0123456789"].map(
      (name) => fixture.emulator.createKey(owner, environmentId, { name }).id,
    );
    fixture.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    fixture.fault({ kind: "reset" }, "before", POST_KEY);
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, owner);
    notes.age(3 * MINUTE);
    await notes.recover();
    assert.deepEqual(accountIds(), [...others, account.id]);
    assert.deepEqual(keyIds(), [...otherKeys, secret.id]);
    assert(!fixture.writes.some((line) => line.startsWith("DELETE")));
  });

  it("leaves no note of what was surely not sent", async () => {
    await fixture.stop();
    await failureOf(makeAccount(process), "unreachable");
    await failureOf(makeKey(process, owner), "unreachable");
    assert.deepEqual(notes.files, []);
  });

  it("never sends again what the server refused, and leaves no note of it", async () => {
    await failureOf(makeAccount(process, { namePrefix: "ci", roles: ["nope"] }), "invalid");
    await failureOf(makeKey(process, "user_nope"), "not_found");
    const refusals: [number, unknown][] = [
      [400, { code: "validation_error", message: "no" }],
      [401, { error: "Unauthorized" }],
      [403, { message: "insufficient permissions" }],
      [409, { code: "already_exists", message: "no" }],
    ];
    for (const [status, body] of refusals) {
      fixture.fault({ kind: "status", status, body }, "before", POST_ACCOUNT);
      await assert.rejects(makeAccount(process), { status });
    }
    assert.equal(fixture.writes.length, 2 + refusals.length);
    assert.deepEqual(process.pauses, []);
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
    it(`keeps the note where something else than Flexprice answered ${status}`, async () => {
      fixture.fault({ kind: "status", status, body }, "after", POST_ACCOUNT);
      await assert.rejects(makeAccount(process), { status });
      assert.equal(fixture.writes.length, 1);
      assert.equal(notes.only.pending.name, accounts()[0]?.name);
      notes.age(3 * MINUTE);
      await notes.recover();
      assert.deepEqual(accounts(), []);
    });
  }

  it("stays unknown when looking fails, says both, and keeps the note", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const search = { match: { path: /search/ } };
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", search);
    const error = await failureOf(makeAccount(process), "outcome_unknown");
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
    notes.age(3 * MINUTE);
    await notes.recover();
    assert.deepEqual(accounts(), []);
  });

  it("keeps the note of a key that it has found and cannot revoke", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { method: "DELETE" },
    });
    await failureOf(makeKey(process, owner), "outcome_unknown");
    assert.equal(keyIds().length, 1);
    notes.age(3 * MINUTE);
    await notes.recover();
    assert.deepEqual(keyIds(), []);
  });

  it("keeps the note when it fails by a mistake of its own", async () => {
    const mistake = new TypeError("a mistake");
    process.connection.reads.freshAccounts = () => Promise.reject(mistake);
    fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    await assert.rejects(makeAccount(process), mistake);
    assert.equal(notes.only.pending.name, accounts()[0]?.name);
  });

  it("knows what it has called a key that the server shows without a name", async () => {
    const secret = { id: "secret_1", type: "private_key", status: "published" };
    const body = { secret: { ...secret, created_at: "2026-11-24T08:00:00Z" }, api_key: "sk_1" };
    fixture.fault({ kind: "status", status: 201, body }, "before", POST_KEY);
    const made = await makeKey(process, owner);
    assert.deepEqual([made.secret.name], namesSent(fixture));
  });

  it("settles a key of the caller itself", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    const { userId } = fixture.operator;
    const caller = await process.connection.caller();
    const made = await process.connection.creates.key(
      { namePrefix: "k", type: "private_key" },
      caller,
    );
    assert.deepEqual(
      liveKeys(fixture, userId).map(({ value }) => value),
      [fixture.operator.apiKey, made.api_key],
    );
  });

  it("gives creates of one prefix that go on at once an object each", async () => {
    fixture.fault({ kind: "reset" }, "after", { ...POST_ACCOUNT, times: 2 });
    fixture.fault({ kind: "reset" }, "before", POST_ACCOUNT);
    const made = await Promise.all([1, 2, 3, 4].map(() => makeAccount(process)));
    assert.deepEqual(accountIds().sort(), made.map(({ id }) => id).sort());

    fixture.fault({ kind: "reset" }, "after", { ...POST_KEY, times: 2 });
    fixture.fault({ kind: "reset" }, "before", POST_KEY);
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeKey(process, owner)));
    assert.deepEqual(
      liveKeys(fixture, owner)
        .map(({ value }) => value)
        .sort(),
      keys.map(({ api_key }) => api_key).sort(),
    );
  });

  it("lets other creates go on while one waits for its answer", async () => {
    await notes.dieAsking(makeAccount, "before", POST_ACCOUNT, process);
    const made = await makeAccount(process);
    assert.deepEqual(accountIds(), [made.id]);
  });

  it("knows what it made without asking, and that a state is to hold it", async () => {
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, account.id);
    fixture.emulator.clearRequests();
    const { reads } = process.connection;
    assert.equal((await reads.account(account.id))?.id, account.id);
    assert.equal((await reads.key(secret.id, account.id))?.id, secret.id);
    assert.deepEqual(fixture.log, []);
    assert(process.managed.has(account.id));
    assert(process.managed.has(secret.id));
  });

  for (const serverAheadMs of [-24 * HOUR, -10_000, 10_000, 24 * HOUR]) {
    it(`finds what was lost whatever the server's clock says: ${serverAheadMs / 1_000} s ahead`, async () => {
      const other = await UnitFixture.start({ serverAheadMs });
      try {
        const by = await started(other);
        other.fault({ kind: "reset" }, "after", POST_ACCOUNT);
        const made = await makeAccount(by);
        other.fault({ kind: "reset" }, "after", POST_KEY);
        const { api_key } = await makeKey(by, made.id);
        assert.deepEqual(
          live(other).map(({ id }) => id),
          [made.id],
        );
        assert.deepEqual(
          liveKeys(other, made.id).map(({ value }) => value),
          [api_key],
        );
      } finally {
        await other.stop();
      }
    });
  }
});
