import assert from "node:assert/strict";
import { authenticateWithKey, confirmRevoked } from "../../../provider/session/key-verification";
import { credential, failureOf, type ProviderProcess, token, UnitFixture } from "../fixture";

const PROBE = "GET /secrets/api/keys?limit=1&offset=0&sort=created_at&order=desc";
const ME = "GET /users/me";
const ALL_PAUSES = [2_000, 5_000, 15_000, 30_000, 30_000, 45_000];

describe("session/key-verification", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  let key: { id: string; value: string };
  let pauses: number[];
  beforeEach(setUp);

  function setUp(): void {
    provider = fixture.process();
    pauses = [];
    const { tenantId, environmentId } = fixture.operator;
    account = fixture.emulator.createAccount(tenantId, { name: "a", roles: ["event_reader"] }).id;
    key = fixture.emulator.createKey(account, environmentId, { name: "k" });
  }

  const isRevoked = ({ connection } = provider) =>
    confirmRevoked(connection, key.value, async (ms) => {
      pauses.push(ms);
      fixture.clock.now += ms;
    });

  /** The messages from now on, each with the number of pauses before it. */
  function recordMessages(): string[] {
    const messages: string[] = [];
    const api = Object.assign(Object.create(provider.connection.api), {
      notify: async (message: string) => {
        messages.push(`${message} after ${pauses.length} pauses`);
      },
    });
    Object.assign(provider.connection, { api });
    return messages;
  }

  it("confirmRevoked reports what it waits for, with the key as the dashboard shows it", async () => {
    const messages = recordMessages();
    await isRevoked();
    const { value } = key;
    assert.equal(
      messages[0],
      `Waiting for the server to stop accepting API key ${value.slice(0, 5)}***${value.slice(-2)}, for up to 127 seconds: a recently used key keeps working for up to two minutes after it is revoked. after 0 pauses`,
    );
    assert.equal(new Set(messages.map((text) => text.replace(/ after \d pauses$/, ""))).size, 1);
  });

  it("confirmRevoked reports nothing if it does not wait", async () => {
    const messages = recordMessages();
    fixture.emulator.revokeKey(key.id);
    await isRevoked();
    assert.deepEqual(messages, []);
  });

  it("authenticateWithKey asks with the key itself", async () => {
    const owner = await authenticateWithKey(provider.connection.api, key.value);
    assert.equal(owner?.id, account);
    assert.deepEqual(
      fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]),
      [key.value],
    );
  });

  it("authenticateWithKey returns no owner of a key that is not accepted", async () => {
    fixture.emulator.revokeKey(key.id);
    assert.equal(await authenticateWithKey(provider.connection.api, key.value), undefined);
  });

  it("authenticateWithKey fails if the server fails", async () => {
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
    await failureOf(authenticateWithKey(provider.connection.api, key.value), "forbidden");
  });

  it("confirmRevoked needs two rejections of the key around a response from the database", async () => {
    fixture.emulator.revokeKey(key.id);
    assert.equal(await isRevoked(), true);
    assert.deepEqual(fixture.log, [ME, PROBE, ME]);
    assert.deepEqual(
      fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]),
      [key.value, fixture.operator.apiKey, key.value],
    );
    assert.deepEqual(pauses, []);
  });

  it("confirmRevoked asks a working key for longer than the server's cache lasts", async () => {
    assert.equal(await isRevoked(), false);
    assert.deepEqual(fixture.log, Array(7).fill(ME));
    assert.deepEqual(pauses, ALL_PAUSES);
  });

  it("confirmRevoked waits for a revocation that takes effect late", async () => {
    await fixture.start({ revocationDelayMs: 120_000 });
    setUp();
    await authenticateWithKey(provider.connection.api, key.value);
    fixture.emulator.revokeKey(key.id);
    fixture.emulator.clearRequests();
    assert.equal(await isRevoked(), true);
    assert.deepEqual(pauses, ALL_PAUSES);
    assert.deepEqual(fixture.log, [...Array(7).fill(ME), PROBE, ME]);
  });

  it("confirmRevoked fails while the database is away, whatever the credential", async () => {
    await provider.connection.caller(); // from now on, it is in the server's cache
    const { accessToken, environmentId, userId } = fixture.operator;
    const bearer = fixture.process({ credential: token(accessToken), environmentId });
    const { value } = fixture.emulator.createKey(userId, environmentId, { name: "never used" });
    const uncached = fixture.process({ credential: credential(value) });
    fixture.emulator.faults.outage = true;
    await failureOf(isRevoked(), "server_error");
    await failureOf(isRevoked(bearer), "server_error");
    await failureOf(isRevoked(uncached), "unauthenticated");
  });

  it("confirmRevoked does not accept a rejection from before the database came back", async () => {
    fixture.emulator.faults.decide = ({ path }) => {
      fixture.emulator.faults.outage = path === "/v1/users/me" && fixture.log.length === 1;
      return undefined;
    };
    assert.equal(await isRevoked(), false);
    assert.deepEqual(fixture.log.slice(0, 3), [ME, PROBE, ME]);
    assert.deepEqual(pauses, ALL_PAUSES);
  });
});
