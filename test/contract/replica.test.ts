import assert from "node:assert/strict";
import type { Emulator, Operator } from "../../provider/emulator";
import {
  type Answer,
  type EmulatorClient,
  ManualClock,
  startEmulator,
} from "../support/emulator-client";
import { field } from "./case";

const LAG_SECONDS = 8;

describe("read replica", () => {
  let clock: ManualClock;
  let emulator: Emulator;
  let operator: Operator;
  let client: EmulatorClient;

  beforeEach(async () => {
    clock = new ManualClock();
    ({ emulator, operator, client } = await startEmulator({
      clock: clock.read,
      replicaLagMs: LAG_SECONDS * 1_000,
    }));
  });
  afterEach(() => emulator.stop());

  const text = (value: unknown, name: string) => `${field(value, name)}`;
  const makeAccount = async () => text((await client.makeAccount()).json, "id");
  const makeKey = (id: string) =>
    client.send("POST", "/secrets/api/keys", {
      name: "p1",
      type: "private_key",
      service_account_id: id,
    });
  const idOf = (key: Answer) => text(field(key.json, "secret"), "id");
  const count = ({ json }: Answer) => field(field(json, "pagination"), "total");
  const search = async () => count(await client.send("POST", "/users/search", { limit: 1 }));
  const list = async (id: string) =>
    count(await client.send("GET", `/secrets/api/keys?user_id=${id}`));

  /** Returns the same response until the lag is over, and then the other one. */
  async function turns<T>(ask: () => Promise<T>, before: T, after: T): Promise<void> {
    assert.deepEqual(await ask(), before);
    clock.advance({ seconds: LAG_SECONDS - 0.001 });
    assert.deepEqual(await ask(), before);
    clock.advance({ seconds: 0.001 });
    assert.deepEqual(await ask(), after);
  }

  it("has the operator from the beginning", async () => {
    assert.equal(await client.me(), 200);
  });

  it("shows a request what it has written itself", async () => {
    const { status, json } = await client.send("PUT", "/users/me", { name: "mine" });
    assert.deepEqual([status, field(json, "name")], [200, "mine"]);
  });

  it("refuses a key of an account that was just made", async () => {
    const id = await makeAccount();
    const refused = await makeKey(id);
    assert.deepEqual([refused.status, field(refused.json, "message")], [404, "User not found"]);
    await turns(async () => (await makeKey(id)).status, 404, 201);
  });

  it("does not archive an account whose keys were just revoked", async () => {
    const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
    const key = emulator.createKey(id, operator.environmentId, { name: "p1" });
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${key.id}`), 204);
    const refused = await client.send("DELETE", `/users/${id}`);
    assert.equal(
      field(refused.json, "message"),
      "Revoke all API keys before archiving this service account",
    );
    await turns(() => client.status("DELETE", `/users/${id}`), 400, 204);
  });

  it("archives an account whose key was just made", async () => {
    const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
    await makeKey(id);
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
  });

  it("searches without what was just made, and with what was just archived", async () => {
    const id = await makeAccount();
    await turns(search, 0, 1);
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    await turns(search, 1, 0);
  });

  it("lists keys as late", async () => {
    const id = await makeAccount();
    clock.advance({ seconds: LAG_SECONDS });
    const key = idOf(await makeKey(id));
    await turns(() => list(id), 0, 1);
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${key}`), 204);
    await turns(() => list(id), 1, 0);
  });

  it("does not know a key that was just made: neither to revoke it nor to let it in", async () => {
    const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
    const key = await makeKey(id);
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${idOf(key)}`), 404);
    const owner = client.as({ apiKey: text(key.json, "api_key") });
    await turns(() => owner.me(), 401, 200);
  });

  it("changes one column alone, whatever it has not seen of the others", async () => {
    const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    assert.equal(await client.status("PUT", `/users/${id}`, { name: "late" }), 200);
    const [account] = emulator.accounts();
    assert.deepEqual([account?.name, account?.status], ["late", "archived"]);
  });

  it("has at once what a test changes, and everything before it", async () => {
    const id = await makeAccount();
    emulator.renameAccount(id, "renamed");
    assert.equal(await search(), 1);
    assert.equal((await makeKey(id)).status, 201);
  });
});
