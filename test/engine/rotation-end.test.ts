import assert from "node:assert/strict";
import { Clock } from "./clock";
import { KEY_REPLACED, keyState, use } from "./consumer";
import { accountWithKey, Bench, changes, failed, messages, succeeded } from "./fixture";

const ACCOUNT = "**ServiceAccount::ci";

describe("the end of a key that its rotation leaves to its expiry", () => {
  let bench: Bench;
  before(async () => {
    // From the environment, which a destroy reads as it is, and not as the last update saw it.
    bench = await Bench.open(program("event_ingestor"), { config: {} });
    bench.workspace.env["FLEXPRICE_API_KEY"] = bench.operator.apiKey;
    succeeded(await bench.up());
  });
  after(() => bench.close());

  function program(role: string, account = ""): string {
    return accountWithKey({
      roles: `["${role}"]`,
      account,
      key: 'expiresIn: "30d", onDelete: "expire"',
    });
  }

  async function assertOneAccount(id: unknown): Promise<void> {
    assert.deepEqual(
      bench.accounts().map((account) => account.id),
      [id],
    );
  }

  it("does not come with a destroy that a credential of another tenant, or an absent server, makes fail", async () => {
    const before = await bench.held();
    const { apiKey } = await bench.outputs();
    const { env } = bench.workspace;
    const stranger = bench.emulator.createTenant();
    bench.hide(stranger.apiKey);
    const obstacles = {
      FLEXPRICE_API_KEY: [stranger.apiKey, /it belongs to tenant .*, but the credential from/],
      FLEXPRICE_BASE_URL: ["http://127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
    } as const;
    bench.takeWrites();
    for (const [name, [value, reason]] of Object.entries(obstacles)) {
      const usual = env[name];
      env[name] = value;
      const destroy = failed(await bench.destroy());
      env[name] = usual;
      assert.match(messages(destroy, "error").join(), reason);
      assert.deepEqual(messages(destroy, "warning"), []);
      assert.deepEqual(await bench.held(), before, name);
    }
    assert.deepEqual(bench.takeWrites(), []);
    assert.equal(await use(bench, apiKey), 200);
  });

  it("comes with its account, at the same time, in the up after one that replaced the account alone", async () => {
    const before = await bench.outputs();
    bench.setSource(program("event_reader"));
    failed(await bench.up("--target", ACCOUNT));
    assert.equal(await use(bench, before["apiKey"]), 200);
    // So the account's turn comes while the key is still there.
    bench.emulator.faults.add({
      kind: "status",
      status: 503,
      when: "before",
      match: { method: "DELETE", path: /\/secrets\/api\/keys\// },
    });
    succeeded(await bench.up());
    const now = await bench.outputs();
    assert.equal(await use(bench, before["apiKey"]), 401);
    assert.equal(await use(bench, now["apiKey"]), 200);
    await assertOneAccount(now["accountId"]);
  });

  it("does not come by forceDestroy while the stack goes on using the key, as with --target", async () => {
    bench.setSource(program("event_reader", "forceDestroy: true"));
    succeeded(await bench.up());
    const before = await bench.outputs();
    bench.setSource(program("event_ingestor", "forceDestroy: true"));
    const { name } = await keyState(bench);
    // The second finds the old account replaced already.
    for (const run of ["first", "second"]) {
      const targeted = failed(await bench.up("--target", ACCOUNT));
      const refusal = messages(targeted, "error").join();
      assert.ok(refusal.includes(`"${name}" (${before["keyId"]}) may be in use`), run + refusal);
      assert.match(refusal, /What to do: run "pulumi up" without --target/);
      assert.deepEqual(messages(targeted, "warning"), []);
    }
    assert.equal(await use(bench, before["apiKey"]), 200);
  });

  it("comes by forceDestroy for keys that were made by hand, each with a warning", async () => {
    const before = await bench.outputs();
    const replaced = (await bench.resources()).find((resource) => resource.delete);
    const foreign = bench.emulator.createKey(String(replaced?.id), bench.operator.environmentId, {
      name: "by hand",
    });
    const warnings = messages(succeeded(await bench.up()), "warning");
    const forced = warnings.filter((text) => text.includes("(forceDestroy)"));
    assert.equal(forced.length, 1, warnings.join());
    assert.match(
      forced.join(),
      new RegExp(`^API key "by hand" \\(${foreign.id}.* was in the way of archiving`),
    );
    for (const value of [before["apiKey"], foreign.value]) {
      assert.equal(await use(bench, value), 401);
    }
    const now = await bench.outputs();
    assert.equal(await use(bench, now["apiKey"]), 200);
    await assertOneAccount(now["accountId"]);
  });

  it("does not come early with a rotation by a machine whose clock is far ahead, which says what it leaves", async () => {
    const ahead = new Clock();
    ahead.advance("100d");
    Object.assign(bench.workspace.env, ahead.env);
    const old = await bench.outputs();
    const up = succeeded(await bench.up());
    assert.deepEqual(changes(up), KEY_REPLACED);
    assert.match(messages(up, "warning").join(), /is not revoked but left to its expiry at/);
    assert.equal(await use(bench, old["apiKey"]), 200);
  });

  it("comes with everything else in a destroy, whatever that machine's clock shows", async () => {
    const preview = await bench.destroy("--yes=false", "--skip-preview=false", "--preview-only");
    assert.deepEqual(changes(succeeded(preview)), ["delete ApiKey ci", "delete ServiceAccount ci"]);
    const destroy = succeeded(await bench.destroy());
    assert.match(
      messages(destroy, "warning").join(),
      /^API key secret_\w+, which a rotation had left .* has been revoked together with its successor/,
    );
    assert.deepEqual([bench.accounts(), bench.keys(), await bench.resources()], [[], [], []]);
  });
});
