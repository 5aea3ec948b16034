import assert from "node:assert/strict";
import type { FaultKind } from "../../../provider/emulator";
import { failureOf, type ProviderProcess, Stage } from "../harness";
import {
  ACCOUNT,
  live,
  liveKeys,
  lostKeyOf,
  makeAccount,
  makeKey,
  POST_ACCOUNT,
  POST_KEY,
  started,
} from "./creating";

const LOOKS = [250, 1_500, 4_000];

/** Faults that leave it open whether the server did what it was asked. */
const AMBIGUOUS: FaultKind[] = [
  { kind: "reset" },
  { kind: "truncated" },
  { kind: "not_json" },
  { kind: "wrong_shape" },
  { kind: "wrong_shape", body: [] },
  { kind: "status", status: 408 },
  { kind: "status", status: 500 },
  { kind: "status", status: 500, body: { code: "database_error", message: "Failed to create" } },
  { kind: "status", status: 502, body: "Bad Gateway" },
  { kind: "status", status: 503, body: "Service Unavailable" },
  { kind: "status", status: 504, body: "Gateway Timeout" },
];

describe("api/creation", () => {
  let stage: Stage;
  let process: ProviderProcess;
  beforeEach(async () => {
    stage = await Stage.start();
    process = await started(stage);
  });
  afterEach(() => stage.stop());

  for (const fault of AMBIGUOUS) {
    for (const when of ["before", "after"] as const) {
      const title = `${Object.values(fault)
        .map((part) => JSON.stringify(part))
        .join(" ")} ${when} the effect`;

      it(`ends in exactly one account: ${title}`, async () => {
        stage.fault(fault, when, POST_ACCOUNT);
        const made = await makeAccount(process);
        assert.deepEqual(live(stage), [{ id: made.id, name: "ci", roles: ACCOUNT.roles }]);
        assert.equal(stage.writes.length, when === "before" ? 2 : 1);
        assert.deepEqual(process.pauses, when === "before" ? LOOKS : LOOKS.slice(0, 1));
      });

      it(`ends in exactly one key, its value known: ${title}`, async () => {
        const owner = stage.emulator.createAccount(stage.operator.tenantId, {
          ...ACCOUNT,
          roles: [...ACCOUNT.roles],
        });
        stage.fault(fault, when, POST_KEY);
        const made = await makeKey(process, owner.id);
        assert.deepEqual(
          liveKeys(stage, owner.id).map(({ id, value }) => ({ id, value })),
          [{ id: made.secret.id, value: made.api_key }],
        );
        assert.deepEqual(
          stage.writes,
          when === "before"
            ? ["POST /secrets/api/keys", "POST /secrets/api/keys"]
            : [
                "POST /secrets/api/keys",
                `DELETE /secrets/api/keys/${lostKeyOf(stage, owner.id)}`,
                "POST /secrets/api/keys",
              ],
        );
      });
    }
  }

  // One after the other these would take seconds: undici's clock ticks once a second.
  it("ends in exactly one object when no answer comes in time, before or after the effect", async () => {
    const cases = (["before", "after"] as const).flatMap((when) => [
      async (other: Stage, by: ProviderProcess) => {
        other.fault({ kind: "timeout" }, when, POST_ACCOUNT);
        const made = await makeAccount(by);
        assert.deepEqual(
          live(other).map(({ id }) => id),
          [made.id],
        );
      },
      async (other: Stage, by: ProviderProcess) => {
        const owner = other.emulator.createAccount(other.operator.tenantId, ACCOUNT);
        other.fault({ kind: "timeout" }, when, POST_KEY);
        const made = await makeKey(by, owner.id);
        assert.deepEqual(
          liveKeys(other, owner.id).map(({ value }) => value),
          [made.api_key],
        );
      },
    ]);
    await Promise.all(
      cases.map(async (run) => {
        const other = await Stage.start();
        try {
          await run(other, await started(other, { transport: { headersMs: 300 } }));
        } finally {
          await other.stop();
        }
      }),
    );
  });

  it("gives up with the last failure when the server goes on failing, three posts later", async () => {
    stage.fault({ kind: "status", status: 500 }, "before", { ...POST_ACCOUNT, times: 99 });
    const error = await failureOf(makeAccount(process), "outcome_unknown");
    assert.equal(error.status, 500);
    assert.deepEqual(stage.writes, Array(3).fill("POST /users"));
    assert.deepEqual(process.pauses, [...LOOKS, ...LOOKS, ...LOOKS]);
    assert.deepEqual(live(stage), []);
  });

  it("takes over what only the last post has made", async () => {
    stage.fault({ kind: "reset" }, "before", { ...POST_ACCOUNT, times: 2 });
    stage.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    const made = await makeAccount(process);
    assert.deepEqual(
      live(stage).map(({ id }) => id),
      [made.id],
    );
  });

  it("takes over what becomes visible late", async () => {
    stage.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    stage.fault(
      { kind: "status", status: 200, body: { items: [], pagination: { total: 0 } } },
      "before",
      {
        match: { path: /search/ },
        times: 2,
      },
    );
    await makeAccount(process);
    assert.deepEqual(process.pauses, LOOKS);
    assert.equal(live(stage).length, 1);
  });

  it("never sends anew what the server refused", async () => {
    await failureOf(makeAccount(process, { name: "ci", roles: ["nope"] }), "invalid");
    await failureOf(makeKey(process, "user_nope"), "not_found");
    assert.deepEqual(stage.writes, ["POST /users", "POST /secrets/api/keys"]);
    assert.deepEqual(process.pauses, []);
  });

  it("does not guess about publishable keys, which nothing shows", async () => {
    const owner = stage.emulator.createAccount(stage.operator.tenantId, ACCOUNT).id;
    stage.fault({ kind: "reset" }, "after", POST_KEY);
    const error = await failureOf(
      makeKey(process, owner, { type: "publishable_key" }),
      "outcome_unknown",
    );
    assert.match(error.answer, /the server lists no publishable keys/);
    assert.deepEqual(stage.writes, ["POST /secrets/api/keys"]);
  });

  it("settles a key of the caller itself", async () => {
    stage.fault({ kind: "reset" }, "after", POST_KEY);
    const { userId, tenantId } = stage.operator;
    const made = await process.connection.creations.createKey(
      { name: "k", type: "private_key" },
      userId,
      tenantId,
      "create it",
    );
    assert.deepEqual(
      liveKeys(stage, userId).map(({ name, value }) => [name, value]),
      [
        ["admin key", stage.operator.apiKey],
        ["k", made.api_key],
      ],
    );
  });

  it("stays unknown when looking fails, and says both", async () => {
    const { credential: weak } = stage.accountWithKey(["super_admin"], "blind");
    const by = await started(stage, { credential: weak });
    stage.fault({ kind: "reset" }, "after", POST_ACCOUNT);
    stage.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { path: /search/ },
    });
    const error = await failureOf(makeAccount(by), "outcome_unknown");
    assert.match(
      error.answer,
      /ECONNRESET.*and a look for what it may have made failed: .*403: no/,
    );
    assert.equal(stage.writes.length, 1);
  });

  it("gives creates of one name that go on at once an object each", async () => {
    stage.fault({ kind: "reset" }, "after", { ...POST_ACCOUNT, times: 2 });
    const made = await Promise.all([1, 2, 3, 4].map(() => makeAccount(process)));
    const ids = made.map(({ id }) => id).sort();
    assert.deepEqual(
      live(stage)
        .map(({ id }) => id)
        .sort(),
      ids,
    );
    assert.deepEqual([...process.managed].sort(), ids);

    const owner = ids[0] ?? "";
    stage.fault({ kind: "reset" }, "after", { ...POST_KEY, times: 2 });
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeKey(process, owner)));
    assert.deepEqual(
      liveKeys(stage, owner)
        .map(({ value }) => value)
        .sort(),
      keys.map(({ api_key }) => api_key).sort(),
    );
  });

  it("lets creates of other names and owners go on at once", async () => {
    let waiting: (() => void) | undefined;
    const blocked = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    stage.emulator.faults.decide = ({ body }) => {
      if ((body as { name?: string } | undefined)?.name === "second") waiting?.();
      return undefined;
    };
    stage.fault({ kind: "timeout" }, "before", POST_ACCOUNT);
    const first = makeAccount(process).catch(() => undefined);
    await makeAccount(process, { ...ACCOUNT, name: "second" });
    await blocked;
    await stage.stop();
    await first;
  });

  it("goes on in a lane after a create that failed", async () => {
    const wrong = failureOf(makeAccount(process, { name: "ci", roles: ["nope"] }), "invalid");
    const made = await makeAccount(process);
    await wrong;
    assert.equal(live(stage)[0]?.id, made.id);
  });

  it("knows what it made without asking", async () => {
    const account = await makeAccount(process);
    const { secret } = await makeKey(process, account.id);
    stage.emulator.clearRequests();
    const { directory } = process.connection;
    assert.equal((await directory.account(account.id))?.id, account.id);
    assert.equal((await directory.key(secret.id, account.id))?.id, secret.id);
    assert.deepEqual(stage.log, []);
  });

  describe("with clocks apart", () => {
    for (const serverAheadMs of [-86_400_000, -10_000, 10_000, 86_400_000]) {
      it(`finds what was lost by the server's clock: ${serverAheadMs / 1_000} s ahead`, async () => {
        const other = await Stage.start({ serverAheadMs });
        try {
          const by = await started(other);
          other.fault({ kind: "reset" }, "after", POST_ACCOUNT);
          const made = await makeAccount(by);
          assert.deepEqual(
            live(other).map(({ id }) => id),
            [made.id],
          );
          other.fault({ kind: "reset" }, "after", POST_KEY);
          const { api_key } = await makeKey(by, made.id);
          assert.deepEqual(
            liveKeys(other, made.id).map(({ value }) => value),
            [api_key],
          );
        } finally {
          await other.stop();
        }
      });
    }

    // As in every up: the preflight's answers are the only ones before the first POST.
    it("finds what was lost also when only the preflight has asked the server yet", async () => {
      const other = await Stage.start({ serverAheadMs: -60_000 });
      try {
        const by = other.process();
        await by.connection.preflight();
        other.fault({ kind: "reset" }, "after", POST_ACCOUNT);
        const made = await makeAccount(by);
        assert.deepEqual(
          live(other).map(({ id }) => id),
          [made.id],
        );
      } finally {
        await other.stop();
      }
    });
  });
});
