import assert from "node:assert/strict";
import { type Emulator, type Operator, seeded } from "../../provider/emulator";
import {
  type ClientResponse,
  type EmulatorClient,
  ManualClock,
  startEmulator,
} from "../support/emulator-client";

describe("during a database outage", () => {
  const clock = new ManualClock();
  let emulator: Emulator;
  let operator: Operator;
  let client: EmulatorClient;

  beforeEach(async () => {
    const random = seeded(7);
    ({ emulator, operator, client } = await startEmulator({ clock: clock.read, random }));
  });

  afterEach(() => emulator.stop());

  /** The different responses to a repeated request. */
  const responsesTo = async (times: number, request: () => Promise<ClientResponse>) => {
    const responses = new Set<string>();
    for (let i = 0; i < times; i++) {
      const { status, text } = await request();
      responses.add(`${status} ${text}`);
    }
    return [...responses].sort();
  };

  it("a key that is not in the cache is rejected, and a cached key gets 500", async () => {
    emulator.faults.outage = true;
    assert.deepEqual((await client.send("GET", "/users/me")).json, { error: "Unauthorized" });

    emulator.faults.outage = false;
    assert.equal(await client.me(), 200);

    emulator.faults.outage = true;
    const { status, json } = await client.makeAccount();
    assert.equal(status, 500);
    assert.equal(JSON.stringify(json).includes('"code":"database_error"'), true);
    for (const [method, path] of [
      ["GET", "/users/me"],
      ["GET", "/secrets/api/keys"],
      ["GET", "/environments"],
      ["DELETE", "/secrets/api/keys/secret_nope"],
      ["DELETE", "/users/user_nope"],
    ] as const) {
      assert.equal(await client.status(method, path), 500, `${method} ${path}`);
    }
    assert.equal(await client.status("POST", "/users/search", { limit: 1 }), 500);
    assert.deepEqual(emulator.accounts(), []);

    clock.advance({ seconds: 120 });
    assert.equal(await client.me(), 401, "two minutes later, the key is out of the cache");
  });

  it("a token gets one of two 500s", async () => {
    emulator.faults.outage = true;
    const user = client.as({ accessToken: operator.accessToken });
    assert.deepEqual(await responsesTo(20, () => user.send("GET", "/users/me")), [
      '500 {"error":"Internal server error","message":"Failed to resolve environment"}',
      '500 {"error":"Internal server error"}',
    ]);
  });

  it("creating a key for an account fails with 500 or 404", async () => {
    const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
    await client.me();
    emulator.faults.outage = true;
    const key = { name: "p1", type: "private_key", service_account_id: id };
    const details = `"details":{"tenant_id":"${operator.tenantId}","user_id":"${id}"}`;
    assert.deepEqual(await responsesTo(20, () => client.send("POST", "/secrets/api/keys", key)), [
      `404 {"code":"not_found","message":"Failed to retrieve user","http_status_code":404,${details}}`,
      `500 {"code":"database_error","message":"Failed to retrieve user","http_status_code":500,${details}}`,
    ]);
  });

  it("the server recovers when the outage ends", async () => {
    emulator.faults.outage = true;
    await client.me();
    emulator.faults.outage = false;
    assert.equal((await client.makeAccount()).status, 201);
  });
});
