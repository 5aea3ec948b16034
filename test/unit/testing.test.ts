import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "../../provider/config/read";
import { type EmbeddedFlexprice, startFlexprice } from "../../provider/testing";
import { EmulatorClient } from "../support/emulator-client";
import { DAY } from "./fixture";

describe("testing", () => {
  let flexprice: EmbeddedFlexprice;
  beforeEach(async () => {
    flexprice = await startFlexprice();
  });
  afterEach(() => flexprice.stop());

  async function me(apiKey: string, url = flexprice.url) {
    const answer = await fetch(`${url}/users/me`, { headers: { "x-api-key": apiKey } });
    await answer.arrayBuffer();
    return { status: answer.status, date: Date.parse(answer.headers.get("date") ?? "") };
  }

  it("starts a new server with nothing in it but an operator with a working key", async () => {
    const { operator } = flexprice;
    assert.equal((await me(operator.apiKey)).status, 200);
    assert.deepEqual(flexprice.accounts(), []);
    assert.deepEqual(
      flexprice.keys().map(({ userId, value }) => [userId, value]),
      [[operator.userId, operator.apiKey]],
    );
    assert.deepEqual(
      flexprice.requests.map(({ method, path, status }) => [method, path, status]),
      [["GET", "/v1/users/me", 200]],
    );
    const other = await startFlexprice();
    assert.notEqual(other.url, flexprice.url);
    await other.stop();
  });

  it("provides an environment that overrides the settings of the shell", () => {
    const connections = JSON.stringify({ production: { apiKey: "sk_01REAL" } });
    const surrounding = {
      FLEXPRICE_BASE_URL: "https://us.api.flexprice.io",
      FLEXPRICE_ACCESS_TOKEN: "a-token-of-mine",
      FLEXPRICE_ENVIRONMENT_ID: "env_real",
      FLEXPRICE_CONNECTIONS: connections,
      FLEXPRICE_PREFLIGHT: "false",
    };
    const source = {
      config: () => undefined,
      environment: { ...surrounding, ...flexprice.environment },
    };
    assert.deepEqual(readSettings(source), {
      baseUrl: flexprice.url,
      credential: {
        kind: "apiKey",
        value: flexprice.operator.apiKey,
        source: "environment variable FLEXPRICE_API_KEY",
      },
      environmentId: undefined,
    });
    assert.throws(() => readSettings(source, "production"), { kind: "configuration" });
  });

  it("moves the server's clock ahead", async () => {
    const { userId, environmentId, apiKey } = flexprice.operator;
    const { value } = flexprice.createKey(userId, environmentId, {
      name: "short",
      expiresAt: new Date(Date.now() + 2 * DAY),
    });
    flexprice.advance("1d");
    assert.equal((await me(value)).status, 200);
    flexprice.advance("25h");
    const { status } = await me(value);
    const { date } = await me(apiKey);
    assert.deepEqual([status, Math.round((date - Date.now()) / DAY)], [401, 2]);
    assert.throws(() => flexprice.advance("soon"), /"soon" is not a duration/);
  });

  it("delays revocations by revocationDelayMs", async () => {
    await using slow = await startFlexprice({ revocationDelayMs: 120_000 });
    const { userId, environmentId } = slow.operator;
    const { id, value } = slow.createKey(userId, environmentId, { name: "k" });
    assert.equal((await me(value, slow.url)).status, 200);
    slow.revokeKey(id);
    assert.equal((await me(value, slow.url)).status, 200);
    slow.advance("2m");
    assert.equal((await me(value, slow.url)).status, 401);
  });

  it("delays writes for other requests by replicaLagMs", async () => {
    await using late = await startFlexprice({ replicaLagMs: 3_600_000 });
    const { apiKey } = late.operator;
    const client = new EmulatorClient(late.url, { apiKey });
    assert.equal((await client.makeAccount()).status, 201);
    const [account] = late.accounts();
    const key = { name: "k", type: "private_key", service_account_id: account?.id };
    assert.equal(await client.status("POST", "/secrets/api/keys", key), 404);
    late.advance("1h");
    assert.equal(await client.status("POST", "/secrets/api/keys", key), 201);
  });

  it("says how to get a Pulumi CLI if a stack needs one, and leaves no folder", async () => {
    const { PATH, TMPDIR } = process.env;
    const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-unit-"));
    Object.assign(process.env, { PATH: folder, TMPDIR: folder });
    try {
      await assert.rejects(flexprice.stack("."), (error: Error) => {
        const lines = error.message.split("\n");
        assert.equal(lines[0], "Could not create a stack for the test.");
        assert.match(
          String(lines[1]),
          /^ {2}Reason: no usable Pulumi CLI is on the PATH: .*ENOENT/,
        );
        assert.match(String(lines[2]), /^ {2}What to do: install a current one: https:/);
        assert.equal(lines.length, 3);
        return true;
      });
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      process.env["PATH"] = PATH;
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
      rmSync(folder, { recursive: true });
    }
  });

  it("creates no stack that nothing would remove, after it is stopped", async () => {
    const stopped = await startFlexprice();
    await stopped.stop();
    await assert.rejects(stopped.stack("."), /^Error: this Flexprice is stopped: start another/);
  });

  it("needs no Pulumi SDK as long as no stack is used", () => {
    const script = `
      const { startFlexprice } = require("./provider/testing");
      startFlexprice().then((flexprice) => flexprice.stop()).then(() => {
        console.log(Object.keys(require.cache).filter((file) => file.includes("@pulumi")).length);
      });`;
    const args = ["--require", "ts-node/register/transpile-only", "--eval", script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(stdout, "0\n", stderr);
  });

  it("can be stopped twice", async () => {
    await flexprice.stop();
    await flexprice.stop();
    await assert.rejects(me(flexprice.operator.apiKey));
  });

  it("stops at the end of a block", async () => {
    await flexprice[Symbol.asyncDispose]();
    await assert.rejects(me(flexprice.operator.apiKey));
  });
});
