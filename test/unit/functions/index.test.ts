import assert from "node:assert/strict";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "../../../provider";
import { DAY, START, UnitFixture } from "../fixture";

const CONFIG = "config key flexprice:apiKey";
const { getMonitor, setMockOptions, setMocks, setAllConfig, allConfig, runInPulumiStack } =
  pulumi.runtime;

describe("functions", () => {
  const configBefore = allConfig();
  const environment = { ...process.env };
  const fixture = UnitFixture.forEachTest();
  beforeEach(async () => {
    await mock(false);
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("FLEXPRICE_")) delete process.env[name];
    }
    use(fixture.operator.apiKey);
  });
  afterEach(() => {
    setAllConfig(configBefore);
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
  function use(apiKey: string): void {
    setAllConfig({ "flexprice:baseUrl": fixture.emulator.url, "flexprice:apiKey": apiKey });
  }
  function account(name: string, ...roles: string[]): string {
    return fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles }).id;
  }
  /** The message of a function, which must fail with this kind. */
  async function failure(result: Promise<unknown>, kind: flexprice.ErrorKind): Promise<string> {
    const error = await result.then(
      (value) => assert.fail(`no failure: ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    );
    assert(error instanceof flexprice.LookupError, String(error));
    assert.equal(error.kind, kind);
    // Makes Pulumi only show the message.
    assert(pulumi.RunError.isInstance(error));
    assert.equal(error.stack, error.message);
    return error.message;
  }
  function known<T>(output: pulumi.Output<T>): Promise<T> {
    return new Promise((resolve) => output.apply(resolve));
  }

  describe("getServiceAccount", () => {
    it("finds an account by its id or its name", async () => {
      const id = account("ci", "event_reader", "event_ingestor", "event_reader");
      account("other", "event_reader");
      const found = {
        id,
        name: "ci",
        roles: ["event_ingestor", "event_reader"],
        tenantId: fixture.operator.tenantId,
      };
      assert.deepEqual(await flexprice.getServiceAccount({ id }), found);
      assert.deepEqual(await flexprice.getServiceAccount({ name: "ci" }), found);
      assert.deepEqual(await known(flexprice.getServiceAccountOutput({ id })), found);
      const name = pulumi.output("ci");
      assert.deepEqual(await known(flexprice.getServiceAccountOutput({ name })), found);
    });

    it("says so when there is none with the id", async () => {
      const archived = account("ci", "event_reader");
      fixture.emulator.archiveAccount(archived);
      const foreign = fixture.emulator.createAccount(fixture.emulator.createTenant().tenantId, {
        roles: ["event_reader"],
      });
      for (const id of [archived, foreign.id, "user_nope", ""]) {
        assert.equal(
          await failure(flexprice.getServiceAccount({ id }), "not_found"),
          `Could not look up service account ${id}.\n  Reason: the tenant of the credential from ${CONFIG} has no service account with this id, or it is archived\n  What to do: correct the id, or the credential if the account belongs to another tenant.`,
        );
      }
    });

    it("says so when there is none with the name, and which one comes near", async () => {
      account("usage-ingestor", "event_ingestor");
      const near = (more: string) =>
        `Reason: no service account has this name (archived ones do not count)${more}\n  What to do: correct the name, upper and lower case included, or look the account up by its id.`;
      for (const [name, more] of [
        ["Usage-Ingestor", '; there is "usage-ingestor"'],
        ["usage-ingest", '; there is "usage-ingestor"'],
        ["ci", ""],
      ] as const) {
        assert.equal(
          await failure(flexprice.getServiceAccount({ name }), "not_found"),
          `Could not look up service account "${name}".\n  ${near(more)}`,
        );
      }
    });

    it("takes none of several with the name, and names them", async () => {
      const ids = Array.from({ length: 3 }, () => account("twin", "event_reader")).reverse();
      const told = (list: string, count: number) =>
        `Could not look up service account "twin".\n  Reason: ${count} service accounts have this name: ${list}\n  What to do: look it up by its id: names are not unique.`;
      const twin = () => failure(flexprice.getServiceAccount({ name: "twin" }), "refused");
      assert.equal(await twin(), told(ids.join(", "), 3));
      for (let i = 0; i < 9; i++) ids.unshift(account("twin", "event_reader"));
      assert.equal(await twin(), told(`${ids.slice(0, 10).join(", ")} and 2 more`, 12));
    });

    it("takes either id or name, as texts", async () => {
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
          await failure(
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
    it("lists all, or those that match", async () => {
      const [a, b] = [account("ci", "event_reader"), account("ci", "event_ingestor")];
      const c = account("both", "event_reader", "event_ingestor");
      const ids = async (args?: flexprice.GetServiceAccountsArgs) =>
        (await flexprice.getServiceAccounts(args)).map(({ id }) => id);
      assert.deepEqual(await ids(), [c, b, a]);
      assert.deepEqual(await ids({ role: "event_reader" }), [c, a]);
      assert.deepEqual(await ids({ name: "ci" }), [b, a]);
      assert.deepEqual(await ids({ name: "ci", role: "event_ingestor" }), [b]);
      assert.deepEqual(await ids({ name: "CI" }), []);
      const output = flexprice.getServiceAccountsOutput({ role: pulumi.output("event_reader") });
      assert.deepEqual(
        (await known(output)).map(({ id }) => id),
        [c, a],
      );
    });

    it("does not take a slip in the role for a role that nobody has", async () => {
      assert.deepEqual(await flexprice.getServiceAccounts({ role: "super_admin" }), []);
      assert.match(
        await failure(flexprice.getServiceAccounts({ role: "event_ingester" }), "invalid"),
        /Reason: Invalid role: event_ingester\. Allowed roles: event_ingestor, event_reader, super_admin\. Did you mean "event_ingestor"\?\n {2}What to do: correct the role\.$/,
      );
      assert.match(
        await failure(flexprice.getServiceAccounts({ role: "all_reader" }), "invalid"),
        /\(users can hold it, service accounts cannot\)/,
      );
      setAllConfig({
        "flexprice:baseUrl": fixture.emulator.url,
        "flexprice:accessToken": fixture.operator.accessToken,
      });
      // Without an environment, the server does not show roles to an access token.
      assert.deepEqual(await flexprice.getServiceAccounts({ role: "event_ingester" }), []);
    });

    it("fails for who may not read users", async () => {
      use(fixture.accountWithKey(["event_reader"]).credential.value);
      assert.equal(
        await failure(flexprice.getServiceAccounts(), "forbidden"),
        `Could not look up service accounts.\n  Reason: Flexprice answered 403: insufficient permissions (POST ${fixture.emulator.url}/users/search)\n  What to do: use a credential with a role that may read users (now: ${CONFIG}).`,
      );
    });
  });

  describe("getApiKeys", () => {
    it("lists keys without their values, those of an owner or all", async () => {
      const { environmentId, userId } = fixture.operator;
      const owner = account("ci", "event_reader", "event_ingestor");
      const plain = fixture.emulator.createKey(owner, environmentId, { name: "plain" });
      const expired = fixture.emulator.createKey(owner, environmentId, {
        name: "expired",
        expiresAt: new Date(START - DAY),
      });
      fixture.emulator.revokeKey(
        fixture.emulator.createKey(owner, environmentId, { name: "no" }).id,
      );
      const type = "publishable_key";
      fixture.emulator.createKey(owner, environmentId, { name: "never listed", type });
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
          expiresAt: new Date(START - DAY).toISOString().replace(".000", ""),
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
        (await known(own)).map(({ name, userType }) => [name, userType]),
        [["admin key", "user"]],
      );
      assert.deepEqual(await flexprice.getApiKeys({ serviceAccountId: "user_nope" }), []);
    });

    it("fails, and does not show less than there is, for who sees no keys of others", async () => {
      const { id, credential } = fixture.accountWithKey(["super_admin"]);
      const other = account("other", "event_reader");
      use(credential.value);
      const told = (what: string) =>
        `Could not look up ${what}.\n  Reason: the credential from ${CONFIG} is service account ${id} with super_admin: Flexprice only shows it its own keys\n  What to do: use a credential of a user with super_admin, or ask for its own keys with serviceAccountId: "${id}".`;
      assert.equal(await failure(flexprice.getApiKeys(), "forbidden"), told("API keys"));
      assert.equal(
        await failure(flexprice.getApiKeys({ serviceAccountId: other }), "forbidden"),
        told(`the API keys of ${other}`),
      );
      const own = await flexprice.getApiKeys({ serviceAccountId: id });
      assert.deepEqual(
        own.map(({ userId }) => userId),
        [id],
      );
    });

    it("fails for a key that may not even list its own, and for a token without environment", async () => {
      const { id, credential } = fixture.accountWithKey(["event_reader"]);
      use(credential.value);
      assert.match(
        await failure(flexprice.getApiKeys({ serviceAccountId: id }), "forbidden"),
        /^Could not look up the API keys of user_\w+\.\n {2}Reason: Flexprice answered 403: insufficient permissions .*\n {2}What to do: use a credential with a role that may read secrets \(now/,
      );
      const baseUrl = fixture.emulator.url;
      setAllConfig({
        "flexprice:baseUrl": baseUrl,
        "flexprice:accessToken": fixture.operator.accessToken,
      });
      for (const getter of [flexprice.getApiKeys, flexprice.getRoles]) {
        assert.match(
          await failure(getter(), "wrong_environment"),
          /What to do: set flexprice:environmentId \(or FLEXPRICE_ENVIRONMENT_ID\)/,
        );
      }
    });
  });

  it("getRoles tells every role, which of them a service account can be given, in a steady order", async () => {
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
    use(fixture.accountWithKey(["event_reader"]).credential.value);
    assert.deepEqual(await known(flexprice.getRolesOutput()), roles);
  });

  describe("getCaller", () => {
    it("tells who the credential is", async () => {
      const { userId, tenantId } = fixture.operator;
      assert.deepEqual(await flexprice.getCaller(), {
        id: userId,
        type: "user",
        name: "",
        roles: ["super_admin"],
        tenantId,
      });
      const { id, credential } = fixture.accountWithKey(["event_reader"]);
      use(credential.value);
      assert.deepEqual(await known(flexprice.getCallerOutput()), {
        id,
        type: "service_account",
        name: "weak",
        roles: ["event_reader"],
        tenantId,
      });
    });

    it("fails with a key that is wrong, revoked or expired", async () => {
      const { userId, environmentId } = fixture.operator;
      const expired = fixture.emulator.createKey(userId, environmentId, { name: "old" });
      fixture.emulator.expireKey(expired.id);
      const revoked = fixture.emulator.createKey(userId, environmentId, { name: "dead" });
      fixture.emulator.revokeKey(revoked.id);
      for (const value of [expired.value, revoked.value, "sk_01WRONGWRONGWRONG"]) {
        use(value);
        const message = await failure(flexprice.getCaller(), "unauthenticated");
        assert.match(
          message,
          /^Could not look up who the credential belongs to\.\n {2}Reason: Flexprice answered 401: Unauthorized .*\n {2}What to do: check the credential from config key flexprice:apiKey/,
        );
        assert(!message.includes(value));
      }
    });
  });

  describe("of any kind", () => {
    it("take the connection that they name", async () => {
      const other = fixture.emulator.createTenant();
      setAllConfig({
        "flexprice:baseUrl": fixture.emulator.url,
        "flexprice:apiKey": fixture.operator.apiKey,
        "flexprice:connections": JSON.stringify({ other: { apiKey: other.apiKey } }),
      });
      const connection = "other";
      assert.equal((await flexprice.getCaller({ connection })).tenantId, other.tenantId);
      const [key] = await flexprice.getApiKeys({ connection });
      assert.equal(key?.userId, other.userId);
      const output = flexprice.getCallerOutput({ connection: pulumi.output(connection) });
      assert.equal((await known(output)).tenantId, other.tenantId);
      assert.match(
        await failure(flexprice.getRoles({ connection: "toher" }), "configuration"),
        /connection "toher" does not exist; configured: other/,
      );
    });

    it("take the environment variables, and say what is missing", async () => {
      setAllConfig({});
      assert.equal(
        await failure(flexprice.getServiceAccount({ name: "ci" }), "configuration"),
        'Could not look up service account "ci".\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.',
      );
      process.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
      process.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
      assert.equal((await flexprice.getCaller()).id, fixture.operator.userId);
    });

    it("each tell a shared failure as their own", async () => {
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      await runInPulumiStack(async () => {
        const [a, b] = [{ id: "user_1" }, { name: "ci" }].map((args) =>
          failure(
            flexprice.getServiceAccount(args as flexprice.GetServiceAccountArgs),
            "forbidden",
          ),
        );
        assert.match((await a) ?? "", /^Could not look up service account user_1\./);
        assert.match((await b) ?? "", /^Could not look up service account "ci"\./);
      });
      assert.deepEqual(fixture.log, ["POST /users/search"]);
    });

    it("share requests in a run of a program, and ask once who the caller is", async () => {
      const owner = account("ci", "event_reader");
      const look = () =>
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
        await look();
        assert.deepEqual(fixture.log.sort(), [...lists, "GET /users/me"].sort());
        fixture.emulator.clearRequests();
        await look();
        assert.deepEqual(fixture.log.sort(), lists);
      });
      fixture.emulator.clearRequests();
      // A later run in the same process, as in the Automation API, may have other settings.
      const { credential, id } = fixture.accountWithKey(["event_reader"]);
      use(credential.value);
      await runInPulumiStack(async () => {
        assert.equal((await flexprice.getCaller()).id, id);
      });
      assert.deepEqual(fixture.log, ["GET /users/me"]);
    });

    it("hold the end of the run up, also where the program does not wait for them", async () => {
      const looked = flexprice.getCaller();
      await pulumi.runtime.disconnect();
      assert.deepEqual(
        fixture.emulator.requests.map(({ status }) => status),
        [200],
      );
      await looked;
    });

    it("look nothing up in a preview whose arguments are unknown", async () => {
      const lookedUp = async (preview: boolean) => {
        await mock(preview);
        const { id, urn } = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
        const output = flexprice.getServiceAccountsOutput({ name: id });
        await known(urn);
        // In the meantime, the other function would send its request too.
        await flexprice.getCaller();
        if (!preview) await known(output);
        return fixture.log.sort();
      };
      assert.deepEqual(await lookedUp(true), ["GET /users/me"]);
      fixture.emulator.clearRequests();
      assert.deepEqual(await lookedUp(false), ["GET /users/me", "POST /users/search"]);
    });

    it("load an HTTP client only when one is called", async () => {
      const root = join(__dirname, "..", "..", "..", "provider");
      const heavy =
        /[\\/]undici[\\/]|provider[\\/](functions[\\/]queries|session[\\/](connection|connection-pool)|api[\\/]client)\.ts$/;
      const loaded = () =>
        Object.keys(require.cache).filter((path) => path.startsWith(root) || heavy.test(path));
      const heavyOnes = () => loaded().filter((path) => heavy.test(path));
      const before = loaded().map((path) => [path, require.cache[path]] as const);
      const forget = () => {
        for (const path of loaded()) delete require.cache[path];
      };
      try {
        forget();
        const fresh: typeof flexprice = require("../../../provider");
        assert.notDeepEqual(loaded(), []);
        assert.deepEqual(heavyOnes(), []);
        await fresh.getCaller();
        assert.equal(heavyOnes().filter((path) => path.startsWith(root)).length, 4);
      } finally {
        forget();
        for (const [path, module] of before) require.cache[path] = module;
      }
    });
  });

  describe("under setMocks", () => {
    const calls: pulumi.runtime.MockCallArgs[] = [];
    async function answerWith(answers: Record<string, object>): Promise<void> {
      calls.length = 0;
      const mocks: pulumi.runtime.Mocks = {
        newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
        call: (args) => {
          calls.push(args);
          return answers[args.token] ?? {};
        },
      };
      await setMocks(mocks, "project", "stack", false);
      await pulumi.runtime.disconnect();
    }

    it("get what the mocks answer, and send nothing", async () => {
      const account = { id: "user_1", name: "ci", roles: ["event_reader"], tenantId: "tenant_1" };
      await answerWith({
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
      assert.deepEqual(await known(flexprice.getServiceAccountOutput({ id })), account);
      assert.deepEqual(fixture.log, []);
    });

    it("say which result is missing", async () => {
      await answerWith({ "flexprice:index:getRoles": { roles: "all" } });
      assert.equal(
        await failure(flexprice.getCaller(), "configuration"),
        "Could not call getCaller in a test with mocks.\n  Reason: the mocks' call returned {} for flexprice:index:getCaller\n  What to do: let call return the result for this token.",
      );
      assert.match(
        await failure(flexprice.getRoles(), "configuration"),
        /call returned {"roles":"all"} for flexprice:index:getRoles\n.*an object whose one property is the list/,
      );
      assert.deepEqual(fixture.log, []);
    });
  });
});
