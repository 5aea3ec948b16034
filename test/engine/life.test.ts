import assert from "node:assert/strict";
import { accountWithKey, type Bench, openBench, writes } from "../support/bench";

const did = (operation: { steps: { op: string; type: string; name: string }[] }) =>
  operation.steps
    .filter(({ op, type }) => op !== "same" && op !== "refresh" && type.includes("flexprice"))
    .map(({ op, type }) => `${op} ${type.split(":").at(-1)}`);

describe("accounts and keys on the engine", () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench(accountWithKey());
  });
  after(() => bench.dispose());
  beforeEach(() => bench.emulator.clearRequests());

  const paths = () => writes(bench).map((line) => line.replace(/(user|secret)_[0-9A-Z]+/, "$1_ID"));
  const outputs = () => bench.workspace.outputs();

  it("refuses bad roles in the preview, before anything is written", async () => {
    for (const [roles, words] of [
      ["[]", "Service accounts must have at least one role assigned"],
      ['["custom_role"]', "Invalid role: custom_role"],
      ['["event_ingestr"]', 'Did you mean "event_ingestor"?'],
      ['["super_admin", "event_reader"]', "assign it alone"],
    ] as const) {
      bench.workspace.setSource(accountWithKey('"ci"', roles));
      const preview = await bench.workspace.preview();
      assert.notEqual(preview.exitCode, 0, words);
      assert.ok(preview.output.includes(words), preview.output);
    }
    assert.deepEqual(writes(bench), []);
    bench.workspace.setSource(accountWithKey());
  });

  it("names a rejected credential's source and never its value", async () => {
    bench.workspace.env["FLEXPRICE_BASE_URL"] = bench.emulator.url;
    await bench.workspace.setConfig({
      "flexprice:apiKey": { value: "sk_01WRONGWRONGWRONGWRONGWRO", secret: true },
    });
    const preview = await bench.workspace.preview();
    assert.notEqual(preview.exitCode, 0);
    assert.match(preview.output, /401.*Unauthorized/);
    assert.match(preview.output, /config key flexprice:apiKey/);
    assert.ok(!preview.output.includes("WRONGWRONG"));
    await bench.workspace.setConfig({
      "flexprice:apiKey": { value: bench.operator.apiKey, secret: true },
    });
  });

  it("creates the account, then its key, and shows no secret", async () => {
    const up = await bench.workspace.up();
    assert.equal(up.exitCode, 0, up.output);
    assert.deepEqual(did(up), ["create ServiceAccount", "create ApiKey"]);
    assert.deepEqual(paths(), ["POST /v1/users 201", "POST /v1/secrets/api/keys 201"]);
    const { apiKey } = await outputs();
    assert.match(String(apiKey), /^sk_/);
    const state = JSON.stringify(await bench.workspace.exportState());
    for (const secret of [String(apiKey), bench.operator.apiKey]) {
      assert.ok(!state.includes(secret) && !up.output.includes(secret));
    }
  });

  it("does nothing when nothing changed, and reports no drift, twice", async () => {
    const before = await outputs();
    for (const round of [1, 2]) {
      const preview = await bench.workspace.preview(["--refresh", "--expect-no-changes"]);
      assert.equal(preview.exitCode, 0, `round ${round}: ${preview.output}`);
    }
    assert.equal((await bench.workspace.up()).exitCode, 0);
    assert.deepEqual(await outputs(), before);
    assert.deepEqual(writes(bench), []);
  });

  it("renames in place", async () => {
    const before = await outputs();
    bench.workspace.setSource(accountWithKey('"renamed"'));
    const up = await bench.workspace.up();
    assert.deepEqual(did(up), ["update ServiceAccount"]);
    assert.deepEqual(paths(), ["PUT /v1/users/user_ID 200"]);
    assert.deepEqual(await outputs(), before);
    assert.equal(
      bench.emulator.accounts(bench.operator.tenantId).some((a) => a.name === "renamed"),
      true,
    );
  });

  it("shows a rename in the dashboard as drift and puts it right", async () => {
    const { accountId } = await outputs();
    bench.emulator.renameAccount(String(accountId), "in the dashboard");
    const preview = await bench.workspace.preview(["--refresh", "--diff", "--expect-no-changes"]);
    assert.notEqual(preview.exitCode, 0);
    assert.match(preview.output, /~ name *: "renamed" => "in the dashboard"/);
    assert.equal((await bench.workspace.up(["--refresh"])).exitCode, 0);
    const again = await bench.workspace.preview(["--refresh", "--expect-no-changes"]);
    assert.equal(again.exitCode, 0, again.output);
  });

  it("makes a revoked key anew", async () => {
    const before = await outputs();
    bench.emulator.revokeKey(String(before["keyId"]));
    const preview = await bench.workspace.preview(["--refresh", "--expect-no-changes"]);
    assert.notEqual(preview.exitCode, 0);
    const up = await bench.workspace.up(["--refresh"]);
    assert.deepEqual(did(up), ["create ApiKey"]);
    const now = await outputs();
    assert.equal(now["accountId"], before["accountId"]);
    assert.notEqual(now["apiKey"], before["apiKey"]);
  });

  it("replaces account and key when the roles change, new before old", async () => {
    bench.workspace.setSource(accountWithKey('"renamed"', '["event_reader", "event_ingestor"]'));
    const up = await bench.workspace.up();
    assert.equal(up.exitCode, 0, up.output);
    assert.deepEqual(paths(), [
      "POST /v1/users 201",
      "POST /v1/secrets/api/keys 201",
      "DELETE /v1/secrets/api/keys/secret_ID 204",
      "DELETE /v1/users/user_ID 204",
    ]);
  });

  it("replaces an account that was archived, with its key", async () => {
    const before = await outputs();
    bench.emulator.archiveAccount(String(before["accountId"]));
    const preview = await bench.workspace.preview(["--refresh", "--expect-no-changes"]);
    assert.notEqual(preview.exitCode, 0);
    const up = await bench.workspace.up(["--refresh"]);
    assert.equal(up.exitCode, 0, up.output);
    const now = await outputs();
    assert.notEqual(now["accountId"], before["accountId"]);
    const old = bench.emulator.keys().find(({ id }) => id === before["keyId"]);
    assert.notEqual(old?.status, "published");
  });

  it("refuses to archive an account with a foreign active key, then finishes", async () => {
    const { accountId } = await outputs();
    const made = await fetch(`${bench.emulator.url}/secrets/api/keys`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": bench.operator.apiKey },
      body: JSON.stringify({
        name: "by hand",
        type: "private_key",
        service_account_id: accountId,
      }),
    });
    const { secret } = (await made.json()) as { secret: { id: string } };
    const refused = await bench.workspace.destroy();
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /Revoke all API keys before archiving this service account/);
    assert.ok(refused.output.includes(`"by hand" (${secret.id}`), refused.output);
    bench.emulator.revokeKey(secret.id);
    assert.equal((await bench.workspace.destroy()).exitCode, 0);
    const alive = bench.emulator
      .accounts(bench.operator.tenantId)
      .filter(({ type, status }) => type === "service_account" && status === "published");
    assert.deepEqual(alive, []);
  });

  it("keeps everything when the server is down, and completes afterwards", async () => {
    bench.workspace.env["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9/v1";
    const preview = await bench.workspace.preview();
    assert.equal(preview.exitCode, 0, preview.output);
    assert.match(preview.output, /built-in list/);
    bench.workspace.env["FLEXPRICE_BASE_URL"] = bench.emulator.url;
    const up = await bench.workspace.up();
    assert.equal(up.exitCode, 0, up.output);
    assert.equal((await bench.workspace.destroy()).exitCode, 0);
  });
});
