import assert from "node:assert/strict";
import { realPlatform } from "../../../provider/api/client";
import { Connection } from "../../../provider/session/connection";
import { failureOf, SECOND, START, token, UnitFixture } from "../fixture";

const ME = "GET /users/me";
const ASSIGNABLE = "GET /rbac/roles?user_type=service_account";

describe("session/connection", () => {
  const fixture = UnitFixture.forEachTest();

  const bearer = (environmentId?: string) =>
    fixture.process({
      credential: token(fixture.operator.accessToken),
      ...(environmentId === undefined ? {} : { environmentId }),
    }).connection;

  it("knows whose environment keys are made in", () => {
    const { environmentId } = fixture.operator;
    const facts = [fixture.process(), fixture.process({ environmentId })]
      .map(({ connection }) => connection)
      .concat(bearer(), bearer(environmentId))
      .map(({ chosenEnvironment, lacksEnvironment }) => [chosenEnvironment, lacksEnvironment]);
    assert.deepEqual(facts, [
      [undefined, false],
      [undefined, false],
      [undefined, true],
      [environmentId, false],
    ]);
    assert.equal(bearer().credentialSource, "config key flexprice:accessToken");
  });

  it("asks once who the caller is and which roles there are", async () => {
    const { connection } = fixture.process();
    const callers = [...(await Promise.all([connection.caller(), connection.caller()]))];
    callers.push(await connection.caller());
    assert.deepEqual(callers[2], {
      id: fixture.operator.userId,
      name: "",
      type: "user",
      roles: ["super_admin"],
      tenant: { id: fixture.operator.tenantId },
    });
    assert.equal(new Set(callers).size, 1);
    await Promise.all([connection.allRoles(), connection.allRoles()]);
    await connection.allRoles();
    assert.deepEqual(fixture.log, [ME, "GET /rbac/roles"]);
  });

  it("asks again after a failure", async () => {
    const { connection } = fixture.process();
    const unauthorized = { kind: "status", status: 401, body: { error: "Unauthorized" } } as const;
    fixture.fault(unauthorized, "before", { times: 2 });
    await failureOf(connection.caller(), "unauthenticated");
    await failureOf(connection.allRoles(), "unauthenticated");
    assert.equal((await connection.caller()).id, fixture.operator.userId);
    assert.equal((await connection.allRoles()).length, 5);
  });

  describe("preflight", () => {
    it("learns the caller and what a service account can be given, once", async () => {
      const { connection } = fixture.process();
      const seen = await Promise.all([connection.preflight(), connection.preflight()]);
      assert.equal(seen[0], seen[1]);
      assert.equal(seen[0], await connection.preflight());
      assert(seen[0].kind === "ready");
      assert.equal(seen[0].caller.id, fixture.operator.userId);
      assert.deepEqual(seen[0].assignable?.map(({ id }) => id).sort(), [
        "event_ingestor",
        "event_reader",
        "super_admin",
      ]);
      await connection.caller();
      assert.deepEqual(fixture.log.sort(), [ASSIGNABLE, ME]);
    });

    it("asks for no roles without the environment that they need", async () => {
      const seen = await bearer().preflight();
      assert(seen.kind === "ready");
      assert.equal(seen.assignable, undefined);
      assert.deepEqual(fixture.log, [ME]);
    });

    for (const [status, body] of [
      [403, { message: "insufficient permissions" }],
      [404, { code: "not_found", message: "no" }],
    ] as const) {
      it(`does without roles that the server keeps to itself (${status})`, async () => {
        fixture.fault({ kind: "status", status, body }, "before", { match: { path: /roles/ } });
        const seen = await fixture.process().connection.preflight();
        assert(seen.kind === "ready");
        assert.equal(seen.assignable, undefined);
      });
    }

    for (const status of [429, 500, 502, 503]) {
      it(`has learned nothing from a server in trouble (${status}), after one repetition`, async () => {
        fixture.fault({ kind: "status", status }, "before", { times: 9, match: { path: /me$/ } });
        const { connection, pauses } = fixture.process();
        const seen = await connection.preflight();
        assert.equal(seen.kind, "unavailable");
        assert.deepEqual(
          fixture.log.filter((line) => line === ME),
          [ME, ME],
        );
        assert.equal(pauses.length, 1);
        assert.equal(await connection.preflight(), seen);
      });
    }

    it("has learned nothing from a server that is away", async () => {
      const { connection } = fixture.process();
      await fixture.stop();
      const seen = await connection.preflight();
      assert(seen.kind === "unavailable");
      assert.equal(seen.error.kind, "unreachable");
    });

    it("tells settings that cannot work from that", async () => {
      const { connection } = fixture.process({
        credential: { ...fixture.admin, value: "sk_wrong_key" },
      });
      const seen = await connection.preflight();
      assert(seen.kind === "refused");
      assert.equal(seen.error.kind, "unauthenticated");

      const wrong = await bearer("env_nope").preflight();
      assert(wrong.kind === "refused");
      assert.equal(wrong.error.kind, "wrong_environment");

      const elsewhere = fixture.process({
        baseUrl: `${fixture.emulator.url}/nothing/v1`,
      }).connection;
      const lost = await elsewhere.preflight();
      assert(lost.kind === "refused");
      assert.equal(lost.error.kind, "malformed_answer");
    });
  });

  it("says of a credential without a user that it is one, and not that the program is wrong", async () => {
    const body = { code: "not_found", message: "User not found", http_status_code: 404 };
    fixture.fault({ kind: "status", status: 404, body }, "before", { match: { path: /me$/ } });
    const seen = await fixture.process().connection.preflight();
    assert(seen.kind === "refused");
    assert.match(seen.error.fix, /^the server accepts the credential, but has no user behind it/);
  });

  // The preflight has its own client, but creates use the clock that it sets.
  it("knows the server's clock after a preflight as well", async () => {
    const late = await UnitFixture.start({ serverAheadMs: 60 * SECOND });
    try {
      const { connection } = late.process();
      await connection.preflight();
      assert.equal(connection.api.serverNow(), START + 60 * SECOND);
    } finally {
      await late.stop();
    }
  });

  it("believes any Date header only where its world says so", async () => {
    const late = await UnitFixture.start({ serverAheadMs: 3_600 * SECOND });
    try {
      const offsets = [undefined, false, true].map(async (trustsDateHeader) => {
        const connection = new Connection({
          baseUrl: late.emulator.url,
          credential: late.admin,
          platform: {
            ...late.platform(),
            ...(trustsDateHeader === undefined ? {} : { trustsDateHeader }),
          },
        });
        await connection.caller();
        return connection.api.serverNow() - START;
      });
      assert.deepEqual(await Promise.all(offsets), [0, 0, 3_600 * SECOND]);
    } finally {
      await late.stop();
    }
  });

  it("makes, forgets and waits without a journal too", async () => {
    const { connection } = fixture.process();
    await connection.recover(async () => assert.fail("nothing to say"));
    assert.equal(await connection.waitForKeys(["k"], async () => assert.fail()), false);
    connection.forgetPending(fixture.operator.tenantId, { id: "user_1", name: "ci" });
    assert.deepEqual(fixture.log, [ME]);
  });

  it("works in the real world, with a journal and ids of its own", async () => {
    const platform = realPlatform();
    const before = platform.now();
    await platform.sleep(1);
    assert(platform.now() >= before && platform.random() < 1);
    const connection = new Connection({
      baseUrl: fixture.emulator.url,
      credential: fixture.admin,
      platform,
    });
    const caller = await connection.caller();
    const account = await connection.creates.account(
      { namePrefix: "ci", roles: ["event_reader"] },
      caller,
    );
    assert.equal((await connection.reads.account(account.id))?.name, account.name);
  });

  it("takes no mistake of its own for an answer of the server's", async () => {
    const { connection } = fixture.process();
    const mistake = new TypeError("a mistake");
    connection.assignableRoles = () => Promise.reject(mistake);
    await assert.rejects(connection.preflight(), mistake);
  });
});
