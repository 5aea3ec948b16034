import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "../../provider";

interface Registration {
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

/** Pulumi's representation of a secret in gRPC. */
const secret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

// TypeScript rejects null, missing arguments, and an output without a value. JavaScript does not.
const NULL = null as unknown as undefined;
const NO_ARGS = undefined as unknown as { roles: string[] };
const EMPTY_OUTPUT = pulumi.output(undefined) as unknown as pulumi.Output<string>;

/** Prints the modules that the package loads in addition to Pulumi's. */
const LOADED_BY_INDEX = `
require("@pulumi/pulumi");
const before = new Set(Object.keys(require.cache));
require("./provider/index");
console.log(JSON.stringify(Object.keys(require.cache).filter((file) => !before.has(file))));
`;

describe("the npm package", () => {
  const registrations: Registration[] = [];
  before(async () => {
    await pulumi.runtime.setMocks(
      {
        newResource({ type, name, inputs, id }) {
          registrations.push({ type, name, inputs, id });
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

  /** The registration of the resource that the function declares. */
  async function registrationOf(declare: () => pulumi.CustomResource): Promise<Registration> {
    registrations.length = 0;
    await resolved(declare().urn);
    const [registration, ...others] = registrations;
    assert(registration);
    assert.deepEqual(others, []);
    return registration;
  }

  /** Records an option of the resources that it is applied to, by their type. */
  function recordOption(name: keyof pulumi.CustomResourceOptions) {
    const values: Record<string, unknown> = {};
    const transformation: pulumi.ResourceTransformation = ({ type, opts }) => {
      values[type] = (opts as pulumi.CustomResourceOptions)[name];
      return undefined;
    };
    return { values, transformation };
  }

  it("exports the resources and functions, and nothing else", () => {
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

  it("does not load into programs what only the provider process needs", function () {
    this.timeout(60_000);
    const { stdout } = spawnSync(
      process.execPath,
      ["-r", "ts-node/register/transpile-only", "-e", LOADED_BY_INDEX],
      { encoding: "utf8" },
    );
    const loaded: string[] = JSON.parse(stdout);
    assert(loaded.some((file) => file.endsWith("resources/api-key.ts")));
    const heavy = loaded.filter((file) =>
      /node_modules|provider\/(api|session|lifecycle)\//.test(file),
    );
    assert.deepEqual(heavy, []);
  });

  it("registers a ServiceAccount with its type and the constant provider", async () => {
    const { type, name, inputs } = await registrationOf(
      () => new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"] }),
    );
    assert.deepEqual([type, name], [ACCOUNT_TYPE, "ci"]);
    assert.deepEqual(inputs, {
      namePrefix: "ci",
      roles: ["event_ingestor"],
      __provider: ACCOUNT_PROVIDER,
    });
  });

  it("registers all inputs of a ServiceAccount", async () => {
    const args = {
      name: "CI",
      roles: ["event_ingestor"],
      forceDestroy: true,
      adopt: "user_1",
      connection: "india",
    };
    const { inputs } = await registrationOf(() => new flexprice.ServiceAccount("ci", args));
    assert.deepEqual(inputs, { ...args, namePrefix: "ci", __provider: ACCOUNT_PROVIDER });
    const prefixed = { ...args, namePrefix: "robot" };
    const registration = await registrationOf(() => new flexprice.ServiceAccount("ci", prefixed));
    assert.deepEqual(registration.inputs, { ...prefixed, __provider: ACCOUNT_PROVIDER });
  });

  it("has every input of a resource as an output", async () => {
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

  describe("the connection of a resource", () => {
    class Shop extends pulumi.ComponentResource {
      constructor(connection: pulumi.Input<string> | undefined, opts?: pulumi.ResourceOptions) {
        super("example:Shop", "shop", {}, opts);
        flexprice.setConnection(this, connection);
      }
    }

    const connectionBelow = (parent: pulumi.Resource, args: { connection?: string } = {}) =>
      resolved(new flexprice.ApiKey("k", args, { parent }).connection);

    it("is inherited from the nearest component that has one", async () => {
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

    it("is inherited from a ServiceIdentity, but not from a ServiceAccount", async () => {
      const args = { roles: [], connection: "india" };
      assert.equal(await connectionBelow(new flexprice.ServiceIdentity("c", args)), "india");
      const account = new flexprice.ServiceAccount("a", { roles: [], connection: "eu" });
      assert.equal(await connectionBelow(account), undefined);
    });
  });

  describe("namePrefix of a ServiceAccount and an ApiKey", () => {
    const cases: Record<string, [args: object, name: unknown, namePrefix: unknown]> = {
      "is the logical name by default": [{}, undefined, "own"],
      "is the logical name beside a name from an output": [
        { name: pulumi.output("CI") },
        "CI",
        "own",
      ],
      "can be set": [{ namePrefix: "robot" }, undefined, "robot"],
      "can be an output": [{ namePrefix: pulumi.output("robot") }, undefined, "robot"],
      "is the logical name if outputs have no value": [
        { name: EMPTY_OUTPUT, namePrefix: EMPTY_OUTPUT },
        undefined,
        "own",
      ],
      "is the logical name if the program sets null": [
        { name: NULL, namePrefix: NULL },
        null,
        "own",
      ],
    };
    for (const [title, [args, name, namePrefix]] of Object.entries(cases)) {
      it(title, async () => {
        const account = await registrationOf(
          () => new flexprice.ServiceAccount("own", { roles: ["event_reader"], ...args }),
        );
        const key = await registrationOf(() => new flexprice.ApiKey("own", args));
        for (const { inputs } of [account, key]) {
          assert.deepEqual([inputs["name"], inputs["namePrefix"]], [name, namePrefix]);
        }
      });
    }
  });

  it("registers an ApiKey with its type and the constant provider", async () => {
    const { type, name, inputs } = await registrationOf(() => new flexprice.ApiKey("k"));
    assert.deepEqual([type, name], [KEY_TYPE, "k"]);
    assert.deepEqual(inputs, { namePrefix: "k", type: "private_key", __provider: KEY_PROVIDER });
  });

  it("registers all inputs of an ApiKey", async () => {
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
    const { inputs } = await registrationOf(() => new flexprice.ApiKey("k", args));
    assert.deepEqual(inputs, { ...args, namePrefix: "k", __provider: KEY_PROVIDER });
  });

  it("registers the value of an ApiKey and of the key to adopt as secrets", async () => {
    const adopt = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
    const { values, transformation } = recordOption("additionalSecretOutputs");
    const options = { transformations: [transformation], additionalSecretOutputs: ["name"] };
    const { inputs } = await registrationOf(() => new flexprice.ApiKey("k", { adopt }, options));
    assert.deepEqual(values[KEY_TYPE], ["name", "apiKey"]);
    assert.deepEqual(inputs["adopt"], secret(adopt));
  });

  it("reads an object in get by its id, with the connection as the only input", async () => {
    const connection = "india";
    const name = "existing";
    assert.deepEqual(
      await registrationOf(() => flexprice.ServiceAccount.get(name, "user_1", { connection })),
      {
        type: ACCOUNT_TYPE,
        name,
        id: "user_1",
        inputs: { connection, __provider: ACCOUNT_PROVIDER },
      },
    );
    assert.deepEqual(
      await registrationOf(() => flexprice.ApiKey.get(name, "secret_1", { connection })),
      { type: KEY_TYPE, name, id: "secret_1", inputs: { connection, __provider: KEY_PROVIDER } },
    );
  });

  it("returns the value that a program passes to ApiKey.get as a secret", async () => {
    const value = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const { apiKey } = flexprice.ApiKey.get("existing", "secret_1", { apiKey: value });
    assert.equal(await pulumi.isSecret(apiKey), true);
    assert.equal(await resolved(apiKey), value);
  });

  it("recognizes its resources by their types in isInstance, as policies need", () => {
    assert.equal(flexprice.ServiceAccount.__pulumiType, ACCOUNT_TYPE);
    assert.equal(flexprice.ApiKey.__pulumiType, KEY_TYPE);
    const key = flexprice.ApiKey.get("existing", "secret_1");
    assert.equal(flexprice.ApiKey.isInstance(key), true);
    assert.equal(flexprice.ServiceAccount.isInstance(key), false);
    assert.equal(flexprice.ServiceAccount.isInstance({ __pulumiType: ACCOUNT_TYPE }), true);
    for (const value of [undefined, null, "key", {}]) {
      assert.equal(flexprice.ApiKey.isInstance(value), false);
    }
  });

  describe("rejects with a message and without a stack trace", () => {
    const cases: Record<string, [declare: () => unknown, message: string]> = {
      "a ServiceAccount with the option import": [
        () => new flexprice.ServiceAccount("ci", { roles: [] }, { import: "user_1" }),
        'Could not declare ServiceAccount "ci".\n  Reason: dynamic resources have no option "import"\n  What to do: leave it out, and adopt the existing object with adopt: "user_1" in the arguments.',
      ],
      "an ApiKey with the option import": [
        () => new flexprice.ApiKey("k", {}, { import: "secret_1" }),
        'Could not declare ApiKey "k".\n  Reason: dynamic resources have no option "import"\n  What to do: leave it out, and adopt the existing object with adopt: { id: "secret_1", apiKey: … } in the arguments.',
      ],
      "a ServiceAccount without arguments": [
        () => new flexprice.ServiceAccount("ci", NO_ARGS),
        'Could not declare ServiceAccount "ci".\n  Reason: it has no arguments\n  What to do: pass them as the second argument, at least { roles: … }.',
      ],
      "a ServiceIdentity without arguments": [
        () => new flexprice.ServiceIdentity("ci", NO_ARGS),
        'Could not declare ServiceIdentity "ci".\n  Reason: it has no arguments\n  What to do: pass them as the second argument, at least { roles: … }.',
      ],
      "a ServiceIdentity whose adopt has no account": [
        () => {
          const adopt = { id: "user_1" } as never;
          return new flexprice.ServiceIdentity("ci", { roles: ["event_reader"], adopt });
        },
        'Could not declare ServiceIdentity "ci".\n  Reason: "adopt" has no serviceAccountId\n  What to do: set adopt: { serviceAccountId: "user_…" }, with the id of the existing account.',
      ],
      "a ServiceIdentity whose movedFrom has no names": [
        () => new flexprice.ServiceIdentity("ci", { roles: ["event_reader"], movedFrom: {} }),
        'Could not declare ServiceIdentity "ci".\n  Reason: "movedFrom" names neither a serviceAccount nor a key\n  What to do: set movedFrom: { serviceAccount: …, key: … }, with the logical names that the two resources had.',
      ],
      "an ApiKey with the option deletedWith": [
        () => {
          const deletedWith = new flexprice.ServiceAccount("owner", { roles: ["event_reader"] });
          return new flexprice.ApiKey("k", {}, { deletedWith });
        },
        'Could not declare ApiKey "k".\n  Reason: the option "deletedWith" would drop the key from the state without revoking it\n  What to do: leave it out: a key is revoked before its account is archived.',
      ],
      "a ServiceIdentity with the option deletedWith": [
        () => {
          const roles = ["event_reader"];
          const deletedWith = new flexprice.ServiceAccount("owner", { roles });
          return new flexprice.ServiceIdentity("ci", { roles }, { deletedWith });
        },
        'Could not declare ServiceIdentity "ci".\n  Reason: the option "deletedWith" would drop the key from the state without revoking it\n  What to do: leave it out: a key is revoked before its account is archived.',
      ],
    };
    for (const [title, [declare, message]] of Object.entries(cases)) {
      it(title, () => {
        // Pulumi shows only the message of this error.
        assert.throws(declare, (error) => {
          assert(pulumi.RunError.isInstance(error));
          assert.equal(error.message, message);
          return true;
        });
      });
    }
  });

  it("accepts an ApiKey with null as arguments and undefined options", async () => {
    const options = {
      import: undefined,
      deletedWith: undefined,
    } as unknown as pulumi.CustomResourceOptions;
    const { inputs } = await registrationOf(() => new flexprice.ApiKey("k", NULL, options));
    assert.deepEqual([inputs["namePrefix"], inputs["type"]], ["k", "private_key"]);
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

    async function register(args: flexprice.ServiceIdentityArgs) {
      registrations.length = 0;
      const { key } = new flexprice.ServiceIdentity("ingestor", args);
      await resolved(key.urn);
      return registrations.map(({ type, name, inputs }) => ({ type, name, inputs }));
    }

    it("registers an account and a key that lives 90 days and rotates 14 days before", async () => {
      assert.deepEqual(await register({ roles: ["event_ingestor"] }), [
        { type: "flexprice:index:ServiceIdentity", name: "ingestor", inputs: {} },
        { type: ACCOUNT_TYPE, name: "ingestor", inputs: { ...account, namePrefix: "ingestor" } },
        { type: KEY_TYPE, name: "ingestor", inputs: { ...key, namePrefix: "ingestor" } },
      ]);
    });

    it("has aliases for the names in movedFrom: of a key beside its account, and of one below it", async () => {
      const { values, transformation } = recordOption("aliases");
      const args = {
        roles: ["event_ingestor"],
        movedFrom: { serviceAccount: "old", key: "old-key" },
      };
      const options = { transformations: [transformation] };
      await resolved(new flexprice.ServiceIdentity("relay", args, options).apiKey);
      const start = "urn:pulumi:stack::project::";
      const pluginType = { type: "flexprice:index:ServiceAccount" };
      assert.deepEqual(values[ACCOUNT_TYPE], [`${start}${ACCOUNT_TYPE}::old`, pluginType]);
      const [beside, below, ...others] = values[KEY_TYPE] as [string, pulumi.Alias, unknown];
      assert.equal(beside, `${start}${KEY_TYPE}::old-key`);
      assert.deepEqual(others, [{ type: "flexprice:index:ApiKey" }]);
      const parent = await resolved(pulumi.output(below.parent));
      assert.deepEqual([below.name, parent], ["old-key", `${start}${ACCOUNT_TYPE}::old`]);
    });

    it("registers an adopted account without forceDestroy by default", async () => {
      const adopt = { serviceAccountId: "user_1" };
      const [, account] = await register({ roles: ["event_ingestor"], adopt });
      assert.equal(account?.inputs["forceDestroy"], false);
    });

    it("protects its account, but not the key, which rotates", async () => {
      const { values, transformation } = recordOption("protect");
      const { key } = new flexprice.ServiceIdentity(
        "ingestor",
        { roles: ["event_ingestor"] },
        { protect: true, transformations: [transformation] },
      );
      await resolved(key.urn);
      assert.equal(values[KEY_TYPE], false);
      assert.notEqual(values[ACCOUNT_TYPE], false);
    });

    it("rotates its key halfway through a lifetime under 28 days", async () => {
      for (const [expiresIn, rotateBefore] of [
        ["28d", "14d"],
        ["27d", "1166400s"],
        [pulumi.output("2h"), "3600s"],
        ["nonsense", "14d"],
      ] as const) {
        const [, , key] = await register({ roles: ["event_ingestor"], expiresIn });
        assert.equal(key?.inputs["rotateBefore"], rotateBefore);
      }
    });

    it("passes its arguments on to its account and its key", async () => {
      const names = { name: "Ingestor", namePrefix: "robot" };
      const connection = "india";
      const keyArgs = {
        expiresIn: "30d",
        rotateBefore: "7d",
        rotationTriggers: { release: "1" },
        onDelete: "revoke",
      } as const;
      const roles = ["event_ingestor"];
      const forceDestroy = false;
      const apiKey = "sk_01M85FAKMEBXGA1EGXE598V40Z";
      const adopt = { serviceAccountId: "user_1", key: { id: "secret_1", apiKey } };
      const args = { roles, connection, forceDestroy, adopt, ...names, ...keyArgs };
      assert.deepEqual(await register(args), [
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
            ...{ ...key, connection, namePrefix: "Ingestor", ...keyArgs },
            adopt: secret(adopt.key),
          },
        },
      ]);
    });

    const cases: Record<
      string,
      [args: object, account: [name: unknown, prefix: string], keyPrefix: string]
    > = {
      "uses a name for the account, and as the prefix of the key": [
        { name: "Ingestor" },
        ["Ingestor", "ingestor"],
        "Ingestor",
      ],
      "accepts an output as the name": [
        { name: pulumi.output("Ingestor") },
        ["Ingestor", "ingestor"],
        "Ingestor",
      ],
      "uses a prefix for both": [{ namePrefix: "robot" }, [undefined, "robot"], "robot"],
      "accepts an output as the prefix": [
        { namePrefix: pulumi.output("robot") },
        [undefined, "robot"],
        "robot",
      ],
      "uses its logical name as the prefix if outputs have no value": [
        { name: EMPTY_OUTPUT, namePrefix: EMPTY_OUTPUT },
        [undefined, "ingestor"],
        "ingestor",
      ],
      "uses a prefix if the name is an output without a value": [
        { name: EMPTY_OUTPUT, namePrefix: "robot" },
        [undefined, "robot"],
        "robot",
      ],
      "uses its logical name as the prefix if the program sets null": [
        { name: NULL, namePrefix: NULL },
        [null, "ingestor"],
        "ingestor",
      ],
    };
    for (const [title, [args, accountNames, keyPrefix]] of Object.entries(cases)) {
      it(title, async () => {
        const [, account, key] = await register({ roles: ["event_ingestor"], ...args });
        const { name, namePrefix } = account?.inputs ?? {};
        assert.deepEqual([name, namePrefix], accountNames);
        assert.deepEqual([key?.inputs["name"], key?.inputs["namePrefix"]], [undefined, keyPrefix]);
      });
    }
  });
});
