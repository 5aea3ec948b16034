import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "../../provider";

interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly id: string | undefined;
}

// These texts are in the states of users: neither may ever change.
const ACCOUNT_TYPE = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
const KEY_TYPE = "pulumi-nodejs:dynamic/flexprice:ApiKey";
const ACCOUNT_PROVIDER =
  'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';
const KEY_PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey';

/** How Pulumi marks a secret in gRPC. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";
const SECRET_VALUE = "1b47061264138c4ac30d75fd1eb44270";

/** Prints the modules that the package loads in addition to Pulumi's. */
const LOADED_BY_INDEX = `
require("@pulumi/pulumi");
const before = new Set(Object.keys(require.cache));
require("./provider/index");
console.log(JSON.stringify(Object.keys(require.cache).filter((file) => !before.has(file))));
`;

describe("index", () => {
  const registered: Registered[] = [];
  before(async () => {
    await pulumi.runtime.setMocks(
      {
        newResource({ type, name, inputs, id }) {
          registered.push({ type, name, inputs, id });
          return { id: id === undefined || id === "" ? `${name}_id` : id, state: inputs };
        },
        call: () => assert.fail("no function is called"),
      },
      "project",
      "stack",
    );
  });

  function resolved(output: pulumi.Output<unknown>): Promise<unknown> {
    return new Promise((resolve) => output.apply(resolve));
  }

  /** The registration of the resource that the function creates. */
  async function registration(make: () => pulumi.CustomResource): Promise<Registered> {
    registered.length = 0;
    await new Promise((resolve) => make().urn.apply(resolve));
    const [one, ...others] = registered;
    assert(one);
    assert.deepEqual(others, []);
    return one;
  }

  it("exports the resources, the functions, and nothing else", () => {
    assert.deepEqual(Object.keys(flexprice).sort(), [
      "ApiKey",
      "LookupError",
      "ServiceAccount",
      "ServiceIdentity",
      "getApiKeys",
      "getApiKeysOutput",
      "getCaller",
      "getCallerOutput",
      "getRoles",
      "getRolesOutput",
      "getServiceAccount",
      "getServiceAccountOutput",
      "getServiceAccounts",
      "getServiceAccountsOutput",
      "setConnection",
    ]);
  });

  it("loads nothing into a program that only the provider process needs", function () {
    this.timeout(60_000);
    const { stdout } = spawnSync(
      process.execPath,
      ["-r", "ts-node/register/transpile-only", "-e", LOADED_BY_INDEX],
      { encoding: "utf8" },
    );
    const loaded: string[] = JSON.parse(stdout);
    assert(loaded.some((file) => file.endsWith("resources/api-key.ts")));
    const heavy = loaded.filter((file) => /node_modules|provider\/api|-lifecycle/.test(file));
    assert.deepEqual(heavy, []);
  });

  it("registers an account under its type, with the constant provider", async () => {
    const { type, name, inputs } = await registration(
      () => new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"] }),
    );
    assert.deepEqual([type, name], [ACCOUNT_TYPE, "ci"]);
    assert.deepEqual(inputs, {
      namePrefix: "ci",
      roles: ["event_ingestor"],
      __provider: ACCOUNT_PROVIDER,
    });
  });

  it("registers all inputs of an account", async () => {
    const args = {
      name: "CI",
      roles: ["event_ingestor"],
      forceDestroy: true,
      adopt: "user_1",
      connection: "india",
    };
    const { inputs } = await registration(() => new flexprice.ServiceAccount("ci", args));
    assert.deepEqual(inputs, { ...args, namePrefix: "ci", __provider: ACCOUNT_PROVIDER });
    const prefixed = { ...args, namePrefix: "robot" };
    const other = await registration(() => new flexprice.ServiceAccount("ci", prefixed));
    assert.deepEqual(other.inputs, { ...prefixed, __provider: ACCOUNT_PROVIDER });
  });

  it("resolves every input as an output", async () => {
    const account = {
      name: "CI",
      namePrefix: "ci",
      roles: ["event_ingestor"],
      forceDestroy: true,
      adopt: "user_1",
      connection: "india",
    };
    const key = {
      serviceAccountId: "user_1",
      name: "CI",
      namePrefix: "ci",
      type: "private_key" as const,
      expiresAt: "2099-01-01T00:00:00Z",
      expiresIn: "90d",
      rotateBefore: "14d",
      rotationTriggers: { epoch: "1" },
      onDelete: "expire" as const,
      connection: "india",
    };
    const resources = {
      account: [account, new flexprice.ServiceAccount("ci", account)],
      key: [key, new flexprice.ApiKey("ci", key)],
      absent: [
        Object.fromEntries(
          Object.keys(key)
            .filter((name) => !["name", "namePrefix", "type"].includes(name))
            .map((name) => [name, undefined]),
        ),
        new flexprice.ApiKey("bare"),
      ],
    } as const;
    for (const [args, resource] of Object.values(resources)) {
      for (const [name, value] of Object.entries(args)) {
        const output: pulumi.Output<unknown> = Reflect.get(resource, name);
        assert.deepEqual(await resolved(output), value, name);
      }
    }
  });

  describe("connections", () => {
    class Shop extends pulumi.ComponentResource {
      constructor(connection: pulumi.Input<string> | undefined, opts?: pulumi.ResourceOptions) {
        super("example:Shop", "shop", {}, opts);
        flexprice.setConnection(this, connection);
      }
    }

    const connectionBelow = (parent: pulumi.Resource, own: { connection?: string } = {}) =>
      resolved(new flexprice.ApiKey("k", own, { parent }).connection);

    it("are inherited from the nearest ancestor that has one", async () => {
      const shop = new Shop("eu");
      const group = new Shop(undefined, { parent: shop });
      assert.equal(await connectionBelow(shop), "eu");
      assert.equal(await connectionBelow(group), "eu");
      assert.equal(await connectionBelow(group, { connection: "india" }), "india");
      assert.equal(await connectionBelow(new Shop(pulumi.output("us"), { parent: group })), "us");
      const service = new flexprice.ServiceIdentity("s", { roles: [] }, { parent: group });
      assert.equal(await resolved(service.serviceAccount.connection), "eu");
      assert.equal(await resolved(service.key.connection), "eu");
      const read = flexprice.ServiceAccount.get("a", "user_1", { parent: group });
      assert.equal(await connectionBelow(read), "eu");
      assert.equal(
        await connectionBelow(new pulumi.ComponentResource("example:Other", "o")),
        undefined,
      );
    });

    it("of a ServiceIdentity are inherited by its children, and those of other resources are not", async () => {
      const args = { roles: [], connection: "india" };
      assert.equal(await connectionBelow(new flexprice.ServiceIdentity("c", args)), "india");
      const account = new flexprice.ServiceAccount("a", { roles: [], connection: "eu" });
      assert.equal(await connectionBelow(account), undefined);
    });
  });

  describe("names", () => {
    // TypeScript rejects null, and an output without a value. JavaScript does not.
    const nothing = null as unknown as undefined;
    const empty = pulumi.output(undefined) as unknown as pulumi.Output<string>;
    const cases: Record<string, [args: object, name: unknown, namePrefix: unknown]> = {
      "by the logical name": [{}, undefined, "own"],
      "by what an output holds": [{ name: pulumi.output("CI") }, "CI", "own"],
      "by a prefix": [{ namePrefix: "robot" }, undefined, "robot"],
      "by the prefix that an output holds": [
        { namePrefix: pulumi.output("robot") },
        undefined,
        "robot",
      ],
      "by the logical name where outputs hold nothing": [
        { name: empty, namePrefix: empty },
        undefined,
        "own",
      ],
      "by the logical name where a program gives null": [
        { name: nothing, namePrefix: nothing },
        null,
        "own",
      ],
    };
    for (const [what, [args, name, namePrefix]] of Object.entries(cases)) {
      it(`an account and a key ${what}`, async () => {
        const account = await registration(
          () => new flexprice.ServiceAccount("own", { roles: ["event_reader"], ...args }),
        );
        const key = await registration(() => new flexprice.ApiKey("own", args));
        for (const { inputs } of [account, key]) {
          assert.deepEqual([inputs["name"], inputs["namePrefix"]], [name, namePrefix]);
        }
      });
    }
  });

  it("registers a key under its type, with the constant provider", async () => {
    const { type, name, inputs } = await registration(() => new flexprice.ApiKey("k"));
    assert.deepEqual([type, name], [KEY_TYPE, "k"]);
    assert.deepEqual(inputs, { namePrefix: "k", type: "private_key", __provider: KEY_PROVIDER });
  });

  it("registers all inputs of a key", async () => {
    const args = {
      serviceAccountId: "user_1",
      name: "K",
      type: "publishable_key",
      expiresAt: "2030-06-01T12:00:00Z",
      rotateBefore: "14d",
      rotationTriggers: { release: "1" },
      onDelete: "expire",
      connection: "india",
    } as const;
    const { inputs } = await registration(() => new flexprice.ApiKey("k", args));
    assert.deepEqual(inputs, { ...args, namePrefix: "k", __provider: KEY_PROVIDER });
  });

  it("keeps the key to adopt, and the key itself, secret", async () => {
    const adopt = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
    let outputs: string[] | undefined;
    const look: pulumi.ResourceTransformation = ({ opts }) => {
      outputs = (opts as pulumi.CustomResourceOptions).additionalSecretOutputs;
      return undefined;
    };
    const { inputs } = await registration(
      () =>
        new flexprice.ApiKey(
          "k",
          { adopt },
          { transformations: [look], additionalSecretOutputs: ["name"] },
        ),
    );
    assert.deepEqual(outputs, ["name", "apiKey"]);
    assert.deepEqual(inputs["adopt"], { [SECRET_MARK]: SECRET_VALUE, value: adopt });
  });

  it("reads what is managed elsewhere by its id, with no input but the connection", async () => {
    const account = await registration(() =>
      flexprice.ServiceAccount.get("theirs", "user_1", { connection: "india" }),
    );
    assert.deepEqual(account, {
      type: ACCOUNT_TYPE,
      name: "theirs",
      id: "user_1",
      inputs: { connection: "india", __provider: ACCOUNT_PROVIDER },
    });
    const key = await registration(() =>
      flexprice.ApiKey.get("theirs", "secret_1", { connection: "india" }),
    );
    assert.deepEqual(key, {
      type: KEY_TYPE,
      name: "theirs",
      id: "secret_1",
      inputs: { connection: "india", __provider: KEY_PROVIDER },
    });
  });

  it("hands the key on that a program knows of one managed elsewhere, as a secret", async () => {
    const apiKey = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const made = flexprice.ApiKey.get("theirs", "secret_1", { apiKey });
    assert.equal(await pulumi.isSecret(made.apiKey), true);
    assert.equal(await new Promise((resolve) => made.apiKey.apply(resolve)), apiKey);
  });

  it("tells its resources by their types, as policies do", () => {
    assert.equal(flexprice.ServiceAccount.__pulumiType, ACCOUNT_TYPE);
    assert.equal(flexprice.ApiKey.__pulumiType, KEY_TYPE);
    const key = flexprice.ApiKey.get("theirs", "secret_1");
    assert.equal(flexprice.ApiKey.isInstance(key), true);
    assert.equal(flexprice.ServiceAccount.isInstance(key), false);
    assert.equal(flexprice.ServiceAccount.isInstance({ __pulumiType: ACCOUNT_TYPE }), true);
    for (const other of [undefined, null, "key", {}]) {
      assert.equal(flexprice.ApiKey.isInstance(other), false);
    }
  });

  describe("refuses in one sentence, with what to do", () => {
    // TypeScript rejects these. JavaScript does not.
    const nothing = undefined as unknown as { roles: string[] };
    const cases: Record<string, [make: () => unknown, message: string]> = {
      "the import of an account": [
        () => new flexprice.ServiceAccount("ci", { roles: [] }, { import: "user_1" }),
        'Could not declare ServiceAccount "ci".\n  Reason: dynamic resources have no option "import"\n  What to do: leave it out, and adopt the existing object with adopt: "user_1" in the arguments.',
      ],
      "the import of a key": [
        () => new flexprice.ApiKey("k", {}, { import: "secret_1" }),
        'Could not declare ApiKey "k".\n  Reason: dynamic resources have no option "import"\n  What to do: leave it out, and adopt the existing object with adopt: { id: "secret_1", apiKey: … } in the arguments.',
      ],
      "an account without arguments": [
        () => new flexprice.ServiceAccount("ci", nothing),
        'Could not declare ServiceAccount "ci".\n  Reason: it has no arguments\n  What to do: pass them as the second argument, at least { roles: … }.',
      ],
      "an identity without arguments": [
        () => new flexprice.ServiceIdentity("ci", nothing),
        'Could not declare ServiceIdentity "ci".\n  Reason: it has no arguments\n  What to do: pass them as the second argument, at least { roles: … }.',
      ],
      "an identity that adopts no account": [
        () => {
          const adopt = { id: "user_1" } as never;
          return new flexprice.ServiceIdentity("ci", { roles: ["event_reader"], adopt });
        },
        'Could not declare ServiceIdentity "ci".\n  Reason: "adopt" has no serviceAccountId\n  What to do: set adopt: { serviceAccountId: "user_…" }, with the id of the existing account.',
      ],
      "an identity that is moved from nothing": [
        () => new flexprice.ServiceIdentity("ci", { roles: ["event_reader"], movedFrom: {} }),
        'Could not declare ServiceIdentity "ci".\n  Reason: "movedFrom" names neither a serviceAccount nor a key\n  What to do: set movedFrom: { serviceAccount: …, key: … }, with the logical names that the two resources had.',
      ],
      "a key that is to go with something else": [
        () => {
          const deletedWith = new flexprice.ServiceAccount("owner", { roles: ["event_reader"] });
          return new flexprice.ApiKey("k", {}, { deletedWith });
        },
        'Could not declare ApiKey "k".\n  Reason: the option "deletedWith" would drop the key from the state without revoking it\n  What to do: leave it out: a key is revoked before its account is archived.',
      ],
      "an identity that is to go with something else": [
        () => {
          const roles = ["event_reader"];
          const deletedWith = new flexprice.ServiceAccount("owner", { roles });
          return new flexprice.ServiceIdentity("ci", { roles }, { deletedWith });
        },
        'Could not declare ServiceIdentity "ci".\n  Reason: the option "deletedWith" would drop the key from the state without revoking it\n  What to do: leave it out: a key is revoked before its account is archived.',
      ],
    };
    for (const [what, [make, message]] of Object.entries(cases)) {
      it(what, () => {
        // Pulumi only shows its message, without a stack trace.
        assert.throws(make, (error) => {
          assert(pulumi.RunError.isInstance(error));
          assert.equal(error.message, message);
          return true;
        });
      });
    }

    it("and takes what only looks like it", async () => {
      const opts = {
        import: undefined,
        deletedWith: undefined,
      } as unknown as pulumi.CustomResourceOptions;
      const { inputs } = await registration(
        () => new flexprice.ApiKey("k", null as unknown as undefined, opts),
      );
      assert.deepEqual([inputs["namePrefix"], inputs["type"]], ["k", "private_key"]);
    });
  });

  describe("ServiceIdentity", () => {
    const account = { roles: ["event_ingestor"], forceDestroy: true, __provider: ACCOUNT_PROVIDER };
    const key = {
      serviceAccountId: "ingestor_id",
      type: "private_key",
      expiresIn: "90d",
      rotateBefore: "14d",
      onDelete: "expire",
      __provider: KEY_PROVIDER,
    };

    async function registrations(args: flexprice.ServiceIdentityArgs) {
      registered.length = 0;
      const { key } = new flexprice.ServiceIdentity("ingestor", args);
      await new Promise((resolve) => key.urn.apply(resolve));
      return registered.map(({ type, name, inputs }) => ({ type, name, inputs }));
    }

    it("is an account and a key of 90 days that overlaps with its successor", async () => {
      assert.deepEqual(await registrations({ roles: ["event_ingestor"] }), [
        { type: "flexprice:index:ServiceIdentity", name: "ingestor", inputs: {} },
        { type: ACCOUNT_TYPE, name: "ingestor", inputs: { ...account, namePrefix: "ingestor" } },
        { type: KEY_TYPE, name: "ingestor", inputs: { ...key, namePrefix: "ingestor" } },
      ]);
    });

    it("takes over what it is moved from: the key beside its account, or below it", async () => {
      const seen: Record<string, unknown> = {};
      const look: pulumi.ResourceTransformation = ({ type, opts }) => {
        seen[type] = opts.aliases;
        return undefined;
      };
      const identity = (opts: pulumi.ComponentResourceOptions, movedFrom = {}) => {
        const args = { roles: ["event_ingestor"], movedFrom };
        const options = { transformations: [look], ...opts };
        return new flexprice.ServiceIdentity("relay", args, options);
      };
      const movedFrom = { serviceAccount: "old", key: "old-key" };
      await resolved(identity({}, movedFrom).apiKey);
      const start = "urn:pulumi:stack::project::";
      const moved = { type: "flexprice:index:ServiceAccount" };
      assert.deepEqual(seen[ACCOUNT_TYPE], [`${start}${ACCOUNT_TYPE}::old`, moved]);
      const [beside, below, ...others] = seen[KEY_TYPE] as [string, pulumi.Alias, unknown];
      assert.equal(beside, `${start}${KEY_TYPE}::old-key`);
      assert.deepEqual(others, [{ type: "flexprice:index:ApiKey" }]);
      const parent = await resolved(pulumi.output(below.parent));
      assert.deepEqual([below.name, parent], ["old-key", `${start}${ACCOUNT_TYPE}::old`]);
    });

    it("leaves keys to an adopted account by default", async () => {
      const adopt = { serviceAccountId: "user_1" };
      const [, account] = await registrations({ roles: ["event_ingestor"], adopt });
      assert.equal(account?.inputs["forceDestroy"], false);
    });

    it("hands protect to its account, and not to the key, which rotates", async () => {
      const seen: Record<string, boolean | undefined> = {};
      const look: pulumi.ResourceTransformation = ({ type, opts }) => {
        seen[type] = opts.protect;
        return undefined;
      };
      const { key: made } = new flexprice.ServiceIdentity(
        "ingestor",
        { roles: ["event_ingestor"] },
        { protect: true, transformations: [look] },
      );
      await new Promise((resolve) => made.urn.apply(resolve));
      assert.equal(seen[KEY_TYPE], false);
      assert.notEqual(seen[ACCOUNT_TYPE], false);
    });

    it("overlaps for half of a short lifetime", async () => {
      for (const [expiresIn, rotateBefore] of [
        ["28d", "14d"],
        ["27d", "1166400s"],
        [pulumi.output("2h"), "3600s"],
        ["nonsense", "14d"],
      ] as const) {
        const [, , key] = await registrations({ roles: ["event_ingestor"], expiresIn });
        assert.equal(key?.inputs["rotateBefore"], rotateBefore);
      }
    });

    it("hands on what is given", async () => {
      const names = { name: "Ingestor", namePrefix: "robot" };
      const connection = "india";
      const ofKey = {
        expiresIn: "30d",
        rotateBefore: "7d",
        rotationTriggers: { release: "1" },
        onDelete: "revoke",
      } as const;
      const roles = ["event_ingestor"];
      const forceDestroy = false;
      const apiKey = "sk_01M85FAKMEBXGA1EGXE598V40Z";
      const adopt = { serviceAccountId: "user_1", key: { id: "secret_1", apiKey } };
      const args = { roles, connection, forceDestroy, adopt, ...names, ...ofKey };
      assert.deepEqual(await registrations(args), [
        { type: "flexprice:index:ServiceIdentity", name: "ingestor", inputs: {} },
        {
          type: ACCOUNT_TYPE,
          name: "ingestor",
          inputs: { ...account, connection, forceDestroy, adopt: "user_1", ...names },
        },
        {
          type: KEY_TYPE,
          name: "ingestor",
          inputs: {
            ...{ ...key, connection, namePrefix: "Ingestor", ...ofKey },
            adopt: { [SECRET_MARK]: SECRET_VALUE, value: adopt.key },
          },
        },
      ]);
    });

    // TypeScript rejects null, and an output without a value. JavaScript does not.
    const nothing = null as unknown as undefined;
    const empty = pulumi.output(undefined) as unknown as pulumi.Output<string>;
    const cases: Record<
      string,
      [args: object, account: [name: unknown, prefix: string], keyPrefix: string]
    > = {
      "a name: the account has it, the key's name begins with it": [
        { name: "Ingestor" },
        ["Ingestor", "ingestor"],
        "Ingestor",
      ],
      "a name that an output holds": [
        { name: pulumi.output("Ingestor") },
        ["Ingestor", "ingestor"],
        "Ingestor",
      ],
      "a prefix: both begin with it": [{ namePrefix: "robot" }, [undefined, "robot"], "robot"],
      "a prefix that an output holds": [
        { namePrefix: pulumi.output("robot") },
        [undefined, "robot"],
        "robot",
      ],
      "outputs that hold nothing": [
        { name: empty, namePrefix: empty },
        [undefined, "ingestor"],
        "ingestor",
      ],
      "a prefix beside a name that is nothing": [
        { name: empty, namePrefix: "robot" },
        [undefined, "robot"],
        "robot",
      ],
      null: [{ name: nothing, namePrefix: nothing }, [null, "ingestor"], "ingestor"],
    };
    for (const [what, [args, ofAccount, keyPrefix]] of Object.entries(cases)) {
      it(`takes ${what}`, async () => {
        const [, account, key] = await registrations({ roles: ["event_ingestor"], ...args });
        const { name, namePrefix } = account?.inputs ?? {};
        assert.deepEqual([name, namePrefix], ofAccount);
        assert.deepEqual([key?.inputs["name"], key?.inputs["namePrefix"]], [undefined, keyPrefix]);
      });
    }
  });
});
