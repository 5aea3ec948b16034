import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { anotherAccount, identity, KEY_POST, SharedTenant, type Stack } from "./identity/fixture";

const OTHER = anotherAccount("other");

describe("a run that is interrupted on one runner during the create of its key, and retried on another", () => {
  let tenant: SharedTenant;
  let stack: Stack;
  beforeEach(async () => {
    tenant = await SharedTenant.open();
    stack = await tenant.stack(identity(), "first");
  });
  afterEach(() => tenant.close());

  /** @returns The id of the key in the state. */
  async function interruptAndRetry(effect: "at once" | "never"): Promise<string> {
    const hung = tenant.gateway.intercept({ ...KEY_POST, effect, responds: "on release" });
    const up = await stack.upTo(hung);
    up.kill("SIGINT");
    await up.waitForOutput(/cancel/i);
    await stack.killAll(up);
    assert.deepEqual(tenant.pendingKinds("first"), ["key"]);
    await stack.cancel();

    stack.moveTo("second");
    await stack.up();
    await tenant.assertNothingIsTaken();
    tenant.endLeases();
    stack.moveTo("first");
    return String((await stack.ids())["ApiKey ci"]);
  }

  for (const [whose, key] of sample([
    ["chosen by the provider", ""],
    ["set by the program", 'name: "ci",'],
  ] as const)) {
    const somethingNew = identity({ key, more: OTHER, keyOptions: "dependsOn: other" });

    for (const [effect, lost] of sample([
      ["at once", "created"],
      ["never", "never created"],
    ] as const)) {
      it(`keeps the key in the state, with a name ${whose}, if the first was ${lost} and the key has a new dependency`, async () => {
        stack.workspace.setSource(identity({ key }));
        const id = await interruptAndRetry(effect);
        stack.workspace.setSource(somethingNew);
        await stack.up();
        await assertKeyIsInState(id);
      });
    }

    it(`keeps the key in the state, with a name ${whose}, if the next job targets something else`, async () => {
      stack.workspace.setSource(identity({ key }));
      const id = await interruptAndRetry("never");
      stack.workspace.setSource(identity({ key, more: OTHER }));
      await stack.up("--target", "**ServiceAccount::other");
      await assertKeyIsInState(id);
    });
  }

  async function assertKeyIsInState(id: string): Promise<void> {
    const ids = await stack.ids();
    assert.equal(ids["ApiKey ci"], id);
    assert.ok("ServiceAccount other" in ids);
    assert.ok(tenant.liveKeys().includes(id));
    await tenant.assertAllIsWell();
  }
});
