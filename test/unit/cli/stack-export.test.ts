import assert from "node:assert/strict";
import { readStackExport, type StackExport } from "../../../provider/cli/stack-export";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { uniqueName } from "../../../provider/session/auto-name";
import { failureOf } from "../fixture";
import {
  accountResource,
  ENCRYPTED,
  EXPORT_TIME,
  exported,
  keyResource,
  pendingCreate,
} from "./exported";
import { CliFixture } from "./fixture";

const BUCKET = { urn: "urn:pulumi:prod::shop::aws:s3:Bucket::b", type: "aws:s3:Bucket" };

describe("cli/stack-export", () => {
  const cli = CliFixture.forEachTest();
  let account: EmulatedUser;
  let key: EmulatedKey;
  beforeEach(() => {
    account = cli.account("ci");
    key = cli.key(account.id, "k");
  });

  function read(text: string): Promise<StackExport> {
    cli.write("a.json", text);
    return readStackExport(cli, "a.json");
  }

  it("reads only accounts and keys", async () => {
    const text = exported([
      accountResource(account),
      { ...BUCKET, id: "b" },
      keyResource(key, { onDelete: "expire", namePrefix: "worker" }),
    ]);
    const { tenantId } = cli.server.operator;
    assert.deepEqual(await read(text), {
      source: "a.json",
      stack: "shop/prod",
      time: EXPORT_TIME,
      objects: [
        {
          ...{ kind: "account", id: account.id, tenantId, names: ["ci"] },
          ...{ ownerId: undefined, leavesPredecessor: false },
        },
        {
          ...{ kind: "key", id: key.id, tenantId, names: ["k", "worker"] },
          ...{ ownerId: account.id, leavesPredecessor: true },
        },
      ],
      keys: [
        {
          ...{ id: key.id, urn: keyResource(key).urn, tenantId, environmentId: undefined },
          ...{ rotateBefore: undefined, hasValue: true, isAdopted: false },
          ...{ isToBeDeleted: false, isRead: false },
          predecessors: [],
        },
      ],
      pendingOperations: 0,
      pendingObjects: [],
    });
  });

  it("reads the resources of the plugin", async () => {
    const resources = [accountResource(account), keyResource(key)];
    const ofPlugin = exported(resources).replaceAll(
      "pulumi-nodejs:dynamic/flexprice:",
      "flexprice:index:",
    );
    assert.match(ofPlugin, /"type": ?"flexprice:index:ApiKey"/);
    assert.deepEqual((await read(ofPlugin)).objects, (await read(exported(resources))).objects);
    assert.equal((await read(ofPlugin)).objects.length, 2);
  });

  it("reads the name, the automatic name and the prefix of an object", async () => {
    const [name, autoName] = [uniqueName("drifted"), uniqueName("before")];
    const names = { name, autoName, namePrefix: "now" };
    const { objects } = await read(exported([keyResource(key, names)]));
    assert.deepEqual(objects[0]?.names, [name, autoName, "now", "drifted", "before"]);
  });

  it("reads rotation, predecessors and adoption of a key", async () => {
    const predecessors = [{ id: "secret_1", expiresAt: EXPORT_TIME }];
    const outputs = { rotateBefore: "14d", environmentId: "env_1", predecessors };
    const { keys, objects } = await read(
      exported([
        {
          ...keyResource(key, { ...outputs, adoptedId: "secret_0", apiKey: undefined }),
          external: true,
        },
        { ...keyResource(key, { predecessors: ENCRYPTED, rotateBefore: ENCRYPTED }), delete: true },
      ]),
    );
    const { urn, id, tenantId } = { ...keyResource(key), ...key };
    assert.deepEqual(keys, [
      {
        ...{ urn, id, tenantId, ...outputs, hasValue: false, isAdopted: true },
        ...{ predecessors: ["secret_1"], isRead: true, isToBeDeleted: false },
      },
      {
        ...{ urn, id, tenantId, environmentId: undefined, rotateBefore: undefined },
        ...{ predecessors: [], hasValue: true, isAdopted: false },
        ...{ isRead: false, isToBeDeleted: true },
      },
    ]);
    assert.deepEqual(
      objects.map((object) => object.predecessors),
      [["secret_1"], undefined],
    );
  });

  it("reads standard input", async () => {
    cli.stdin.end(exported([accountResource(account)]));
    const { source, time, objects } = await readStackExport(cli, "-");
    assert.deepEqual([source, time, objects.length], ["standard input", EXPORT_TIME, 1]);
  });

  it("reads resources that are about to be deleted, and pending operations with an id", async () => {
    const text = exported([{ ...accountResource(account), delete: true }], {
      pending_operations: [
        { type: "deleting", resource: keyResource(key) },
        { type: "creating", resource: { ...keyResource(key), id: undefined } },
      ],
    });
    const { objects, pendingOperations, pendingObjects } = await read(text);
    assert.deepEqual(
      objects.map(({ id }) => id),
      [account.id, key.id],
    );
    assert.deepEqual([pendingOperations, pendingObjects.length], [2, 1]);
  });

  describe("reads what a pending operation without an id may have created:", () => {
    const nothing = { id: undefined, names: [], roles: undefined, ownerId: undefined };
    const roles = ["event_reader"];
    const ownerId = "user_1";
    for (const [what, type, inputs, expected] of [
      [
        "an account by prefix",
        "ServiceAccount",
        { namePrefix: "ci", roles },
        { names: ["ci"], roles },
      ],
      [
        "a key by name",
        "ApiKey",
        { name: "CI", namePrefix: "ci", serviceAccountId: ownerId },
        { names: ["CI"], ownerId },
      ],
      [
        "an account with encrypted inputs",
        "ServiceAccount",
        { name: ENCRYPTED, namePrefix: "ci", roles: ENCRYPTED },
        {},
      ],
      [
        "an account with partly encrypted inputs",
        "ServiceAccount",
        { namePrefix: ENCRYPTED, roles: ["a", ENCRYPTED] },
        {},
      ],
      [
        "a key with an encrypted owner",
        "ApiKey",
        { namePrefix: ENCRYPTED, serviceAccountId: ENCRYPTED },
        {},
      ],
      ["a key without inputs", "ApiKey", undefined, {}],
      [
        "an account to adopt, of any name",
        "ServiceAccount",
        { namePrefix: "ci", roles, adopt: ownerId },
        { id: ownerId, roles },
      ],
      [
        "a key to adopt, of any name",
        "ApiKey",
        { namePrefix: "ci", adopt: { id: "secret_1", apiKey: ENCRYPTED } },
        { id: "secret_1" },
      ],
      ["an encrypted key to adopt", "ApiKey", { namePrefix: "ci", adopt: ENCRYPTED }, {}],
    ] as [string, "ServiceAccount" | "ApiKey", object | undefined, object][]) {
      it(what, async () => {
        const { resource, ...operation } = pendingCreate(type, {});
        const text = exported([accountResource(account)], {
          pending_operations: [{ ...operation, resource: { ...resource, inputs } }],
        });
        const kind = type === "ApiKey" ? "key" : "account";
        assert.deepEqual((await read(text)).pendingObjects, [{ kind, ...nothing, ...expected }]);
      });
    }

    it("nothing of other packages", async () => {
      const text = exported([], { pending_operations: [{ type: "creating", resource: BUCKET }] });
      const { pendingObjects, pendingOperations } = await read(text);
      assert.deepEqual([pendingObjects, pendingOperations], [[], 1]);
    });
  });

  it("accepts an encrypted or missing tenant", async () => {
    const encrypted = { ...keyResource(key, { tenantId: ENCRYPTED }) };
    const { objects } = await read(
      exported([encrypted, { ...accountResource(account), outputs: {} }]),
    );
    assert.deepEqual(
      objects.map(({ id, tenantId }) => [id, tenantId]),
      [
        [key.id, undefined],
        [account.id, undefined],
      ],
    );
  });

  it("accepts an empty stack and a byte order mark", async () => {
    const { stack, objects } = await read(`\ufeff${exported([], { pending_operations: null })}`);
    assert.deepEqual([stack, objects], [undefined, []]);
  });

  const others: Record<string, [string, RegExp]> = {
    "an empty file": ["", /^it is not JSON$/],
    "the UTF-16 of PowerShell": [`\ufffd\ufffd{\0}\0`, /^it is not JSON$/],
    "a stack's outputs": ['{"apiKey": "sk_12345678901"}', /not a stack's export: version: /],
    "a list": ["[]", /not a stack's export: the whole: /],
    "the state file of a backend": [
      '{"version": 3, "checkpoint": {"latest": {"resources": []}}}',
      /not a stack's export: deployment: /,
    ],
    "resources without a type": [
      '{"version":3,"deployment":{"manifest":{"time":""},"resources":[{"urn":"u"}]}}',
      /not a stack's export: deployment\.resources\.0\.type: /,
    ],
  };
  for (const [what, [text, reason]] of Object.entries(others)) {
    it(`rejects ${what}`, async () => {
      const error = await failureOf(read(text), "configuration");
      assert.equal(error.operation, "read the stack export a.json");
      assert.match(error.reason, reason);
      assert.match(error.fix, /"pulumi stack export --stack NAME --file a\.json"/);
      assert(!error.message.includes("sk_1"));
    });
  }

  it("rejects a file that does not exist, and an empty standard input", async () => {
    const error = await failureOf(readStackExport(cli, "b.json"), "configuration");
    assert.match(error.reason, /^ENOENT: /);
    cli.stdin.end("");
    const { operation, fix } = await failureOf(readStackExport(cli, "-"), "configuration");
    assert.equal(operation, "read the stack export from standard input");
    assert.match(fix, /--file state\.json"/);
  });
});
