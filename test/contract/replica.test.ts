import assert from "node:assert/strict";
import type { Emulator, Operator } from "../../provider/emulator";
import {
  type ClientResponse,
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
  const newAccount = () => emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
  const createAccount = async () => text((await client.makeAccount()).json, "id");
  const createKey = (id: string) =>
    client.send("POST", "/secrets/api/keys", {
      name: "p1",
      type: "private_key",
      service_account_id: id,
    });
  const idOf = (key: ClientResponse) => text(field(key.json, "secret"), "id");
  const count = ({ json }: ClientResponse) => field(field(json, "pagination"), "total");
  const search = async () => count(await client.send("POST", "/users/search", { limit: 1 }));
  const list = async (id: string) =>
    count(await client.send("GET", `/secrets/api/keys?user_id=${id}`));

  /** Expects one value until the lag is over, and then the other one. */
  async function assertChanges<T>(read: () => Promise<T>, before: T, after: T): Promise<void> {
    assert.deepEqual(await read(), before);
    clock.advance({ seconds: LAG_SECONDS - 0.001 });
    assert.deepEqual(await read(), before);
    clock.advance({ seconds: 0.001 });
    assert.deepEqual(await read(), after);
  }

  it("has the operator from the beginning", async () => {
    assert.equal(await client.me(), 200);
  });

  it("shows a request its own changes", async () => {
    const { status, json } = await client.send("PUT", "/users/me", { name: "renamed" });
    assert.deepEqual([status, field(json, "name")], [200, "renamed"]);
  });

  it("rejects a key for an account that was just created", async () => {
    const id = await createAccount();
    const refused = await createKey(id);
    assert.deepEqual([refused.status, field(refused.json, "message")], [404, "User not found"]);
    await assertChanges(async () => (await createKey(id)).status, 404, 201);
  });

  it("does not archive an account whose keys were just revoked", async () => {
    const { id } = newAccount();
    const key = emulator.createKey(id, operator.environmentId, { name: "p1" });
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${key.id}`), 204);
    const refused = await client.send("DELETE", `/users/${id}`);
    assert.equal(
      field(refused.json, "message"),
      "Revoke all API keys before archiving this service account",
    );
    await assertChanges(() => client.status("DELETE", `/users/${id}`), 400, 204);
  });

  it("archives an account whose key was just created", async () => {
    const { id } = newAccount();
    await createKey(id);
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
  });

  it("finds accounts that were just archived, but not those just created", async () => {
    const id = await createAccount();
    await assertChanges(search, 0, 1);
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    await assertChanges(search, 1, 0);
  });

  it("lists keys that were just revoked, but not those just created", async () => {
    const id = await createAccount();
    clock.advance({ seconds: LAG_SECONDS });
    const key = idOf(await createKey(id));
    await assertChanges(() => list(id), 0, 1);
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${key}`), 204);
    await assertChanges(() => list(id), 1, 0);
  });

  it("neither revokes nor accepts a key that was just created", async () => {
    const { id } = newAccount();
    const key = await createKey(id);
    assert.equal(await client.status("DELETE", `/secrets/api/keys/${idOf(key)}`), 404);
    const owner = client.as({ apiKey: text(key.json, "api_key") });
    await assertChanges(() => owner.me(), 401, 200);
  });

  it("changes one column without undoing unseen changes of others", async () => {
    const { id } = newAccount();
    assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    assert.equal(await client.status("PUT", `/users/${id}`, { name: "late" }), 200);
    const [account] = emulator.accounts();
    assert.deepEqual([account?.name, account?.status], ["late", "archived"]);
  });

  it("shows at once what a test changes, and everything before it", async () => {
    const id = await createAccount();
    emulator.renameAccount(id, "renamed");
    assert.equal(await search(), 1);
    assert.equal((await createKey(id)).status, 201);
  });
});
