import assert from "node:assert/strict";
import ms from "ms";
import { sample } from "../support/sample";
import { Clock } from "./clock";
import { accountWithKey, EngineFixture, messages, succeeded } from "./fixture";
import { KEY_POST } from "./identity/fixture";
import type { Gateway } from "./identity/gateway";
import { gatewayBefore } from "./shared-home";

/** How far a lifetime may be off: the duration of a create. */
const TOLERANCE_MS = 60_000;

const KEY_ALONE = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ApiKey("ci", { expiresIn: "1h" });`;

describe('a key with expiresIn "1h"', () => {
  let fixture: EngineFixture;
  let gateway: Gateway;
  beforeEach(async () => {
    fixture = await EngineFixture.open(accountWithKey({ key: 'expiresIn: "1h"' }));
    gateway = await gatewayBefore(fixture);
  });
  afterEach(async () => {
    await gateway.close();
    await fixture.close();
  });

  /** Asserts that the only active key expires an hour from now by the server's clock. */
  async function assertLifetime() {
    const now = Date.now();
    const { id, outputs } = (await fixture.held())["ApiKey ci"] ?? {};
    const [key, ...more] = fixture.emulator
      .keys(fixture.operator.tenantId)
      .filter(({ status, value }) => status === "published" && value !== fixture.operator.apiKey);
    assert.deepEqual(more, []);
    assert.equal(key?.id, id);
    const lifetime = Date.parse(String(key?.expiresAt)) - now;
    assert.ok(Math.abs(lifetime - ms("1h")) < TOLERANCE_MS, `it ends in ${ms(lifetime)}`);
    assert.equal(Date.parse(String(outputs?.["expiresAt"])), Date.parse(String(key?.expiresAt)));
  }

  const keyRequests = () =>
    fixture
      .takeWrites()
      .map(({ request }) => request.split(" "))
      .filter(([, path = ""]) => path.startsWith("/v1/secrets/api/keys"))
      .map(([method, path = ""]) => (KEY_POST.path.test(path) ? method : `${method} ID`));

  for (const offset of sample(["2h", "-2h"] as const)) {
    it(`lives for an hour behind a gateway whose Date header is off by ${offset}`, async () => {
      gateway.dateOffsetMs = ms(offset);
      const up = succeeded(await fixture.up());
      assert.deepEqual(messages(up, "warning"), []);
      await assertLifetime();
      assert.deepEqual(keyRequests(), ["POST"]);
    });

    describe(`created by a machine whose clock is off by ${offset}`, () => {
      beforeEach(() => {
        const clock = new Clock();
        clock.advance(offset);
        Object.assign(fixture.workspace.env, clock.env);
      });

      it("lives for an hour if its account is created before", async () => {
        succeeded(await fixture.up());
        await assertLifetime();
        assert.deepEqual(keyRequests(), ["POST"]);
      });

      it("lives for an hour after a first key that did not, which is revoked", async () => {
        fixture.setSource(KEY_ALONE);
        succeeded(await fixture.up());
        await assertLifetime();
        assert.deepEqual(keyRequests(), ["POST", "DELETE ID", "POST"]);
      });
    });
  }
});
