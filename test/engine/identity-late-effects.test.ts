import assert from "node:assert/strict";
import { nightly, sample } from "../support/sample";
import { messages } from "./fixture";
import {
  ACCOUNT_POST,
  anotherAccount,
  identity,
  KEY_POST,
  SharedTenant,
  type Stack,
} from "./identity/fixture";
import type { Rule } from "./identity/gateway";

const NEXT_RUN = identity({ more: anotherAccount("other") });
const RETRY_SOON = { "retry-after": "0" };

let tenant: SharedTenant;
let stack: Stack;
beforeEach(async () => {
  tenant = await SharedTenant.open();
  stack = await tenant.stack(identity());
});
afterEach(() => tenant.close());

const interceptBoth = (rule: Omit<Rule, "method" | "path">) =>
  [ACCOUNT_POST, KEY_POST].map((post) => tenant.gateway.intercept({ ...post, ...rule }));

/**
 * Runs a change once the leases of all notes are over.
 * @returns A line for each object that it removes.
 */
async function nextRun(): Promise<string[]> {
  tenant.endLeases();
  stack.workspace.setSource(NEXT_RUN);
  return messages(await stack.up(), "warning").filter((text) =>
    /created by a run that was interrupted, has been (archived|revoked)/.test(text),
  );
}

describe("a gateway that gives up on a create which succeeds later", () => {
  it("leaves an account and a key, which the next run removes", async () => {
    const late = interceptBoth({ effect: "on release", response: { status: 504 } });
    await stack.up();
    for (const requests of late) await requests.releaseEffects();
    assert.equal(tenant.live().length, 4);
    const before = await stack.ids();

    const warnings = await nextRun();
    assert.equal(warnings.length, 2, warnings.join("\n"));
    assert.deepEqual({ ...(await stack.ids()), ...before }, await stack.ids());
    await tenant.assertNothingIsLeft();
  });

  nightly("leaves an account and a key, which a run without changes reports", async () => {
    const late = interceptBoth({ effect: "on release", response: { status: 504 } });
    await stack.up();
    for (const requests of late) await requests.releaseEffects();
    tenant.endLeases();
    assert.equal((await tenant.census()).unreported.length, 2);
    await stack.up("--expect-no-changes");
    assert.equal(tenant.live().length, 4);
    await tenant.assertAllIsWell();
  });

  nightly("leaves a key, whose lease destroy waits for", async () => {
    const [, key] = interceptBoth({ effect: "on release", response: { status: 504 } });
    await stack.up();
    await key?.releaseEffects();
    const destroy = stack.start("destroy");
    await destroy.waitForOutput(/blocks the archiving of its service account.* waiting/);
    tenant.endLeases();
    const { exitCode, output } = await destroy.done;
    assert.equal(exitCode, 0, output);
    assert.deepEqual(tenant.live(), []);
  });

  for (const [what, post] of [
    ["an account", ACCOUNT_POST],
    ["a key", KEY_POST],
  ] as const) {
    nightly(`leaves ${what} if the run is killed, which the next run removes`, async () => {
      const late = tenant.gateway.intercept({
        ...post,
        effect: "on release",
        responds: "on release",
      });
      const up = await stack.upTo(late);
      await stack.killAll(up);
      await stack.cancel();
      // Too early: there is nothing to find yet, and the note must stay.
      tenant.endLeases();
      await stack.up();
      await late.releaseEffects();
      assert.equal(tenant.live().length, 3);

      const warnings = await nextRun();
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.equal(tenant.live().length, 3);
      await tenant.assertNothingIsLeft();
    });
  }
});

describe("a gateway that loses the responses to creates, with a clock that", () => {
  for (const [how, offset] of sample([
    ["five hours fast", 5 * 3_600_000],
    ["five hours slow", -5 * 3_600_000],
    ["ten seconds fast", 10_000],
    ["ten seconds slow", -10_000],
  ] as const)) {
    it(`is ${how}, does not prevent that account and key are found and expire in time`, async () => {
      tenant.gateway.dateOffsetMs = offset;
      stack.workspace.setSource(identity({ key: 'expiresIn: "1h",' }));
      interceptBoth({ response: { status: 504 } });
      await stack.up();
      await tenant.assertNothingIsLeft();
      const [key] = tenant.emulator.keys(tenant.operator.tenantId).slice(-1);
      const lifetime = Date.parse(String(key?.expiresAt)) - Number(key?.createdAt);
      assert.ok(Math.abs(lifetime - 3_600_000) <= 60_000, `${lifetime} ms`);
    });
  }
});

describe("a gateway that reports a create as rejected although it succeeded", () => {
  for (const response of sample([
    { status: 503, headers: RETRY_SOON },
    { status: 429 },
    { status: 429, headers: RETRY_SOON },
  ])) {
    const how = "headers" in response ? " and Retry-After" : "";
    it(`with ${response.status}${how} leaves an account and a key, which the next run removes`, async () => {
      interceptBoth({ response });
      await stack.up();
      assert.equal(tenant.live().length, 4);
      const before = await stack.ids();
      const warnings = await nextRun();
      assert.equal(warnings.length, 2, warnings.join("\n"));
      assert.deepEqual({ ...(await stack.ids()), ...before }, await stack.ids());
      await tenant.assertNothingIsLeft();
    });
  }
});

describe("a gateway that delivers creates twice", () => {
  it("leaves nothing behind even if it loses the responses", async () => {
    interceptBoth({ deliveries: 2, response: { status: 504 } });
    await stack.up();
    await tenant.assertNothingIsLeft();
  });
});
