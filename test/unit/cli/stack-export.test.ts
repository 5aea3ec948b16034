import assert from "node:assert/strict";
import { readStackExport, type StackExport } from "../../../provider/cli/stack-export";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { failureOf, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";
import { accountResource, ENCRYPTED, exported, keyResource, pendingCreate } from "./exported";

/** Of the exports that tests make. */
const TIME = "2026-11-24T08:00:00Z";

describe("cli/stack-export", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  let account: EmulatedUser;
  let key: EmulatedKey;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
    const { tenantId, environmentId } = fixture.operator;
    account = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ["event_reader"] });
    key = fixture.emulator.createKey(account.id, environmentId, { name: "k" });
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  function read(text: string): Promise<StackExport> {
    shell.write("a.json", text);
    return readStackExport(shell, "a.json");
  }

  it("knows the accounts and keys, and nothing else", async () => {
    const other = {
      urn: "urn:pulumi:prod::shop::aws:s3:Bucket::b",
      type: "aws:s3:Bucket",
      id: "b",
    };
    const text = exported([
      accountResource(account),
      other,
      keyResource(key, { onDelete: "expire", autoName: "k", namePrefix: "worker" }),
    ]);
    const { tenantId } = fixture.operator;
    assert.deepEqual(await read(text), {
      source: "a.json",
      stack: "shop/prod",
      time: TIME,
      objects: [
        {
          kind: "account",
          id: account.id,
          tenantId,
          name: "ci",
          autoName: undefined,
          namePrefix: undefined,
          ownerId: undefined,
          isLeftToExpire: false,
        },
        {
          kind: "key",
          id: key.id,
          tenantId,
          name: "k",
          autoName: "k",
          namePrefix: "worker",
          ownerId: account.id,
          isLeftToExpire: true,
        },
      ],
      pendingOperations: 0,
      pendingObjects: [],
    });
  });

  it("reads standard input", async () => {
    shell.stdin.end(exported([accountResource(account)]));
    const { source, time, objects } = await readStackExport(shell, "-");
    assert.deepEqual([source, time, objects.length], ["standard input", TIME, 1]);
  });

  it("counts what is to be deleted and what is under way as known", async () => {
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
    assert.equal(pendingOperations, 2);
    // What has an id is not looked for by its name as well.
    assert.equal(pendingObjects.length, 1);
  });

  describe("of an operation without an id", () => {
    const nothing = { id: undefined, name: undefined, roles: undefined, ownerId: undefined };
    async function pending(...given: Parameters<typeof pendingCreate>) {
      const { pendingObjects } = await read(
        exported([accountResource(account)], { pending_operations: [pendingCreate(...given)] }),
      );
      const [object, ...others] = pendingObjects;
      assert.deepEqual(others, []);
      return object;
    }

    it("says what it makes, by name or prefix", async () => {
      const roles = ["event_reader"];
      assert.deepEqual(
        await pending("ServiceAccount", { namePrefix: "ci", roles, __provider: "" }),
        {
          ...nothing,
          kind: "account",
          name: "ci",
          roles,
        },
      );
      const named = { name: "CI", namePrefix: "ci", serviceAccountId: account.id };
      assert.deepEqual(await pending("ApiKey", named), {
        ...nothing,
        kind: "key",
        name: "CI",
        ownerId: account.id,
      });
    });

    it("says nothing of what is encrypted", async () => {
      for (const inputs of [
        { name: ENCRYPTED, namePrefix: "ci", roles: ENCRYPTED },
        { namePrefix: ENCRYPTED, roles: ["event_reader", ENCRYPTED] },
      ]) {
        assert.deepEqual(await pending("ServiceAccount", inputs), { ...nothing, kind: "account" });
      }
      assert.deepEqual(
        await pending("ApiKey", { namePrefix: ENCRYPTED, serviceAccountId: ENCRYPTED }),
        { ...nothing, kind: "key" },
      );
    });

    it("says nothing where there are no inputs", async () => {
      const { resource } = pendingCreate("ApiKey", {});
      const { inputs: _, ...bare } = resource;
      const { pendingObjects } = await read(
        exported([], { pending_operations: [{ type: "creating", resource: bare }] }),
      );
      assert.deepEqual(pendingObjects, [{ ...nothing, kind: "key" }]);
    });

    it("says what it adopts, whatever its name is", async () => {
      const roles = ["event_reader"];
      assert.deepEqual(
        await pending("ServiceAccount", { namePrefix: "ci", roles, adopt: account.id }),
        { ...nothing, kind: "account", id: account.id, roles },
      );
      const prefixed = { namePrefix: "ci", serviceAccountId: account.id };
      assert.deepEqual(
        await pending("ApiKey", { ...prefixed, adopt: { id: key.id, apiKey: ENCRYPTED } }),
        { ...nothing, kind: "key", id: key.id, ownerId: account.id },
      );
      assert.deepEqual(await pending("ApiKey", { ...prefixed, adopt: ENCRYPTED }), {
        ...nothing,
        kind: "key",
        ownerId: account.id,
      });
    });

    it("says nothing of other packages", async () => {
      const bucket = { urn: "urn:pulumi:prod::shop::aws:s3:Bucket::b", type: "aws:s3:Bucket" };
      const { pendingObjects, pendingOperations } = await read(
        exported([], { pending_operations: [{ type: "creating", resource: bucket }] }),
      );
      assert.deepEqual([pendingObjects, pendingOperations], [[], 1]);
    });
  });

  it("makes do without what is encrypted or absent", async () => {
    const { tenantId: _, ...outputs } = keyResource(key).outputs ?? {};
    const bare = { ...keyResource(key), outputs: { ...outputs, tenantId: ENCRYPTED } };
    const { objects } = await read(exported([bare, { ...accountResource(account), outputs: {} }]));
    assert.deepEqual(
      objects.map(({ id, tenantId }) => [id, tenantId]),
      [
        [key.id, undefined],
        [account.id, undefined],
      ],
    );
  });

  it("takes an empty stack, and a byte order mark", async () => {
    const { stack, objects } = await read(`\ufeff${exported([], { pending_operations: null })}`);
    assert.deepEqual([stack, objects], [undefined, []]);
  });

  const others: Record<string, [string, RegExp]> = {
    "an empty file": ["", /^it is not JSON$/],
    "what PowerShell redirects": [`\ufffd\ufffd{\0}\0`, /^it is not JSON$/],
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
    it(`refuses ${what}`, async () => {
      const error = await failureOf(read(text), "configuration");
      assert.equal(error.operation, "read the stack export a.json");
      assert.match(error.reason, reason);
      assert.equal(error.fix, 'write it with "pulumi stack export --stack NAME --file a.json".');
      assert(!error.message.includes("sk_1"));
    });
  }

  it("refuses a file that is not there", async () => {
    const error = await failureOf(readStackExport(shell, "b.json"), "configuration");
    assert.match(error.reason, /^ENOENT: /);
  });
});
