import assert from "node:assert/strict";
import { functionSettingsFailures } from "../../../provider/lifecycle/preview-checks";
import { FlexpriceError } from "../../../provider/shared/errors";
import {
  type AccountInputs,
  FINGERPRINT,
  failureOf,
  type KeyInputs,
  MINUTE,
  ONCE,
  type ProviderProcess,
  reasons,
  token,
  UNKNOWN,
  UnitFixture,
} from "../fixture";

const ME = "GET /users/me";
const ASSIGNABLE = "GET /rbac/roles?user_type=service_account";
const SOURCE = "The credential from config key flexprice:apiKey";
const BUILT_IN = "Allowed roles: event_ingestor, event_reader, super_admin.";

describe("lifecycle/preview-checks", () => {
  const fixture = UnitFixture.forEachTest();

  const account = async (
    { accounts }: ProviderProcess,
    roles: unknown,
    more: Record<string, unknown> = {},
  ) => reasons(await accounts.check({}, { name: "a", roles, ...more } as AccountInputs));
  const key = async ({ keys }: ProviderProcess, more: Record<string, unknown> = {}) =>
    reasons(await keys.check({}, { name: "k", ...more } as unknown as KeyInputs));
  const user = (roles: string[]) => {
    const { accessToken } = fixture.emulator.createUser(fixture.operator.tenantId, roles);
    const { environmentId } = fixture.operator;
    return fixture.process({ credential: token(accessToken), environmentId });
  };

  it("asks once a process, however many resources there are", async () => {
    const process = fixture.process();
    const { id } = fixture.emulator.createAccount(fixture.operator.tenantId, {
      roles: ["event_reader"],
    });
    const checks = Array.from({ length: 5 }, () => account(process, ["event_reader"]));
    assert.deepEqual(await Promise.all(checks), Array(5).fill([]));
    assert.deepEqual(fixture.log.sort(), [ASSIGNABLE, ME]);
    await Promise.all(Array.from({ length: 5 }, () => key(process, { serviceAccountId: id })));
    await account(process, ["event_ingestor"]);
    assert.deepEqual(fixture.log.slice(2), ["POST /users/search"]);
    assert.deepEqual(process.warnings, []);
  });

  it("asks nothing when it is turned off", async () => {
    const process = fixture.process({ preflight: false });
    assert.deepEqual(await account(process, ["event_reader"]), []);
    assert.deepEqual(await account(process, ["auditor"]), [
      `roles: Invalid role: auditor. ${BUILT_IN}`,
    ]);
    assert.deepEqual(await key(process, { serviceAccountId: "user_nope" }), []);
    assert.deepEqual([fixture.log, process.warnings], [[], []]);
  });

  it("asks nothing where the connection is not known yet", async () => {
    const process = fixture.process();
    assert.deepEqual(await account(process, ["event_reader"], { connection: UNKNOWN }), []);
    assert.deepEqual(await key(process, { connection: UNKNOWN }), []);
    assert.deepEqual(fixture.log, []);
  });

  it("warns where no credential is configured, and checks what it can", async () => {
    const process = fixture.process({ configured: false });
    assert.deepEqual(await account(process, ["auditor"]), [
      `roles: Invalid role: auditor. ${BUILT_IN}`,
    ]);
    assert.deepEqual(process.warnings, [
      'No Flexprice credential is configured: roles are checked against the built-in list, and the server is not asked anything. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.',
    ]);
    assert.deepEqual(fixture.log, []);
  });

  it("warns where the server cannot be reached, and goes on with the built-in list", async () => {
    const process = fixture.process();
    await fixture.stop();
    assert.deepEqual(await account(process, ["event_reader"]), []);
    assert.deepEqual(await account(process, ["auditor"]), [
      `roles: Invalid role: auditor. ${BUILT_IN}`,
    ]);
    assert.equal(process.warnings.length, 2); // the log shows the same text only once
    const [warning = ""] = process.warnings;
    assert.match(
      warning,
      /^Flexprice could not be queried; roles are only checked against the built-in list\. Could not (?:find out who the credential belongs to|list the roles that the server offers)\./,
    );
    assert.match(warning, /ECONNREFUSED/);
    assert.match(warning, /check flexprice:baseUrl \(or FLEXPRICE_BASE_URL\)/);
  });

  it("warns where the server is in trouble", async () => {
    const process = fixture.process();
    fixture.fault({ kind: "status", status: 503 }, "before", { times: 9 });
    assert.deepEqual(await key(process, { serviceAccountId: "user_nope" }), []);
    assert.match(process.warnings[0] ?? "", /^Flexprice could not be queried; .*answered 503/s);
  });

  it("fails for a rejected credential: where it is from, what to do, and not what it is", async () => {
    const value = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const source = "environment variable FLEXPRICE_API_KEY";
    const process = fixture.process({ credential: { kind: "apiKey", value, source } });
    const [reason = "", ...others] = await account(process, ["event_reader"]);
    assert.deepEqual(others, []);
    assert.match(reason, /^Could not (find out who|list the roles)/);
    assert.match(reason, /Reason: Flexprice answered 401: Unauthorized/);
    assert.match(reason, /check the credential from environment variable FLEXPRICE_API_KEY/);
    assert.match(reason, /refresh and destroy use the config of the last update/);
    assert(!reason.includes(value) && !reason.includes("FAKME"));
    assert.deepEqual(await key(process), [reason]);
    assert.deepEqual(process.warnings, []);
  });

  it("fails where something else than Flexprice answers", async () => {
    const process = fixture.process({ baseUrl: `${fixture.emulator.url}/nothing` });
    const [reason = ""] = await account(process, ["event_reader"]);
    assert.match(reason, /Flexprice answered 404: 404 page not found/);
    assert.match(reason, /is a Flexprice API \(it ends in \/v1\)/);
  });

  it("lets the roles that the server offers win over the built-in list", async () => {
    const roles = [{ id: "auditor", permissions: { event: ["read"] } }];
    fixture.fault({ kind: "status", status: 200, body: { roles } }, "before", {
      match: { path: /roles/ },
    });
    const process = fixture.process();
    assert.deepEqual(await account(process, ["auditor"]), []);
    assert.deepEqual(await account(process, ["event_reader"]), [
      "roles: Invalid role: event_reader. Allowed roles: auditor.",
    ]);
  });

  it("keeps to the built-in list where the server keeps its roles to itself", async () => {
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
      match: { path: /roles/ },
    });
    assert.deepEqual(await account(fixture.process(), ["custom_role"]), [
      `roles: Invalid role: custom_role. ${BUILT_IN}`,
    ]);
  });

  describe("who may create accounts", () => {
    const may = async (process: ProviderProcess, wanted: string) => account(process, [wanted]);

    it("a super_admin, user or service account: any", async () => {
      const { credential } = fixture.accountWithKey(["super_admin"], "robot");
      for (const process of [fixture.process(), fixture.process({ credential })]) {
        assert.deepEqual(await may(process, "super_admin"), []);
        assert.deepEqual(await may(process, "event_reader"), []);
      }
      assert(!fixture.log.includes("GET /rbac/roles"));
    });

    it("a user with all_writer: what they hold themselves", async () => {
      const process = user(["all_writer"]);
      const { id } = await process.connection.caller();
      assert.deepEqual(await may(process, "event_reader"), []);
      assert.deepEqual(await may(process, "super_admin"), [
        `roles: The credential from config key flexprice:accessToken (user ${id} with all_writer) cannot grant super_admin, which holds "*" on "*": callers can only grant permissions that they have.`,
      ]);
      assert.equal(fixture.log.filter((line) => line === "GET /rbac/roles").length, 1);
    });

    for (const roles of [["event_ingestor"], ["event_ingestor", "event_reader"]]) {
      it(`a service account with ${roles.join(" and ")}: none`, async () => {
        const { id, credential } = fixture.accountWithKey(roles);
        assert.deepEqual(await may(fixture.process({ credential }), "event_reader"), [
          `${SOURCE} (service account ${id} with ${roles.join(", ")}) may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.`,
        ]);
      });
    }

    it("a user with all_reader: none", async () => {
      const [reason = ""] = await may(user(["all_reader"]), "event_reader");
      assert.match(reason, /^The credential .* with all_reader\) may not create service accounts/);
    });

    it("a caller without any role: none", async () => {
      const [reason = ""] = await may(user([]), "event_reader");
      assert.match(reason, /with no role\) may not create service accounts/);
    });

    it("is left to the server where its roles cannot be read", async () => {
      const { credential } = fixture.accountWithKey(["event_ingestor"]);
      fixture.fault({ kind: "status", status: 403 }, "before", {
        match: { path: /roles$/ },
        times: 9,
      });
      assert.deepEqual(await may(fixture.process({ credential }), "event_reader"), []);
    });

    it("is not asked about roles that are not known yet", async () => {
      assert.deepEqual(await account(user(["all_writer"]), [UNKNOWN, "event_reader"]), []);
      assert.deepEqual(await account(user(["all_writer"]), UNKNOWN), []);
    });

    it("does not matter for an account that is there and stays", async () => {
      const { credential } = fixture.accountWithKey(["event_ingestor"]);
      const { accounts } = fixture.process({ credential });
      const inputs = { name: "a", roles: ["event_reader"] };
      assert.deepEqual(reasons(await accounts.check(inputs, { ...inputs, name: "b" })), []);
      assert.equal(
        reasons(await accounts.check(inputs, { ...inputs, roles: ["super_admin"] })).length,
        1,
      );
    });

    it("does not matter when adopt is removed", async () => {
      const { credential } = fixture.accountWithKey(["event_ingestor"]);
      const { accounts } = fixture.process({ credential });
      const inputs = { name: "a", roles: ["event_reader"] };
      assert.deepEqual(reasons(await accounts.check({ ...inputs, adopt: "user_1" }, inputs)), []);
    });
  });

  describe("who may make keys of an account", () => {
    let serviceAccountId: string;
    beforeEach(() => {
      const { tenantId } = fixture.operator;
      serviceAccountId = fixture.emulator.createAccount(tenantId, { roles: ["event_reader"] }).id;
    });

    it("a user with super_admin, by key or by token", async () => {
      const { accessToken, environmentId } = fixture.operator;
      const byToken = fixture.process({ credential: token(accessToken), environmentId });
      assert.deepEqual(await key(fixture.process(), { serviceAccountId }), []);
      assert.deepEqual(await key(byToken, { serviceAccountId }), []);
    });

    it("no service account, also not with super_admin; but a key for itself", async () => {
      const { id, credential } = fixture.accountWithKey(["super_admin"], "robot");
      const process = fixture.process({ credential });
      const refused = [
        `serviceAccountId: ${SOURCE} is service account ${id} with super_admin: only a user with super_admin can create keys for a service account.`,
      ];
      assert.deepEqual(await key(process, { serviceAccountId }), refused);
      assert.deepEqual(await key(process, { serviceAccountId: UNKNOWN }), refused);
      assert.deepEqual(await key(process), []);
    });

    for (const roles of [["all_writer"], ["all_reader"]]) {
      it(`no user with ${roles}`, async () => {
        const [reason = ""] = await key(user(roles), { serviceAccountId });
        assert.match(reason, new RegExp(`is user user_\\w+ with ${roles}: only a user with super`));
      });
    }

    it("nobody with a token but no environment", async () => {
      const process = fixture.process({ credential: token(fixture.operator.accessToken) });
      assert.deepEqual(await key(process, { serviceAccountId }), [
        'The credential from config key flexprice:accessToken is an access token, and keys belong to an environment: set flexprice:environmentId ("pulumi config set flexprice:environmentId env_…").',
      ]);
    });

    it("nobody for an account that is not there, archived or of another tenant", async () => {
      const other = fixture.emulator.createTenant();
      const foreign = fixture.emulator.createAccount(other.tenantId, {
        roles: ["event_reader"],
      }).id;
      fixture.emulator.archiveAccount(serviceAccountId);
      fixture.clock.now += 11 * MINUTE;
      for (const id of ["user_nope", foreign, serviceAccountId]) {
        const [reason = "", ...more] = await key(fixture.process(), { serviceAccountId: id });
        assert.deepEqual(more, []);
        assert.match(
          reason,
          new RegExp(
            `^serviceAccountId: Could not create a key for ${id}\\.\\n {2}Reason: the credential's tenant has no service account ${id}, or it is archived`,
          ),
        );
      }
    });

    it("is not decided by a server in trouble", async () => {
      const process = fixture.process({ retry: ONCE });
      fixture.fault({ kind: "status", status: 500 }, "before", { match: { path: /search/ } });
      assert.deepEqual(await key(process, { serviceAccountId: "user_nope" }), []);
      await failureOf(
        process.keys.create({ name: "k", type: "private_key", serviceAccountId: "user_nope" }),
        "not_found",
      );
    });

    it("does not matter for a key that is there and stays", async () => {
      const { credential } = fixture.accountWithKey(["super_admin"], "robot");
      const { keys } = fixture.process({ credential });
      const inputs = { name: "k", type: "private_key", serviceAccountId };
      assert.deepEqual(reasons(await keys.check(inputs, { ...inputs, onDelete: "revoke" })), []);
      assert.equal(reasons(await keys.check(inputs, { ...inputs, name: "k2" })).length, 1);
    });
  });

  describe("the settings of a program's functions", () => {
    const REFUSED =
      /^this program's functions and resources have different settings: the server, credential or environment differs\. .* set the same FLEXPRICE_ variables in both, or use the stack's config$/;

    it("pass where its resources have the same, and are no input", async () => {
      const { accounts, keys } = fixture.process();
      const __functions = { "": FINGERPRINT, eu: `${FINGERPRINT}eu` };
      const checks = [
        await accounts.check({}, { roles: ["event_reader"], __functions } as AccountInputs),
        await keys.check({}, { type: "private_key", __functions } as KeyInputs),
      ];
      for (const checked of checks) {
        assert.deepEqual(reasons(checked), []);
        assert.equal(Object.hasOwn(checked.inputs ?? {}, "__functions"), false);
      }
    });

    it("fail the check where its resources have others", async () => {
      const process = fixture.process();
      const __functions = { "": "another" };
      const refusals = [
        await account(process, ["event_reader"], { __functions }),
        await key(process, { __functions }),
      ];
      for (const [reason = "", ...others] of refusals) {
        assert.match(reason, REFUSED);
        assert.deepEqual(others, []);
      }
      assert.deepEqual(fixture.writes, []);
    });

    it("are compared also where the resource is there and stays", async () => {
      const inputs = { name: "a", roles: ["event_reader"] };
      const { accounts } = fixture.process();
      const news = { ...inputs, __functions: { "": "another" } };
      assert.match(reasons(await accounts.check(inputs, news))[0] ?? "", REFUSED);
    });

    it("are compared for each connection by itself", () => {
      const settings = new Map([
        [undefined, "a"],
        ["eu", "b"],
      ]);
      const fingerprint = (name: string | undefined) => settings.get(name) ?? assert.fail();
      const differing = (__functions: Record<string, string>) =>
        reasons({ failures: functionSettingsFailures({ fingerprint }, { __functions }) });
      assert.deepEqual(differing({ "": "a", eu: "b" }), []);
      assert.deepEqual(differing({}), []);
      const [reason = "", ...others] = differing({ "": "a", eu: "c" });
      assert.match(
        reason,
        /^this program's functions and resources have different settings for connection "eu": /,
      );
      assert.deepEqual(others, []);
    });

    it("differ from settings that cannot be used", () => {
      const failing = (error: Error) => () => {
        throw error;
      };
      const unusable = new FlexpriceError({
        kind: "configuration",
        operation: "use a connection",
        reason: "there is none",
        fix: "set it.",
      });
      const news = { __functions: { eu: "a" } };
      assert.equal(functionSettingsFailures({ fingerprint: failing(unusable) }, news).length, 1);
      const bug = new RangeError("a bug");
      assert.throws(() => functionSettingsFailures({ fingerprint: failing(bug) }, news), bug);
    });
  });
});
