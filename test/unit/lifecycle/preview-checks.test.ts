import assert from "node:assert/strict";
import { functionSettingsFailures } from "../../../provider/lifecycle/preview-checks";
import { FlexpriceError } from "../../../provider/shared/errors";
import {
  type AccountInputs,
  credential,
  FINGERPRINT,
  failureOf,
  type KeyInputs,
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

describe("a preview", () => {
  const fixture = UnitFixture.forEachTest();

  let provider: ProviderProcess;
  beforeEach(() => {
    provider = fixture.process();
  });

  const checkAccount = async (roles: unknown, overrides: Record<string, unknown> = {}) =>
    reasons(await provider.accounts.check({}, { name: "a", roles, ...overrides } as AccountInputs));
  const checkKey = async (overrides: Record<string, unknown> = {}) =>
    reasons(await provider.keys.check({}, { name: "k", ...overrides } as unknown as KeyInputs));
  const startAsUser = (roles: string[]) => {
    const { accessToken } = fixture.emulator.createUser(fixture.operator.tenantId, roles);
    const { environmentId } = fixture.operator;
    provider = fixture.process({ credential: token(accessToken), environmentId });
  };
  const startAsAccount = (roles: string[]) => {
    const { id, credential } = fixture.accountWithKey(roles);
    provider = fixture.process({ credential });
    return id;
  };
  const INVALID_ROLE = [`roles: Invalid role: auditor. ${BUILT_IN}`];

  it("sends the same requests for one resource and for many", async () => {
    const { id } = fixture.addAccount({ roles: ["event_reader"] });
    const checks = Array.from({ length: 5 }, () => checkAccount(["event_reader"]));
    assert.deepEqual(await Promise.all(checks), Array(5).fill([]));
    assert.deepEqual(fixture.log.sort(), [ASSIGNABLE, ME]);
    await Promise.all(Array.from({ length: 5 }, () => checkKey({ serviceAccountId: id })));
    await checkAccount(["event_ingestor"]);
    assert.deepEqual(fixture.log.slice(2), ["POST /users/search"]);
    assert.deepEqual(provider.warnings, []);
  });

  it("sends no request if preflight is false, and uses the built-in list of roles", async () => {
    provider = fixture.process({ preflight: false });
    assert.deepEqual(await checkAccount(["event_reader"]), []);
    assert.deepEqual(await checkAccount(["auditor"]), INVALID_ROLE);
    assert.deepEqual(await checkKey({ serviceAccountId: "user_nope" }), []);
    assert.deepEqual([fixture.log, provider.warnings], [[], []]);
  });

  it("sends no request if the connection is unknown", async () => {
    assert.deepEqual(await checkAccount(["event_reader"], { connection: UNKNOWN }), []);
    assert.deepEqual(await checkKey({ connection: UNKNOWN }), []);
    assert.deepEqual(fixture.log, []);
  });

  it("warns if no credential is configured, and uses the built-in list of roles", async () => {
    provider = fixture.process({ configured: false });
    assert.deepEqual(await checkAccount(["auditor"]), INVALID_ROLE);
    assert.deepEqual(provider.warnings, [
      'No Flexprice credential is configured: roles are checked against the built-in list, and the server is not asked anything. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.',
    ]);
    assert.deepEqual(fixture.log, []);
  });

  it("warns if the server is unreachable, and uses the built-in list of roles", async () => {
    await fixture.stop();
    assert.deepEqual(await checkAccount(["event_reader"]), []);
    assert.deepEqual(await checkAccount(["auditor"]), INVALID_ROLE);
    assert.equal(provider.warnings.length, 2); // the log shows the same text only once
    const [warning = ""] = provider.warnings;
    assert.match(
      warning,
      /^Flexprice could not be queried; roles are only checked against the built-in list\. Could not (?:find out who the credential belongs to|list the roles that the server offers)\./,
    );
    assert.match(warning, /ECONNREFUSED/);
    assert.match(warning, /check flexprice:baseUrl \(or FLEXPRICE_BASE_URL\)/);
  });

  it("warns of a server error, and accepts what it cannot check", async () => {
    fixture.respondWith(503, { times: 9 });
    assert.deepEqual(await checkKey({ serviceAccountId: "user_nope" }), []);
    assert.match(provider.warnings[0] ?? "", /^Flexprice could not be queried; .*answered 503/s);
  });

  it("fails for a rejected credential, and shows its source but not its value", async () => {
    const value = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const source = "environment variable FLEXPRICE_API_KEY";
    provider = fixture.process({ credential: credential(value, source) });
    const [reason = "", ...others] = await checkAccount(["event_reader"]);
    assert.deepEqual(others, []);
    assert.match(reason, /^Could not (find out who|list the roles)/);
    assert.match(reason, /Reason: Flexprice answered 401: Unauthorized/);
    assert.match(reason, /check the credential from environment variable FLEXPRICE_API_KEY/);
    assert.match(reason, /refresh and destroy use the config of the last update/);
    assert(!reason.includes(value) && !reason.includes("FAKME"));
    assert.deepEqual(await checkKey(), [reason]);
    assert.deepEqual(provider.warnings, []);
  });

  it("fails if another server than Flexprice responds", async () => {
    provider = fixture.process({ baseUrl: `${fixture.emulator.url}/nothing` });
    const [reason = ""] = await checkAccount(["event_reader"]);
    assert.match(reason, /Flexprice answered 404: 404 page not found/);
    assert.match(reason, /is a Flexprice API \(it ends in \/v1\)/);
  });

  it("uses the roles that the server offers instead of the built-in list", async () => {
    const roles = [{ id: "auditor", permissions: { event: ["read"] } }];
    fixture.respondWith(200, { body: { roles }, match: { path: /roles/ } });
    assert.deepEqual(await checkAccount(["auditor"]), []);
    assert.deepEqual(await checkAccount(["event_reader"]), [
      "roles: Invalid role: event_reader. Allowed roles: auditor.",
    ]);
  });

  it("uses the built-in list if the credential may not read the roles", async () => {
    fixture.respondWith(403, { body: { message: "no" }, match: { path: /roles/ } });
    assert.deepEqual(await checkAccount(["auditor"]), INVALID_ROLE);
  });

  describe("of a new account", () => {
    for (const [caller, start] of [
      ["a user", () => {}],
      ["a service account", () => startAsAccount(["super_admin"])],
    ] as const) {
      it(`accepts every role for ${caller} with super_admin`, async () => {
        start();
        assert.deepEqual(await checkAccount(["super_admin"]), []);
        assert.deepEqual(await checkAccount(["event_reader"]), []);
        assert(!fixture.log.includes("GET /rbac/roles"));
      });
    }

    it("accepts the roles whose permissions a user with all_writer has, and rejects others", async () => {
      startAsUser(["all_writer"]);
      const { id } = await provider.connection.caller();
      assert.deepEqual(await checkAccount(["event_reader"]), []);
      assert.deepEqual(await checkAccount(["super_admin"]), [
        `roles: The credential from config key flexprice:accessToken (user ${id} with all_writer) cannot grant super_admin, which holds "*" on "*": callers can only grant permissions that they have.`,
      ]);
      assert.equal(fixture.log.filter((line) => line === "GET /rbac/roles").length, 1);
    });

    for (const roles of [["event_ingestor"], ["event_ingestor", "event_reader"]]) {
      it(`rejects a service account with ${roles.join(" and ")} as the caller`, async () => {
        const id = startAsAccount(roles);
        assert.deepEqual(await checkAccount(["event_reader"]), [
          `${SOURCE} (service account ${id} with ${roles.join(", ")}) may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.`,
        ]);
      });
    }

    for (const [caller, roles, shown] of [
      ["a user with all_reader", ["all_reader"], "all_reader"],
      ["a user without a role", [], "no role"],
    ] as const) {
      it(`rejects ${caller} as the caller`, async () => {
        startAsUser([...roles]);
        const [reason = ""] = await checkAccount(["event_reader"]);
        assert.match(
          reason,
          new RegExp(`^The credential .* with ${shown}\\) may not create service accounts`),
        );
      });
    }

    it("accepts every caller if the permissions of its roles cannot be read", async () => {
      startAsAccount(["event_ingestor"]);
      fixture.respondWith(403, { match: { path: /roles$/ }, times: 9 });
      assert.deepEqual(await checkAccount(["event_reader"]), []);
    });

    it("accepts unknown roles", async () => {
      startAsUser(["all_writer"]);
      assert.deepEqual(await checkAccount([UNKNOWN, "event_reader"]), []);
      assert.deepEqual(await checkAccount(UNKNOWN), []);
    });
  });

  it("only checks whether the caller may create an account if one is created", async () => {
    startAsAccount(["event_ingestor"]);
    const { accounts } = provider;
    const inputs = { name: "a", roles: ["event_reader"] };
    assert.deepEqual(reasons(await accounts.check(inputs, { ...inputs, name: "b" })), []);
    assert.deepEqual(reasons(await accounts.check({ ...inputs, adopt: "user_1" }, inputs)), []);
    const replacement = { ...inputs, roles: ["super_admin"] };
    assert.equal(reasons(await accounts.check(inputs, replacement)).length, 1);
  });

  describe("of a new key", () => {
    let serviceAccountId: string;
    beforeEach(() => {
      serviceAccountId = fixture.addAccount({ roles: ["event_reader"] }).id;
    });

    it("accepts a user with super_admin as the caller, by key and by access token", async () => {
      assert.deepEqual(await checkKey({ serviceAccountId }), []);
      const { accessToken, environmentId } = fixture.operator;
      provider = fixture.process({ credential: token(accessToken), environmentId });
      assert.deepEqual(await checkKey({ serviceAccountId }), []);
    });

    it("rejects a service account with super_admin as the caller, unless the key is its own", async () => {
      const id = startAsAccount(["super_admin"]);
      const rejected = [
        `serviceAccountId: ${SOURCE} is service account ${id} with super_admin: only a user with super_admin can create keys for a service account.`,
      ];
      assert.deepEqual(await checkKey({ serviceAccountId }), rejected);
      assert.deepEqual(await checkKey({ serviceAccountId: UNKNOWN }), rejected);
      assert.deepEqual(await checkKey(), []);
    });

    for (const role of ["all_writer", "all_reader"]) {
      it(`rejects a user with ${role} as the caller`, async () => {
        startAsUser([role]);
        const [reason = ""] = await checkKey({ serviceAccountId });
        assert.match(reason, new RegExp(`is user user_\\w+ with ${role}: only a user with super`));
      });
    }

    it("rejects an access token without an environment", async () => {
      provider = fixture.process({ credential: token(fixture.operator.accessToken) });
      assert.deepEqual(await checkKey({ serviceAccountId }), [
        'The credential from config key flexprice:accessToken is an access token, and keys belong to an environment: set flexprice:environmentId ("pulumi config set flexprice:environmentId env_…").',
      ]);
    });

    it("rejects an account that is missing, archived or of another tenant", async () => {
      const foreign = fixture.addForeignAccount({ roles: ["event_reader"] }).id;
      fixture.emulator.archiveAccount(serviceAccountId);
      fixture.passReplicaLag();
      for (const id of ["user_nope", foreign, serviceAccountId]) {
        provider = fixture.process();
        const [reason = "", ...others] = await checkKey({ serviceAccountId: id });
        assert.deepEqual(others, []);
        assert.match(
          reason,
          new RegExp(
            `^serviceAccountId: Could not create a key for ${id}\\.\\n {2}Reason: the credential's tenant has no service account ${id}, or it is archived`,
          ),
        );
      }
    });

    it("accepts an account that it cannot look up because of a server error", async () => {
      provider = fixture.process({ retry: ONCE });
      fixture.respondWith(500, { match: { path: /search/ } });
      const serviceAccountId = "user_nope";
      assert.deepEqual(await checkKey({ serviceAccountId }), []);
      const inputs = { name: "k", type: "private_key", serviceAccountId };
      await failureOf(provider.keys.create(inputs), "not_found");
    });

    it("only checks whether the caller may create a key if one is created", async () => {
      startAsAccount(["super_admin"]);
      const { keys } = provider;
      const inputs = { name: "k", type: "private_key", serviceAccountId };
      assert.deepEqual(reasons(await keys.check(inputs, { ...inputs, onDelete: "revoke" })), []);
      assert.equal(reasons(await keys.check(inputs, { ...inputs, name: "k2" })).length, 1);
    });
  });

  describe("of a program whose functions and resources may have different settings", () => {
    const DIFFERENT =
      /^this program's functions and resources have different settings: the server, credential or environment differs\. .* set the same FLEXPRICE_ variables in both, or use the stack's config$/;

    it("accepts equal settings, and removes them from the inputs", async () => {
      const __functions = { "": FINGERPRINT, eu: `${FINGERPRINT}eu` };
      const { accounts, keys } = provider;
      for (const checked of [
        await accounts.check({}, { roles: ["event_reader"], __functions } as AccountInputs),
        await keys.check({}, { type: "private_key", __functions } as KeyInputs),
      ]) {
        assert.deepEqual(reasons(checked), []);
        assert.equal(Object.hasOwn(checked.inputs ?? {}, "__functions"), false);
      }
    });

    it("rejects different settings, of new and of unchanged resources", async () => {
      const __functions = { "": "another" };
      const inputs = { name: "a", roles: ["event_reader"] };
      for (const [reason = "", ...others] of [
        await checkAccount(["event_reader"], { __functions }),
        await checkKey({ __functions }),
        reasons(await provider.accounts.check(inputs, { ...inputs, __functions } as AccountInputs)),
      ]) {
        assert.match(reason, DIFFERENT);
        assert.deepEqual(others, []);
      }
      assert.deepEqual(fixture.writes, []);
    });

    it("compares each connection by itself", () => {
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

    it("rejects settings if the resources' own are invalid, and passes other errors on", () => {
      const failing = (error: Error) => () => {
        throw error;
      };
      const invalid = new FlexpriceError({
        kind: "configuration",
        operation: "use a connection",
        reason: "there is none",
        fix: "set it.",
      });
      const news = { __functions: { eu: "a" } };
      assert.equal(functionSettingsFailures({ fingerprint: failing(invalid) }, news).length, 1);
      const bug = new RangeError("a bug");
      assert.throws(() => functionSettingsFailures({ fingerprint: failing(bug) }, news), bug);
    });
  });
});
