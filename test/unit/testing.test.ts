import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "../../provider/config/read";
import { type EmbeddedFlexprice, startFlexprice } from "../../provider/testing";
import { EmulatorClient } from "../support/emulator-client";
import { DAY } from "./fixture";

describe("startFlexprice", () => {
  let flexprice: EmbeddedFlexprice;
  beforeEach(async () => {
    flexprice = await startFlexprice();
  });
  afterEach(() => flexprice.stop());

  async function useKey(apiKey: string, url = flexprice.url) {
    const response = await fetch(`${url}/users/me`, { headers: { "x-api-key": apiKey } });
    await response.arrayBuffer();
    return { status: response.status, date: Date.parse(response.headers.get("date") ?? "") };
  }

  it("starts an empty server, with an operator who has a working key", async () => {
    const { operator } = flexprice;
    assert.equal((await useKey(operator.apiKey)).status, 200);
    assert.deepEqual(flexprice.accounts(), []);
    assert.deepEqual(
      flexprice.keys().map(({ userId, value }) => [userId, value]),
      [[operator.userId, operator.apiKey]],
    );
    assert.deepEqual(
      flexprice.requests.map(({ method, path, status }) => [method, path, status]),
      [["GET", "/v1/users/me", 200]],
    );
    await using other = await startFlexprice();
    assert.notEqual(other.url, flexprice.url);
  });

  it("returns an environment that overrides the settings of the shell", () => {
    const connections = JSON.stringify({ production: { apiKey: "sk_01REAL" } });
    const shellEnvironment = {
      FLEXPRICE_BASE_URL: "https://us.api.flexprice.io",
      FLEXPRICE_ACCESS_TOKEN: "a-real-token",
      FLEXPRICE_ENVIRONMENT_ID: "env_real",
      FLEXPRICE_CONNECTIONS: connections,
      FLEXPRICE_PREFLIGHT: "false",
    };
    const source = {
      config: () => undefined,
      environment: { ...shellEnvironment, ...flexprice.environment },
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

  it("moves the server's clock ahead with advance", async () => {
    const { userId, environmentId, apiKey } = flexprice.operator;
    const { value } = flexprice.createKey(userId, environmentId, {
      name: "short",
      expiresAt: new Date(Date.now() + 2 * DAY),
    });
    flexprice.advance("1d");
    assert.equal((await useKey(value)).status, 200);
    flexprice.advance("25h");
    const { status } = await useKey(value);
    const { date } = await useKey(apiKey);
    assert.deepEqual([status, Math.round((date - Date.now()) / DAY)], [401, 2]);
    assert.throws(() => flexprice.advance("soon"), /"soon" is not a duration/);
  });

  it("delays revocations by revocationDelayMs", async () => {
    await using delayed = await startFlexprice({ revocationDelayMs: 120_000 });
    const { userId, environmentId } = delayed.operator;
    const { id, value } = delayed.createKey(userId, environmentId, { name: "k" });
    assert.equal((await useKey(value, delayed.url)).status, 200);
    delayed.revokeKey(id);
    assert.equal((await useKey(value, delayed.url)).status, 200);
    delayed.advance("2m");
    assert.equal((await useKey(value, delayed.url)).status, 401);
  });

  it("hides new writes from reads for replicaLagMs", async () => {
    await using lagging = await startFlexprice({ replicaLagMs: 3_600_000 });
    const { apiKey } = lagging.operator;
    const client = new EmulatorClient(lagging.url, { apiKey });
    assert.equal((await client.makeAccount()).status, 201);
    const [account] = lagging.accounts();
    const key = { name: "k", type: "private_key", service_account_id: account?.id };
    assert.equal(await client.status("POST", "/secrets/api/keys", key), 404);
    lagging.advance("1h");
    assert.equal(await client.status("POST", "/secrets/api/keys", key), 201);
  });

  it("rejects a stack without a Pulumi CLI, says how to get one, and leaves no folder", async () => {
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

  it("rejects a stack after stop, since nothing would remove it", async () => {
    const stopped = await startFlexprice();
    await stopped.stop();
    await assert.rejects(stopped.stack("."), /^Error: this Flexprice is stopped: start another/);
  });

  it("does not load the Pulumi SDK without a stack", () => {
    const script = `
      const { startFlexprice } = require("./provider/testing");
      startFlexprice().then((flexprice) => flexprice.stop()).then(() => {
        console.log(Object.keys(require.cache).filter((file) => file.includes("@pulumi")).length);
      });`;
    const args = ["--require", "ts-node/register/transpile-only", "--eval", script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(stdout, "0\n", stderr);
  });

  it("returns a server that can be stopped twice", async () => {
    await flexprice.stop();
    await flexprice.stop();
    await assert.rejects(useKey(flexprice.operator.apiKey));
  });

  it("returns a server that await using stops", async () => {
    await flexprice[Symbol.asyncDispose]();
    await assert.rejects(useKey(flexprice.operator.apiKey));
  });
});
