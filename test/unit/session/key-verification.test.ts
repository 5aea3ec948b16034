import assert from "node:assert/strict";
import { authenticateWithKey, confirmRevoked } from "../../../provider/session/key-verification";
import {
  credential,
  failureOf,
  type ProviderProcess,
  token,
  UnitFixture,
  type UnitFixtureOptions,
} from "../fixture";

const PROBE = "GET /secrets/api/keys?limit=1&offset=0&sort=created_at&order=desc";
const ME = "GET /users/me";
const ALL_PAUSES = [2_000, 5_000, 15_000, 30_000, 30_000, 45_000];

describe("session/key-verification", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  let key: { id: string; value: string };
  let pauses: number[];
  async function set(options: UnitFixtureOptions = {}): Promise<void> {
    await fixture.start(options);
    process = fixture.process();
    pauses = [];
    const { tenantId, environmentId } = fixture.operator;
    account = fixture.emulator.createAccount(tenantId, { name: "a", roles: ["event_reader"] }).id;
    key = fixture.emulator.createKey(account, environmentId, { name: "k" });
  }

  const stopped = (by = process) =>
    confirmRevoked(by.connection, key.value, async (ms) => {
      pauses.push(ms);
      fixture.clock.now += ms;
    });

  it("says what it waits for before it waits, naming the key by what the dashboard shows", async () => {
    await set();
    const said: string[] = [];
    const api = Object.assign(Object.create(process.connection.api), {
      notify: async (message: string) => said.push(`${message} after ${pauses.length} pauses`),
    });
    await stopped({ ...process, connection: Object.assign(process.connection, { api }) });
    const { value } = key;
    assert.equal(
      said[0],
      `Waiting for the server to stop accepting API key ${value.slice(0, 5)}***${value.slice(-2)}, for up to 127 seconds: a recently used key keeps working for up to two minutes after it is revoked. after 0 pauses`,
    );
    assert.equal(new Set(said.map((text) => text.replace(/ after \d pauses$/, ""))).size, 1);
  });

  it("says nothing where it need not wait", async () => {
    await set();
    const said: string[] = [];
    const api = Object.assign(Object.create(process.connection.api), {
      notify: async (message: string) => said.push(message),
    });
    fixture.emulator.revokeKey(key.id);
    await stopped({ ...process, connection: Object.assign(process.connection, { api }) });
    assert.deepEqual(said, []);
  });

  it("asks the key itself who it acts for", async () => {
    await set();
    const owner = await authenticateWithKey(process.connection.api, key.value);
    assert.equal(owner?.id, account);
    assert.deepEqual(
      fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]),
      [key.value],
    );
  });

  it("knows no owner of a key that is not accepted", async () => {
    await set();
    fixture.emulator.revokeKey(key.id);
    assert.equal(await authenticateWithKey(process.connection.api, key.value), undefined);
  });

  it("does not take trouble of the server for an answer", async () => {
    await set();
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
    await failureOf(authenticateWithKey(process.connection.api, key.value), "forbidden");
  });

  it("takes two refusals around an answer of the database for the end of a key", async () => {
    await set();
    fixture.emulator.revokeKey(key.id);
    assert.equal(await stopped(), true);
    assert.deepEqual(fixture.log, [ME, PROBE, ME]);
    assert.deepEqual(
      fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]),
      [key.value, fixture.operator.apiKey, key.value],
    );
    assert.deepEqual(pauses, []);
  });

  it("asks a key that works again for longer than the server's cache lives", async () => {
    await set();
    assert.equal(await stopped(), false);
    assert.deepEqual(fixture.log, Array(7).fill(ME));
    assert.deepEqual(pauses, ALL_PAUSES);
  });

  it("waits for a revocation that takes effect late", async () => {
    await set({ revocationDelayMs: 120_000 });
    await authenticateWithKey(process.connection.api, key.value);
    fixture.emulator.revokeKey(key.id);
    fixture.emulator.clearRequests();
    assert.equal(await stopped(), true);
    assert.deepEqual(pauses, ALL_PAUSES);
    assert.deepEqual(fixture.log, [...Array(7).fill(ME), PROBE, ME]);
  });

  it("proves nothing while the database is away, whatever the credential", async () => {
    await set();
    await process.connection.caller(); // from now on, it is in the server's cache
    const { accessToken, environmentId, userId } = fixture.operator;
    const bearer = fixture.process({ credential: token(accessToken), environmentId });
    const { value } = fixture.emulator.createKey(userId, environmentId, { name: "never used" });
    const uncached = fixture.process({ credential: credential(value) });
    fixture.emulator.faults.outage = true;
    await failureOf(stopped(), "server_error");
    await failureOf(stopped(bearer), "server_error");
    await failureOf(stopped(uncached), "unauthenticated");
  });

  it("proves nothing by a refusal from just before the database came back", async () => {
    await set();
    fixture.emulator.faults.decide = ({ path }) => {
      fixture.emulator.faults.outage = path === "/v1/users/me" && fixture.log.length === 1;
      return undefined;
    };
    assert.equal(await stopped(), false);
    assert.deepEqual(fixture.log.slice(0, 3), [ME, PROBE, ME]);
    assert.deepEqual(pauses, ALL_PAUSES);
  });
});
