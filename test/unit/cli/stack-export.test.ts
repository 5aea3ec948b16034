import assert from "node:assert/strict";
import { readStackExport, type StackExport } from "../../../provider/cli/stack-export";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { failureOf, HOUR, Stage } from "../harness";
import { accountResource, exported, keyResource } from "./exported";
import { TestShell } from "./shell";

describe("cli/stack-export", () => {
  let stage: Stage;
  let shell: TestShell;
  let account: EmulatedUser;
  let key: EmulatedKey;
  beforeEach(async () => {
    stage = await Stage.start();
    shell = new TestShell(stage);
    const { tenantId, environmentId } = stage.operator;
    account = stage.emulator.createAccount(tenantId, { name: "ci", roles: ["event_reader"] });
    key = stage.emulator.createKey(account.id, environmentId, { name: "k" });
  });
  afterEach(async () => {
    shell.dispose();
    await stage.stop();
  });

  function read(text: string, ageMs = 0): Promise<StackExport> {
    shell.write("a.json", text, ageMs);
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
      keyResource(key, { onDelete: "expire" }),
    ]);
    const { tenantId } = stage.operator;
    assert.deepEqual(await read(text, HOUR), {
      source: "a.json",
      stack: "shop/prod",
      ageMs: HOUR,
      objects: [
        {
          kind: "account",
          id: account.id,
          tenantId,
          name: "ci",
          ownerId: undefined,
          isLeftToExpire: false,
        },
        {
          kind: "key",
          id: key.id,
          tenantId,
          name: "k",
          ownerId: account.id,
          isLeftToExpire: true,
        },
      ],
      pendingOperations: 0,
    });
  });

  it("reads standard input", async () => {
    shell.stdin.end(exported([accountResource(account)]));
    const { source, ageMs, objects } = await readStackExport(shell, "-");
    assert.deepEqual([source, ageMs, objects.length], ["standard input", 0, 1]);
  });

  it("counts what is to be deleted and what is under way as known", async () => {
    const text = exported([{ ...accountResource(account), delete: true }], {
      pending_operations: [
        { type: "deleting", resource: keyResource(key) },
        { type: "creating", resource: { ...keyResource(key), id: undefined } },
      ],
    });
    const { objects, pendingOperations } = await read(text);
    assert.deepEqual(
      objects.map(({ id }) => id),
      [account.id, key.id],
    );
    assert.equal(pendingOperations, 2);
  });

  it("makes do without what is encrypted or absent", async () => {
    const { tenantId: _, ...outputs } = keyResource(key).outputs ?? {};
    const secret = { "4dabf18193072939515e22adb298388d": "1b4…", ciphertext: "v1:abc" };
    const bare = { ...keyResource(key), outputs: { ...outputs, tenantId: secret } };
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
      assert.equal(error.attempted, "read the stack export a.json");
      assert.match(error.answer, reason);
      assert.equal(error.advice, 'write it with "pulumi stack export --stack NAME --file a.json".');
      assert(!error.message.includes("sk_1"));
    });
  }

  it("refuses a file that is not there", async () => {
    const error = await failureOf(readStackExport(shell, "b.json"), "configuration");
    assert.match(error.answer, /^ENOENT: /);
  });
});
