import assert from "node:assert/strict";
import type { Emulator, EmulatorOptions, Operator } from "../../provider/emulator";
import { type EmulatorClient, ManualClock, startEmulator } from "../support/emulator-client";

describe("expiry, caching and the clock", () => {
  let clock: ManualClock;
  let emulator: Emulator;
  let operator: Operator;
  let client: EmulatorClient;

  async function start(options: EmulatorOptions = {}): Promise<void> {
    clock = new ManualClock();
    ({ emulator, operator, client } = await startEmulator({ clock: clock.read, ...options }));
  }

  function newKey(expiresAt?: Date) {
    const account = emulator.createAccount(operator.tenantId, { roles: ["event_ingestor"] });
    return emulator.createKey(account.id, operator.environmentId, {
      name: "p1",
      ...(expiresAt && { expiresAt }),
    });
  }

  const inSeconds = (seconds: number) => new Date(clock.read().getTime() + seconds * 1000);
  const revoke = (id: string) => client.status("DELETE", `/secrets/api/keys/${id}`);

  afterEach(() => emulator.stop());

  describe("without a revocation delay", () => {
    beforeEach(() => start());

    it("a key works until it expires", async () => {
      const user = client.as({ apiKey: newKey(inSeconds(60)).value });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 60 });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 0.001 });
      assert.equal(await user.me(), 401);
    });

    it("a key that expires at this moment does not block archiving its account", async () => {
      const { userId } = newKey(inSeconds(60));
      assert.equal(await client.status("DELETE", `/users/${userId}`), 400);
      clock.advance({ seconds: 60 });
      assert.equal(await client.status("DELETE", `/users/${userId}`), 204);
    });

    it("a token works for 30 days", async () => {
      const user = client.as({ accessToken: operator.accessToken });
      clock.advance({ seconds: 30 * 24 * 3600 - 1 });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 1 });
      assert.deepEqual((await user.send("GET", "/users/me")).json, { error: "Invalid token" });
    });

    it("a token contains user, tenant and lifetime, but no environment", async () => {
      const [, payload = ""] = operator.accessToken.split(".");
      const now = clock.read().getTime() / 1000;
      assert.deepEqual(JSON.parse(Buffer.from(payload, "base64url").toString()), {
        exp: now + 30 * 24 * 3600,
        iat: now,
        tenant_id: operator.tenantId,
        user_id: operator.userId,
      });
    });

    it("ids, the Date header and creation times follow the clock", async () => {
      clock.advance({ seconds: 86_400 });
      const { headers, text } = await client.makeAccount();
      assert.equal(headers.get("date"), "Sun, 23 Aug 2026 10:00:00 GMT");
      const { id } = JSON.parse(text);
      assert.equal(timeOf(id), clock.read().getTime());
      assert.deepEqual(emulator.accounts()[0]?.createdAt, clock.read());
    });

    it("a revoked key is rejected at once", async () => {
      const key = newKey();
      const user = client.as({ apiKey: key.value });
      assert.equal(await user.me(), 200);
      assert.equal(await revoke(key.id), 204);
      assert.equal(await user.me(), 401);
    });
  });

  describe("with a revocation delay", () => {
    beforeEach(() => start({ revocationDelayMs: 120_000 }));

    it("a revoked key works until two minutes after it was cached", async () => {
      const key = newKey();
      const user = client.as({ apiKey: key.value });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 10 });
      assert.equal(await revoke(key.id), 204);
      clock.advance({ seconds: 103 });
      assert.equal(await user.me(), 200, "113 s after loading");
      clock.advance({ seconds: 6.999 });
      assert.equal(await user.me(), 200, "use does not extend it");
      clock.advance({ seconds: 0.001 });
      assert.equal(await user.me(), 401, "120 s after loading");
    });

    it("a key is cached again after two minutes", async () => {
      const key = newKey();
      const user = client.as({ apiKey: key.value });
      await user.me();
      clock.advance({ seconds: 121 });
      await user.me();
      emulator.revokeKey(key.id);
      clock.advance({ seconds: 119 });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 1 });
      assert.equal(await user.me(), 401);
    });

    it("a revoked key that was never used is rejected at once", async () => {
      const key = newKey();
      assert.equal(await revoke(key.id), 204);
      assert.equal(await client.as({ apiKey: key.value }).me(), 401);
    });

    it("expiry still takes effect at once", async () => {
      const key = newKey(inSeconds(30));
      const user = client.as({ apiKey: key.value });
      assert.equal(await user.me(), 200);
      clock.advance({ seconds: 31 });
      assert.equal(await user.me(), 401);
    });

    it("an account can be archived while its revoked key still works", async () => {
      const key = newKey();
      const user = client.as({ apiKey: key.value });
      await user.me();
      await revoke(key.id);
      assert.equal(await client.status("DELETE", `/users/${key.userId}`), 204);
      assert.equal(await user.me(), 200);
    });
  });
});

/** The milliseconds in the ULID of an id. */
function timeOf(id: string): number {
  const [, ulid = ""] = id.split("_");
  return [...ulid.slice(0, 10)].reduce(
    (time, character) => time * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(character),
    0,
  );
}
