import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { nightly, sample } from "../support/sample";
import { failed, succeeded } from "./fixture";
import {
  ACCOUNT_POST,
  anotherAccount,
  identity,
  KEY_POST,
  SharedTenant,
  type Stack,
} from "./identity/fixture";
import type { Rule } from "./identity/gateway";

const ACCOUNT_PUT = { method: "PUT", path: /^\/v1\/users\/user_/ } as const;
const ANY_CREATE = { method: "POST", path: /^\/v1\/(users|secrets\/api\/keys)$/ } as const;

const NAMED = { account: 'name: "ci",' };

describe("a kill -9 in the middle of up", () => {
  let tenant: SharedTenant;
  let stack: Stack;
  beforeEach(async () => {
    tenant = await SharedTenant.open();
    stack = await tenant.stack(identity(NAMED));
  });
  afterEach(() => tenant.close());

  /** Starts an up, and returns once the server has processed this request. The response is held back. */
  const upTo = (rule: Rule) =>
    stack.upTo(tenant.gateway.intercept({ ...rule, responds: "on release" }));

  async function converges() {
    tenant.endLeases();
    await stack.up();
    await tenant.assertNothingIsLeft();
    succeeded(await stack.perform("refresh", "--clear-pending-creates"));
    const drift = await stack.perform("preview", "--refresh", "--expect-no-changes");
    assert.ok(!succeeded(drift).output.includes("pending operations"), drift.output);
  }

  /** Pulumi's host only loads the provider on its first call. Until then, it does not end with the engine. */
  async function endHosts() {
    await stack.workspace.providersEnd(10_000);
    stack.workspace.killProviders();
  }

  const WHILE: readonly (readonly [string, Rule])[] = [
    ["an account is renamed", ACCOUNT_PUT],
    ["a key is created", KEY_POST],
    ["an account is created", ACCOUNT_POST],
  ];

  for (const [what, request] of sample(WHILE)) {
    it(`of the CLI while ${what} leaves nothing behind after cancel and up`, async () => {
      const up = await upTo(request);
      await stack.killCli(up);
      await stack.workspace.providersEnd();
      assert.match((await stack.failingUp()).output, /pulumi cancel/);
      await stack.cancel();
      await converges();
    });
  }

  for (const [what, request] of sample([...WHILE].reverse())) {
    it(`of the provider while ${what} leaves nothing behind after up`, async () => {
      const up = await upTo(request);
      stack.workspace.killProviders();
      failed(await up.done);
      await converges();
    });
  }

  nightly("at random moments still ends with what the program declares", async () => {
    const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 100_000);
    const draw = (round: number, below: number) => (seed * (round + 7)) % below;
    const more = [1, 2, 3]
      .map(
        (n) =>
          `${anotherAccount(`a${n}`)} new flexprice.ApiKey("a${n}", { serviceAccountId: a${n}.id });`,
      )
      .join("\n");
    stack.workspace.setSource(identity({ ...NAMED, more }));
    for (const round of sample([0, 1, 2, 3], 2)) {
      if (round % 2 === 0) {
        const { length: sent } = tenant.gateway.requests;
        const up = stack.start("up");
        while (tenant.gateway.requests.length === sent) await sleep(5);
        await sleep(draw(round, 700));
        await stack.killCli(up);
        await endHosts();
        await stack.cancel();
      } else {
        // In sequence: no result is on its way to the engine when the next POST arrives.
        const up = stack.start("up", "--parallel", "1");
        const request = tenant.gateway.intercept({
          ...ANY_CREATE,
          after: draw(round, 3),
          responds: "on release",
        });
        await Promise.race([request.arrived(), up.done]);
        stack.workspace.killProviders();
        await up.done;
        request.cancel();
      }
    }
    tenant.endLeases();
    stack.workspace.setSource(identity({ ...NAMED, more: more + anotherAccount("last") }));
    const up = await stack.perform("up");
    assert.equal(up.exitCode, 0, `KILL_SEED=${seed}\n${up.output}`);
    assert.equal((await stack.held()).length, 9, `KILL_SEED=${seed}`);
    // An object that was returned to a CLI just before its kill is reported, and not removed.
    await tenant.assertAllIsWell(`KILL_SEED=${seed}`);
  });
});
