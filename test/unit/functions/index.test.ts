import assert from "node:assert/strict";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "../../../provider";
import { DAY, START, UnitFixture } from "../fixture";

const CONFIG = "config key flexprice:apiKey";
const { getMonitor, setMockOptions, setMocks, setAllConfig, allConfig, runInPulumiStack } =
  pulumi.runtime;

describe("functions", () => {
  const originalConfig = allConfig();
  const environment = { ...process.env };
  const fixture = UnitFixture.forEachTest();
  beforeEach(async () => {
    await mock(false);
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("FLEXPRICE_")) delete process.env[name];
    }
    useApiKey(fixture.operator.apiKey);
  });
  afterEach(() => {
    setAllConfig(originalConfig);
    process.env = { ...environment };
  });

  /** Replaces the engine: in a preview, ids are unknown. */
  async function mock(preview: boolean): Promise<void> {
    const mocks: pulumi.runtime.Mocks = {
      newResource: ({ name, inputs }) => ({ id: preview ? undefined : name, state: inputs }),
      call: () => assert.fail("no function is called"),
    };
    await setMocks(mocks);
    const monitor: object = getMonitor() ?? assert.fail("there are no mocks");
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(monitor)).map((name) => [
      name,
      Reflect.get(monitor, name).bind(monitor),
    ]);
    // Without mocks: with them, no function sends a request.
    setMockOptions(Object.fromEntries(methods), "project", "stack", preview);
  }
  function configure(config: Record<string, string>): void {
    setAllConfig({ "flexprice:baseUrl": fixture.emulator.url, ...config });
  }
  function useApiKey(apiKey: string): void {
    configure({ "flexprice:apiKey": apiKey });
  }
  function useAccessToken(): void {
    configure({ "flexprice:accessToken": fixture.operator.accessToken });
  }
  function addAccount(name: string, ...roles: string[]): string {
    return fixture.addAccount({ name, roles }).id;
  }
  /** The message of a function, which must fail with this kind. */
  async function failureOf(result: Promise<unknown>, kind: flexprice.ErrorKind): Promise<string> {
    const error = await result.then(
      (value) => assert.fail(`no failure: ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    );
    assert(error instanceof flexprice.LookupError, String(error));
    assert.equal(error.kind, kind);
    // For these errors, Pulumi only shows the message.
    assert(pulumi.RunError.isInstance(error));
    assert.equal(error.stack, error.message);
    return error.message;
  }
  function resolved<T>(output: pulumi.Output<T>): Promise<T> {
    return new Promise((resolve) => output.apply(resolve));
  }

  describe("getServiceAccount", () => {
    it("finds an account by its id and by its name", async () => {
      const id = addAccount("ci", "event_reader", "event_ingestor", "event_reader");
      addAccount("other", "event_reader");
      const found = {
        id,
        name: "ci",
        roles: ["event_ingestor", "event_reader"],
        tenantId: fixture.operator.tenantId,
      };
      assert.deepEqual(await flexprice.getServiceAccount({ id }), found);
      assert.deepEqual(await flexprice.getServiceAccount({ name: "ci" }), found);
      assert.deepEqual(await resolved(flexprice.getServiceAccountOutput({ id })), found);
      const name = pulumi.output("ci");
      assert.deepEqual(await resolved(flexprice.getServiceAccountOutput({ name })), found);
    });

    it("fails if no account has the id", async () => {
      const archived = addAccount("ci", "event_reader");
      fixture.emulator.archiveAccount(archived);
      const foreign = fixture.addForeignAccount({ roles: ["event_reader"] });
      for (const id of [archived, foreign.id, "user_nope", ""]) {
        assert.equal(
          await failureOf(flexprice.getServiceAccount({ id }), "not_found"),
          `Could not look up service account ${id}.\n  Reason: the tenant of the credential from ${CONFIG} has no service account with this id, or it is archived\n  What to do: correct the id, or the credential if the account belongs to another tenant.`,
        );
      }
    });

    it("fails if no account has the name, and shows a similar name", async () => {
      addAccount("usage-ingestor", "event_ingestor");
      for (const [name, similar] of [
        ["Usage-Ingestor", '; there is "usage-ingestor"'],
        ["usage-ingest", '; there is "usage-ingestor"'],
        ["ci", ""],
      ] as const) {
        assert.equal(
          await failureOf(flexprice.getServiceAccount({ name }), "not_found"),
          `Could not look up service account "${name}".\n  Reason: no service account has this name (archived ones do not count)${similar}\n  What to do: correct the name, upper and lower case included, or look the account up by its id.`,
        );
      }
    });

    it("fails if several accounts have the name, and shows up to ten ids", async () => {
      const ids = Array.from({ length: 3 }, () => addAccount("twin", "event_reader")).reverse();
      const assertFails = async (count: number, list: string) =>
        assert.equal(
          await failureOf(flexprice.getServiceAccount({ name: "twin" }), "refused"),
          `Could not look up service account "twin".\n  Reason: ${count} service accounts have this name: ${list}\n  What to do: look it up by its id: names are not unique.`,
        );
      await assertFails(3, ids.join(", "));
      for (let i = 0; i < 9; i++) ids.unshift(addAccount("twin", "event_reader"));
      await assertFails(12, `${ids.slice(0, 10).join(", ")} and 2 more`);
    });

    it("rejects invalid arguments without a request", async () => {
      const fix =
        "\n  What to do: correct the arguments of the function; if they are outputs of a resource, call the function whose name ends in Output.";
      const either = "either id or name is needed, and not both";
      for (const [args, reason] of [
        [{}, either],
        [{ id: undefined }, either],
        [{ id: "user_1", name: "ci" }, either],
        [{ id: pulumi.output("user_1") }, "id: must be a string"],
        [{ nmae: "ci" }, `unknown property nmae; ${either}`],
        [{ id: "user_1", nmae: "ci" }, "unknown property nmae"],
        [{ id: "user_1", connection: "" }, "connection: must name a connection"],
      ] as const) {
        assert.equal(
          await failureOf(
            flexprice.getServiceAccount(args as unknown as flexprice.GetServiceAccountArgs),
            "invalid",
          ),
          `Could not look up a service account.\n  Reason: ${reason}${fix}`,
        );
      }
      assert.deepEqual(fixture.log, []);
    });
  });

  describe("getServiceAccounts", () => {
    it("lists all accounts, or those with a name or a role", async () => {
      const reader = addAccount("ci", "event_reader");
      const ingestor = addAccount("ci", "event_ingestor");
      const readerAndIngestor = addAccount("both", "event_reader", "event_ingestor");
      const ids = async (args?: flexprice.GetServiceAccountsArgs) =>
        (await flexprice.getServiceAccounts(args)).map(({ id }) => id);
      assert.deepEqual(await ids(), [readerAndIngestor, ingestor, reader]);
      assert.deepEqual(await ids({ role: "event_reader" }), [readerAndIngestor, reader]);
      assert.deepEqual(await ids({ name: "ci" }), [ingestor, reader]);
      assert.deepEqual(await ids({ name: "ci", role: "event_ingestor" }), [ingestor]);
      assert.deepEqual(await ids({ name: "CI" }), []);
      const output = flexprice.getServiceAccountsOutput({ role: pulumi.output("event_reader") });
      assert.deepEqual(
        (await resolved(output)).map(({ id }) => id),
        [readerAndIngestor, reader],
      );
    });

    it("rejects a misspelled role, unless the server does not show the roles", async () => {
      assert.deepEqual(await flexprice.getServiceAccounts({ role: "super_admin" }), []);
      assert.match(
        await failureOf(flexprice.getServiceAccounts({ role: "event_ingester" }), "invalid"),
        /Reason: Invalid role: event_ingester\. Allowed roles: event_ingestor, event_reader, super_admin\. Did you mean "event_ingestor"\?\n {2}What to do: correct the role\.$/,
      );
      assert.match(
        await failureOf(flexprice.getServiceAccounts({ role: "all_reader" }), "invalid"),
        /\(users can hold it, service accounts cannot\)/,
      );
      // Without an environment, the server does not show roles to an access token.
      useAccessToken();
      assert.deepEqual(await flexprice.getServiceAccounts({ role: "event_ingester" }), []);
    });

    it("fails if the caller may not read users", async () => {
      useApiKey(fixture.accountWithKey(["event_reader"]).credential.value);
      assert.equal(
        await failureOf(flexprice.getServiceAccounts(), "forbidden"),
        `Could not look up service accounts.\n  Reason: Flexprice answered 403: insufficient permissions (POST ${fixture.emulator.url}/users/search)\n  What to do: use a credential with a role that may read users (now: ${CONFIG}).`,
      );
    });
  });

  describe("getApiKeys", () => {
    it("lists the private keys of one owner or of all, without their values", async () => {
      const { userId } = fixture.operator;
      const owner = addAccount("ci", "event_reader", "event_ingestor");
      const plain = fixture.addKey(owner, { name: "plain" });
      const expiresAt = new Date(START - DAY);
      const expired = fixture.addKey(owner, { name: "expired", expiresAt });
      fixture.emulator.revokeKey(fixture.addKey(owner, { name: "revoked" }).id);
      const type = "publishable_key";
      fixture.addKey(owner, { name: "never listed", type });
      fixture.emulator.archiveAccount(owner);
      const found = await flexprice.getApiKeys({ serviceAccountId: owner });
      const common = {
        type: "private_key",
        roles: ["event_ingestor", "event_reader"],
        userId: owner,
        userType: "service_account",
      };
      assert.deepEqual(found, [
        {
          id: expired.id,
          displayId: expired.displayId,
          name: "expired",
          ...common,
          expiresAt: expiresAt.toISOString().replace(".000", ""),
          createdAt: found[0]?.createdAt,
        },
        {
          id: plain.id,
          displayId: plain.displayId,
          name: "plain",
          ...common,
          createdAt: found[1]?.createdAt,
        },
      ]);
      for (const { createdAt } of found) assert.match(createdAt, /^2026-11-24T08:00:00\.\d+Z$/);
      assert.deepEqual(
        (await flexprice.getApiKeys()).map(({ name }) => name),
        ["expired", "plain", "admin key"],
      );
      const own = flexprice.getApiKeysOutput({ serviceAccountId: pulumi.output(userId) });
      assert.deepEqual(
        (await resolved(own)).map(({ name, userType }) => [name, userType]),
        [["admin key", "user"]],
      );
      assert.deepEqual(await flexprice.getApiKeys({ serviceAccountId: "user_nope" }), []);
    });

    it("fails for a caller that only sees its own keys, unless it asks for these", async () => {
      const { id, credential } = fixture.accountWithKey(["super_admin"]);
      const otherAccount = addAccount("other", "event_reader");
      useApiKey(credential.value);
      for (const [args, keys] of [
        [{}, "API keys"],
        [{ serviceAccountId: otherAccount }, `the API keys of ${otherAccount}`],
      ] as const) {
        assert.equal(
          await failureOf(flexprice.getApiKeys(args), "forbidden"),
          `Could not look up ${keys}.\n  Reason: the credential from ${CONFIG} is service account ${id} with super_admin: Flexprice only shows it its own keys\n  What to do: use a credential of a user with super_admin, or ask for its own keys with serviceAccountId: "${id}".`,
        );
      }
      const own = await flexprice.getApiKeys({ serviceAccountId: id });
      assert.deepEqual(
        own.map(({ userId }) => userId),
        [id],
      );
    });

    it("fails for a caller that may not read keys", async () => {
      const { id, credential } = fixture.accountWithKey(["event_reader"]);
      useApiKey(credential.value);
      assert.match(
        await failureOf(flexprice.getApiKeys({ serviceAccountId: id }), "forbidden"),
        /^Could not look up the API keys of user_\w+\.\n {2}Reason: Flexprice answered 403: insufficient permissions .*\n {2}What to do: use a credential with a role that may read secrets \(now/,
      );
    });
  });

  it("getApiKeys and getRoles fail for an access token without an environment", async () => {
    useAccessToken();
    for (const getter of [flexprice.getApiKeys, flexprice.getRoles]) {
      assert.match(
        await failureOf(getter(), "wrong_environment"),
        /What to do: set flexprice:environmentId \(or FLEXPRICE_ENVIRONMENT_ID\)/,
      );
    }
  });

  it("getRoles lists every role in alphabetical order, and whether a service account can have it", async () => {
    const roles = await flexprice.getRoles();
    assert.deepEqual(
      roles.map(({ id, assignable }) => [id, assignable]),
      [
        ["all_reader", false],
        ["all_writer", false],
        ["event_ingestor", true],
        ["event_reader", true],
        ["super_admin", true],
      ],
    );
    assert.deepEqual(roles[2], {
      id: "event_ingestor",
      name: "Event Ingestor",
      description:
        "Provides write-only access to event ingestion. Intended for services that only submit events.",
      permissions: { event: ["write"] },
      assignable: true,
    });
    useApiKey(fixture.accountWithKey(["event_reader"]).credential.value);
    assert.deepEqual(await resolved(flexprice.getRolesOutput()), roles);
  });

  describe("getCaller", () => {
    it("returns the user or service account of the credential", async () => {
      const { userId, tenantId } = fixture.operator;
      assert.deepEqual(await flexprice.getCaller(), {
        id: userId,
        type: "user",
        name: "",
        roles: ["super_admin"],
        tenantId,
      });
      const { id, credential } = fixture.accountWithKey(["event_reader"]);
      useApiKey(credential.value);
      assert.deepEqual(await resolved(flexprice.getCallerOutput()), {
        id,
        type: "service_account",
        name: "weak",
        roles: ["event_reader"],
        tenantId,
      });
    });

    it("fails for a key that is invalid, revoked or expired, and does not show it", async () => {
      const { userId } = fixture.operator;
      const expired = fixture.addKey(userId, { name: "expired" });
      fixture.emulator.expireKey(expired.id);
      const revoked = fixture.addKey(userId, { name: "revoked" });
      fixture.emulator.revokeKey(revoked.id);
      for (const value of [expired.value, revoked.value, "sk_01WRONGWRONGWRONG"]) {
        useApiKey(value);
        const message = await failureOf(flexprice.getCaller(), "unauthenticated");
        assert.match(
          message,
          /^Could not look up who the credential belongs to\.\n {2}Reason: Flexprice answered 401: Unauthorized .*\n {2}What to do: check the credential from config key flexprice:apiKey/,
        );
        assert(!message.includes(value));
      }
    });
  });

  describe("each of them", () => {
    it("uses the connection that it names", async () => {
      const other = fixture.emulator.createTenant();
      configure({
        "flexprice:apiKey": fixture.operator.apiKey,
        "flexprice:connections": JSON.stringify({ other: { apiKey: other.apiKey } }),
      });
      const connection = "other";
      assert.equal((await flexprice.getCaller({ connection })).tenantId, other.tenantId);
      const [key] = await flexprice.getApiKeys({ connection });
      assert.equal(key?.userId, other.userId);
      const output = flexprice.getCallerOutput({ connection: pulumi.output(connection) });
      assert.equal((await resolved(output)).tenantId, other.tenantId);
      assert.match(
        await failureOf(flexprice.getRoles({ connection: "toher" }), "configuration"),
        /connection "toher" does not exist; configured: other/,
      );
    });

    it("uses environment variables, and fails if no credential is configured", async () => {
      setAllConfig({});
      assert.equal(
        await failureOf(flexprice.getServiceAccount({ name: "ci" }), "configuration"),
        'Could not look up service account "ci".\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.',
      );
      process.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
      process.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
      assert.equal((await flexprice.getCaller()).id, fixture.operator.userId);
    });

    it("names itself in the error of a request that it shares with others", async () => {
      fixture.respondWith(403, { body: { message: "no" } });
      await runInPulumiStack(async () => {
        const [byId, byName] = await Promise.all([
          failureOf(flexprice.getServiceAccount({ id: "user_1" }), "forbidden"),
          failureOf(flexprice.getServiceAccount({ name: "ci" }), "forbidden"),
        ]);
        assert.match(byId, /^Could not look up service account user_1\./);
        assert.match(byName, /^Could not look up service account "ci"\./);
      });
      assert.deepEqual(fixture.log, ["POST /users/search"]);
    });

    it("shares its requests with others of the same run, and reads the caller once", async () => {
      const owner = addAccount("ci", "event_reader");
      const callAll = () =>
        Promise.all([
          flexprice.getServiceAccount({ name: "ci" }),
          flexprice.getServiceAccount({ id: owner }),
          flexprice.getServiceAccounts(),
          flexprice.getApiKeys(),
          flexprice.getApiKeys({ serviceAccountId: owner }),
          flexprice.getCaller(),
          flexprice.getRoles(),
        ]);
      const lists = [
        "GET /rbac/roles",
        "GET /rbac/roles?user_type=service_account",
        "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc",
        "POST /users/search",
      ];
      await runInPulumiStack(async () => {
        await callAll();
        assert.deepEqual(fixture.log.sort(), [...lists, "GET /users/me"].sort());
        fixture.emulator.clearRequests();
        await callAll();
        assert.deepEqual(fixture.log.sort(), lists);
      });
      fixture.emulator.clearRequests();
      // A later run in the same process, as in the Automation API, may have other settings.
      const { credential, id } = fixture.accountWithKey(["event_reader"]);
      useApiKey(credential.value);
      await runInPulumiStack(async () => {
        assert.equal((await flexprice.getCaller()).id, id);
      });
      assert.deepEqual(fixture.log, ["GET /users/me"]);
    });

    it("completes before the run ends, even if the program does not wait for it", async () => {
      const caller = flexprice.getCaller();
      await pulumi.runtime.disconnect();
      assert.deepEqual(
        fixture.emulator.requests.map(({ status }) => status),
        [200],
      );
      await caller;
    });

    it("sends no request in a preview if its arguments are unknown", async () => {
      const requestsIn = async (preview: boolean) => {
        await mock(preview);
        const { id, urn } = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
        const output = flexprice.getServiceAccountsOutput({ name: id });
        await resolved(urn);
        // In the meantime, the other function would send its request too.
        await flexprice.getCaller();
        if (!preview) await resolved(output);
        return fixture.log.sort();
      };
      assert.deepEqual(await requestsIn(true), ["GET /users/me"]);
      fixture.emulator.clearRequests();
      assert.deepEqual(await requestsIn(false), ["GET /users/me", "POST /users/search"]);
    });

    it("loads the HTTP client when it is called, not with the package", async () => {
      const root = join(__dirname, "..", "..", "..", "provider");
      const heavy =
        /[\\/]undici[\\/]|provider[\\/](functions[\\/]queries|session[\\/](connection|connection-pool)|api[\\/]client)\.ts$/;
      const loaded = () =>
        Object.keys(require.cache).filter((path) => path.startsWith(root) || heavy.test(path));
      const loadedHeavy = () => loaded().filter((path) => heavy.test(path));
      const originalCache = loaded().map((path) => [path, require.cache[path]] as const);
      const clearCache = () => {
        for (const path of loaded()) delete require.cache[path];
      };
      try {
        clearCache();
        const reloaded: typeof flexprice = require("../../../provider");
        assert.notDeepEqual(loaded(), []);
        assert.deepEqual(loadedHeavy(), []);
        await reloaded.getCaller();
        assert.equal(loadedHeavy().filter((path) => path.startsWith(root)).length, 4);
      } finally {
        clearCache();
        for (const [path, module] of originalCache) require.cache[path] = module;
      }
    });
  });

  describe("with mocks, each of them", () => {
    const calls: pulumi.runtime.MockCallArgs[] = [];
    async function mockResults(results: Record<string, object>): Promise<void> {
      calls.length = 0;
      const mocks: pulumi.runtime.Mocks = {
        newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
        call: (args) => {
          calls.push(args);
          return results[args.token] ?? {};
        },
      };
      await setMocks(mocks, "project", "stack", false);
      await pulumi.runtime.disconnect();
    }

    it("returns the result of the mocks without a request", async () => {
      const account = {
        id: "user_1",
        name: "ci",
        roles: ["event_reader"],
        tenantId: "tenant_1",
      };
      await mockResults({
        "flexprice:index:getServiceAccount": account,
        "flexprice:index:getServiceAccounts": { accounts: [account] },
        "flexprice:index:getApiKeys": { keys: [] },
        "flexprice:index:getRoles": { roles: [] },
        "flexprice:index:getCaller": { ...account, type: "user" },
      });
      assert.deepEqual(await flexprice.getServiceAccount({ name: "ci" }), account);
      assert.deepEqual(
        calls.map(({ token, inputs }) => [token, inputs]),
        [["flexprice:index:getServiceAccount", { name: "ci" }]],
      );
      assert.deepEqual(await flexprice.getServiceAccounts(), [account]);
      assert.deepEqual(await flexprice.getApiKeys(), []);
      assert.deepEqual(await flexprice.getRoles(), []);
      assert.deepEqual(await flexprice.getCaller(), { ...account, type: "user" });
      const id = pulumi.output("user_1");
      assert.deepEqual(await resolved(flexprice.getServiceAccountOutput({ id })), account);
      assert.deepEqual(fixture.log, []);
    });

    it("fails if the mocks return no result for it, or an invalid one", async () => {
      await mockResults({ "flexprice:index:getRoles": { roles: "all" } });
      assert.equal(
        await failureOf(flexprice.getCaller(), "configuration"),
        "Could not call getCaller in a test with mocks.\n  Reason: the mocks' call returned {} for flexprice:index:getCaller\n  What to do: let call return the result for this token.",
      );
      assert.match(
        await failureOf(flexprice.getRoles(), "configuration"),
        /call returned {"roles":"all"} for flexprice:index:getRoles\n.*an object whose one property is the list/,
      );
      assert.deepEqual(fixture.log, []);
    });
  });
});
