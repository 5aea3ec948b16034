import assert from "node:assert/strict";
import { realPlatform } from "../../../provider/api/client";
import { Connection } from "../../../provider/session/connection";
import { failureOf, SECOND, START, token, UnitFixture } from "../fixture";

const ME = "GET /users/me";
const ASSIGNABLE = "GET /rbac/roles?user_type=service_account";

describe("session/connection", () => {
  const fixture = UnitFixture.forEachTest();

  const withToken = (environmentId?: string) =>
    fixture.process({
      credential: token(fixture.operator.accessToken),
      ...(environmentId === undefined ? {} : { environmentId }),
    }).connection;

  it("shows which environment keys are created in", () => {
    const { environmentId } = fixture.operator;
    const environments = [fixture.process(), fixture.process({ environmentId })]
      .map(({ connection }) => connection)
      .concat(withToken(), withToken(environmentId))
      .map(({ chosenEnvironment, lacksEnvironment }) => [chosenEnvironment, lacksEnvironment]);
    assert.deepEqual(environments, [
      [undefined, false],
      [undefined, false],
      [undefined, true],
      [environmentId, false],
    ]);
    assert.equal(withToken().credentialSource, "config key flexprice:accessToken");
  });

  it("asks once for the caller and the roles", async () => {
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
    it("reads the caller and the assignable roles once", async () => {
      const { connection } = fixture.process();
      const result = await Promise.all([connection.preflight(), connection.preflight()]);
      assert.equal(result[0], result[1]);
      assert.equal(result[0], await connection.preflight());
      assert(result[0].kind === "ready");
      assert.equal(result[0].caller.id, fixture.operator.userId);
      assert.deepEqual(result[0].assignable?.map(({ id }) => id).sort(), [
        "event_ingestor",
        "event_reader",
        "super_admin",
      ]);
      await connection.caller();
      assert.deepEqual(fixture.log.sort(), [ASSIGNABLE, ME]);
    });

    it("skips the roles without the environment that they need", async () => {
      const result = await withToken().preflight();
      assert(result.kind === "ready");
      assert.equal(result.assignable, undefined);
      assert.deepEqual(fixture.log, [ME]);
    });

    for (const [status, body] of [
      [403, { message: "insufficient permissions" }],
      [404, { code: "not_found", message: "no" }],
    ] as const) {
      it(`continues without roles if the server responds ${status}`, async () => {
        fixture.fault({ kind: "status", status, body }, "before", { match: { path: /roles/ } });
        const result = await fixture.process().connection.preflight();
        assert(result.kind === "ready");
        assert.equal(result.assignable, undefined);
      });
    }

    for (const status of [429, 500, 502, 503]) {
      it(`is unavailable after one retry if the server responds ${status}`, async () => {
        fixture.fault({ kind: "status", status }, "before", { times: 9, match: { path: /me$/ } });
        const { connection, pauses } = fixture.process();
        const result = await connection.preflight();
        assert.equal(result.kind, "unavailable");
        assert.deepEqual(
          fixture.log.filter((line) => line === ME),
          [ME, ME],
        );
        assert.equal(pauses.length, 1);
        assert.equal(await connection.preflight(), result);
      });
    }

    it("is unavailable if the server cannot be reached", async () => {
      const { connection } = fixture.process();
      await fixture.stop();
      const result = await connection.preflight();
      assert(result.kind === "unavailable");
      assert.equal(result.error.kind, "unreachable");
    });

    it("is refused with settings that cannot work", async () => {
      const { connection } = fixture.process({
        credential: { ...fixture.admin, value: "sk_wrong_key" },
      });
      const result = await connection.preflight();
      assert(result.kind === "refused");
      assert.equal(result.error.kind, "unauthenticated");

      const ofEnvironment = await withToken("env_nope").preflight();
      assert(ofEnvironment.kind === "refused");
      assert.equal(ofEnvironment.error.kind, "wrong_environment");

      const baseUrl = `${fixture.emulator.url}/nothing/v1`;
      const ofUrl = await fixture.process({ baseUrl }).connection.preflight();
      assert(ofUrl.kind === "refused");
      assert.equal(ofUrl.error.kind, "malformed_response");
    });
  });

  it("explains a credential that has no user", async () => {
    const body = { code: "not_found", message: "User not found", http_status_code: 404 };
    fixture.fault({ kind: "status", status: 404, body }, "before", { match: { path: /me$/ } });
    const result = await fixture.process().connection.preflight();
    assert(result.kind === "refused");
    assert.match(result.error.fix, /^the server accepts the credential, but has no user behind it/);
  });

  // The preflight has its own client, but creates use the clock that it sets.
  it("sets the server's clock in a preflight too", async () => {
    await fixture.start({ serverAheadMs: 60 * SECOND });
    const { connection } = fixture.process();
    await connection.preflight();
    assert.equal(connection.api.serverNow(), START + 60 * SECOND);
  });

  it("trusts any Date header only if the platform says so", async () => {
    await fixture.start({ serverAheadMs: 3_600 * SECOND });
    const offsets = [undefined, false, true].map(async (trustsDateHeader) => {
      const connection = new Connection({
        baseUrl: fixture.emulator.url,
        credential: fixture.admin,
        platform: {
          ...fixture.platform(),
          ...(trustsDateHeader === undefined ? {} : { trustsDateHeader }),
        },
      });
      await connection.caller();
      return connection.api.serverNow() - START;
    });
    assert.deepEqual(await Promise.all(offsets), [0, 0, 3_600 * SECOND]);
  });

  it("recovers, waits and forgets without a journal", async () => {
    const { connection } = fixture.process();
    await connection.recover(async () => assert.fail("nothing to say"));
    assert.equal(await connection.waitForKeys(["k"], async () => assert.fail()), false);
    connection.forgetPending(fixture.operator.tenantId, { id: "user_1", name: "ci" });
    assert.deepEqual(fixture.log, [ME]);
  });

  it("works on the real platform, with its own journal and ids", async () => {
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

  it("throws a bug in the preflight", async () => {
    const { connection } = fixture.process();
    const bug = new TypeError("a bug");
    connection.assignableRoles = () => Promise.reject(bug);
    await assert.rejects(connection.preflight(), bug);
  });
});
