import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { sample } from "../support/sample";
import { messages } from "./fixture";
import {
  ACCOUNT_POST,
  anotherAccount,
  identity,
  KEY_POST,
  SharedTenant,
  type Stack,
} from "./identity/fixture";

const NEXT_RUN = identity({ more: anotherAccount("other") });
const GATEWAY_TIMEOUT = { status: 504 };

describe("a CLI that is killed while a create is under way", () => {
  let tenant: SharedTenant;
  let stack: Stack;
  beforeEach(async () => {
    tenant = await SharedTenant.open();
    stack = await tenant.stack(identity());
  });
  afterEach(() => tenant.close());

  for (const [signal, effect, when] of sample([
    ["SIGKILL", "on release", "made after the next up"],
    ["SIGHUP", "at once", "made before it"],
    ["SIGKILL", "at once", "made before it"],
    ["SIGKILL", "never", "never made"],
  ] as const)) {
    it(`by ${signal}, its key ${when}: the key of the next up stays, and nothing else is left`, async () => {
      const hung = tenant.gateway.intercept({
        ...KEY_POST,
        effect,
        answer: GATEWAY_TIMEOUT,
        answered: "on release",
      });
      const up = await stack.upTo(hung);
      await stack.killCli(up, signal);
      await stack.cancel();
      await stack.up();
      const { "ApiKey ci": key } = await stack.ids();

      hung.releaseAnswers();
      await stack.workspace.providersEnd();
      if (effect === "on release") await hung.releaseEffects();
      assert.equal(tenant.liveKeys().length, effect === "never" ? 1 : 2);
      tenant.endLeases();
      stack.workspace.setSource(NEXT_RUN);
      await stack.up();

      assert.equal((await stack.ids())["ApiKey ci"], key);
      await tenant.assertNothingIsLeft();
    });
  }

  it("leaves a key with a name of the program's as it is, and the next run reports it", async () => {
    const named = 'name: "ci",';
    stack.workspace.setSource(identity({ key: named }));
    const hung = tenant.gateway.intercept({ ...KEY_POST, answered: "on release" });
    const up = await stack.upTo(hung);
    await stack.killCli(up);
    await stack.cancel();
    await stack.up();
    const [lost, ...more] = tenant.liveKeys();
    const { "ApiKey ci": key } = await stack.ids();
    assert.deepEqual(more, [key]);

    tenant.endLeases();
    stack.workspace.setSource(identity({ key: named, more: anotherAccount("other") }));
    const next = await stack.up();
    const [warning = "", ...others] = messages(next, "warning").filter((text) =>
      text.includes("without receiving the response"),
    );
    assert.deepEqual(others, []);
    assert.ok(warning.includes(String(lost)) && !warning.includes(String(key)), warning);
    assert.deepEqual(tenant.liveKeys(), [lost, key]);
    await tenant.assertAllIsWell();
  });

  it("ends its provider too, which sends nothing from then on", async () => {
    const hung = tenant.gateway.intercept({
      ...ACCOUNT_POST,
      effect: "never",
      answer: GATEWAY_TIMEOUT,
      answered: "on release",
    });
    const up = await stack.upTo(hung);
    const { length: sent } = tenant.gateway.requests;
    await stack.killCli(up);
    // If the provider continued, it would now look for the created object, and create it again.
    hung.releaseAnswers();
    await stack.workspace.providersEnd(20_000);
    assert.deepEqual(tenant.gateway.requests.slice(sent), []);
    const left = stack.workspace.processes().map(({ command }) => command);
    assert.ok(!left.some((command) => command.includes("dynamic-provider")), left.join("\n"));
  });

  for (const [what, post, kind] of sample([
    ["a key", KEY_POST, "ApiKey ci"],
    ["an account", ACCOUNT_POST, "ServiceAccount ci"],
  ] as const)) {
    it(`with ${what} that its provider has just handed over: the next run reports it`, async () => {
      const held = tenant.gateway.intercept({ ...post, answered: "on release" });
      const up = await stack.upTo(held);
      assert.equal(tenant.notes().length, 1);
      if (up.pid === undefined) throw new Error("The CLI did not start.");
      process.kill(up.pid, "SIGSTOP");
      held.releaseAnswers();
      while (tenant.notes().length > 0) await sleep(20);
      await stack.killCli(up);
      await stack.workspace.providersEnd();
      await stack.cancel();
      const orphan = tenant.live().at(kind === "ApiKey ci" ? -1 : 0)?.id;

      const next = await stack.up();
      const [warning = "", ...more] = messages(next, "warning").filter((text) =>
        text.includes("whose engine was killed"),
      );
      assert.deepEqual(more, []);
      assert.ok(warning.includes(String(orphan)), warning);
      assert.notEqual((await stack.ids())[kind], orphan);
      await tenant.assertAllIsWell();
    });
  }
});

describe("destroy soon after a kill", () => {
  it("waits for the lease of a key that keeps an account, and says so", async () => {
    const tenant = await SharedTenant.open();
    try {
      const stack = await tenant.stack(identity());
      const hung = tenant.gateway.intercept({ ...KEY_POST, answered: "on release" });
      const up = await stack.upTo(hung);
      await stack.killAll(up);
      await stack.cancel();
      assert.equal(tenant.live().length, 2);

      const destroy = stack.start("destroy");
      await destroy.waitForOutput(
        /API key "ci-\w{10}" blocks the archiving of its service account.* waiting/,
      );
      assert.equal(tenant.live().length, 2);
      tenant.endLeases();
      const { exitCode, output } = await destroy.done;
      assert.equal(exitCode, 0, output);
      assert.deepEqual(tenant.live(), []);
      await tenant.assertAllIsWell();
    } finally {
      await tenant.close();
    }
  });
});
