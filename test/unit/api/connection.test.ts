import assert from "node:assert/strict";
import { failureOf, SECOND, START, Stage, token } from "../harness";

const ME = "GET /users/me";
const ASSIGNABLE = "GET /rbac/roles?user_type=service_account";

describe("api/connection", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  const bearer = (environmentId?: string) =>
    stage.process({
      credential: token(stage.operator.accessToken),
      ...(environmentId === undefined ? {} : { environmentId }),
    }).connection;

  it("knows whose environment keys are made in", () => {
    const { environmentId } = stage.operator;
    const facts = [stage.process(), stage.process({ environmentId })]
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
    const { connection } = stage.process();
    const callers = [...(await Promise.all([connection.caller(), connection.caller()]))];
    callers.push(await connection.caller());
    assert.deepEqual(callers[2], {
      id: stage.operator.userId,
      name: "",
      type: "user",
      roles: ["super_admin"],
      tenant: { id: stage.operator.tenantId },
    });
    assert.equal(new Set(callers).size, 1);
    await Promise.all([connection.allRoles(), connection.allRoles()]);
    await connection.allRoles();
    assert.deepEqual(stage.log, [ME, "GET /rbac/roles"]);
  });

  it("asks again after a failure", async () => {
    const { connection } = stage.process();
    const broken = { kind: "status", status: 401, body: { error: "Unauthorized" } } as const;
    stage.fault(broken, "before", { times: 2 });
    await failureOf(connection.caller(), "unauthenticated");
    await failureOf(connection.allRoles(), "unauthenticated");
    assert.equal((await connection.caller()).id, stage.operator.userId);
    assert.equal((await connection.allRoles()).length, 5);
  });

  describe("preflight", () => {
    it("learns the caller and what a service account can be given, once", async () => {
      const { connection } = stage.process();
      const seen = await Promise.all([connection.preflight(), connection.preflight()]);
      assert.equal(seen[0], seen[1]);
      assert.equal(seen[0], await connection.preflight());
      assert(seen[0].kind === "ready");
      assert.equal(seen[0].caller.id, stage.operator.userId);
      assert.deepEqual(seen[0].assignable?.map(({ id }) => id).sort(), [
        "event_ingestor",
        "event_reader",
        "super_admin",
      ]);
      await connection.caller();
      assert.deepEqual(stage.log.sort(), [ASSIGNABLE, ME]);
    });

    it("asks for no roles without the environment that they need", async () => {
      const seen = await bearer().preflight();
      assert(seen.kind === "ready");
      assert.equal(seen.assignable, undefined);
      assert.deepEqual(stage.log, [ME]);
    });

    for (const [status, body] of [
      [403, { message: "insufficient permissions" }],
      [404, { code: "not_found", message: "no" }],
    ] as const) {
      it(`does without roles that the server keeps to itself (${status})`, async () => {
        stage.fault({ kind: "status", status, body }, "before", { match: { path: /roles/ } });
        const seen = await stage.process().connection.preflight();
        assert(seen.kind === "ready");
        assert.equal(seen.assignable, undefined);
      });
    }

    for (const status of [429, 500, 502, 503]) {
      it(`has learned nothing from a server in trouble (${status}), after one repetition`, async () => {
        stage.fault({ kind: "status", status }, "before", { times: 9, match: { path: /me$/ } });
        const { connection, pauses } = stage.process();
        const seen = await connection.preflight();
        assert.equal(seen.kind, "unavailable");
        assert.deepEqual(
          stage.log.filter((line) => line === ME),
          [ME, ME],
        );
        assert.equal(pauses.length, 1);
        assert.equal(await connection.preflight(), seen);
      });
    }

    it("has learned nothing from a server that is away", async () => {
      const { connection } = stage.process();
      await stage.stop();
      const seen = await connection.preflight();
      assert(seen.kind === "unavailable");
      assert.equal(seen.error.kind, "unreachable");
    });

    it("tells settings that cannot work from that", async () => {
      const { connection } = stage.process({
        credential: { ...stage.admin, value: "sk_wrong_key" },
      });
      const seen = await connection.preflight();
      assert(seen.kind === "refused");
      assert.equal(seen.error.kind, "unauthenticated");

      const wrong = await bearer("env_nope").preflight();
      assert(wrong.kind === "refused");
      assert.equal(wrong.error.kind, "wrong_environment");

      const elsewhere = stage.process({ baseUrl: `${stage.emulator.url}/nothing/v1` }).connection;
      const lost = await elsewhere.preflight();
      assert(lost.kind === "refused");
      assert.equal(lost.error.kind, "malformed_answer");
    });
  });

  // The preflight has a client of its own; creates go by the clock that it learns of.
  it("knows the server's clock after a preflight as well", async () => {
    const late = await Stage.start({ serverAheadMs: 3_600 * SECOND });
    try {
      const { connection } = late.process();
      await connection.preflight();
      assert.equal(connection.routes.serverNow(), START + 3_600 * SECOND);
    } finally {
      await late.stop();
    }
  });
});
