import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { nightly, sample } from "../support/sample";
import { withFixture } from "../support/scenario";
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

describe("a CLI that is killed during a create", () => {
  let tenant: SharedTenant;
  let stack: Stack;
  beforeEach(async () => {
    tenant = await SharedTenant.open();
    stack = await tenant.stack(identity());
  });
  afterEach(() => tenant.close());

  for (const [signal, effect, when] of sample([
    ["SIGKILL", "on release", "created after the next up"],
    ["SIGHUP", "at once", "created before it"],
    ["SIGKILL", "at once", "created before it"],
    ["SIGKILL", "never", "never created"],
  ] as const)) {
    it(`by ${signal}, with its key ${when}, leaves only the key of the next up`, async () => {
      const hung = tenant.gateway.intercept({
        ...KEY_POST,
        effect,
        response: GATEWAY_TIMEOUT,
        responds: "on release",
      });
      const up = await stack.upTo(hung);
      await stack.killCli(up, signal);
      await stack.cancel();
      await stack.up();
      const { "ApiKey ci": key } = await stack.ids();

      hung.releaseResponses();
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

  nightly("leaves a key with an explicit name, which the next run reports", async () => {
    const named = 'name: "ci",';
    stack.workspace.setSource(identity({ key: named }));
    const hung = tenant.gateway.intercept({ ...KEY_POST, responds: "on release" });
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

  it("ends its provider too, which sends no more requests", async () => {
    const hung = tenant.gateway.intercept({
      ...ACCOUNT_POST,
      effect: "never",
      response: GATEWAY_TIMEOUT,
      responds: "on release",
    });
    const up = await stack.upTo(hung);
    const { length: sent } = tenant.gateway.requests;
    await stack.killCli(up);
    // If the provider continued, it would now look for the created object, and create it again.
    hung.releaseResponses();
    await stack.workspace.providersEnd(20_000);
    assert.deepEqual(tenant.gateway.requests.slice(sent), []);
    const commands = stack.workspace.processes().map(({ command }) => command);
    assert.ok(
      !commands.some((command) => command.includes("dynamic-provider")),
      commands.join("\n"),
    );
  });

  for (const [what, post, kind] of sample([
    ["a key", KEY_POST, "ApiKey ci"],
    ["an account", ACCOUNT_POST, "ServiceAccount ci"],
  ] as const)) {
    it(`right after its provider returned ${what}: the next run reports it`, async () => {
      const create = tenant.gateway.intercept({ ...post, responds: "on release" });
      const up = await stack.upTo(create);
      assert.equal(tenant.notes().length, 1);
      if (up.pid === undefined) throw new Error("The CLI did not start.");
      process.kill(up.pid, "SIGSTOP");
      create.releaseResponses();
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
  it("waits for the lease of a key that blocks an account, and says so", async () => {
    await withFixture(SharedTenant.open(), async (tenant) => {
      const stack = await tenant.stack(identity());
      const hung = tenant.gateway.intercept({ ...KEY_POST, responds: "on release" });
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
    });
  });
});
