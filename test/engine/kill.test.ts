import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultRule } from "../../provider/emulator";
import { accountWithKey, Bench } from "./harness";

const ACCOUNT_POST = { method: "POST", path: /^\/v1\/users$/ };
const KEY_POST = { method: "POST", path: /^\/v1\/secrets\/api\/keys$/ };

/** An answer that takes about ten seconds: time enough to kill who waits for it. */
const SLOW = { kind: "slow", bytesPerSecond: 40, when: "after" } as const;

describe("a kill -9 in the middle of up", () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.open(accountWithKey());
  });
  afterEach(() => bench.close());

  const liveAccounts = () =>
    bench.emulator
      .accounts(bench.operator.tenantId)
      .filter(({ status }) => status === "published")
      .map(({ id }) => id);
  const liveKeys = () =>
    bench.emulator
      .keys(bench.operator.tenantId)
      .filter(({ status, userType }) => status === "published" && userType === "service_account")
      .map(({ id }) => id);

  /** Starts an up and waits until the server has seen the request that it is to be killed at. */
  async function upTo(match: FaultRule["match"] & object) {
    bench.emulator.faults.add({ ...SLOW, match });
    const seen = () =>
      bench.emulator.requests.some(
        ({ method, path }) => method === match.method && match.path?.test(path),
      );
    const up = bench.workspace.start("up");
    while (!seen()) await sleep(5);
    return up;
  }

  async function converges(...before: (() => Promise<{ exitCode: number; output: string }>)[]) {
    for (const step of before) {
      const { exitCode, output } = await step();
      assert.equal(exitCode, 0, output);
    }
    const up = await bench.up();
    assert.equal(up.exitCode, 0, up.output);
    const { accountId, keyId } = await bench.outputs();
    assert.deepEqual(liveAccounts(), [accountId]);
    assert.deepEqual(liveKeys(), [keyId]);
    const cleared = await bench.refresh("--clear-pending-creates");
    assert.equal(cleared.exitCode, 0, cleared.output);
    const drift = await bench.drift();
    assert.equal(drift.exitCode, 0, drift.output);
    assert.ok(!drift.output.includes("pending operations"), drift.output);
  }

  /** Pulumi's host that was not yet asked for anything has not loaded the provider, and stays for ever. */
  async function endHosts() {
    await bench.workspace.providersEnd(5_000);
    bench.workspace.killProviders();
  }

  for (const [what, match] of [
    ["an account", ACCOUNT_POST],
    ["a key", KEY_POST],
  ] as const) {
    it(`of the CLI while ${what} is made: cancel and up leave nothing behind`, async () => {
      const up = await upTo(match);
      up.kill("SIGKILL");
      await up.done;
      // The provider lets a create under way finish before it ends too.
      await bench.workspace.providersEnd();
      const locked = await bench.up();
      assert.match(locked.output, /pulumi cancel/);
      await converges(() => bench.workspace.run(["cancel", "--yes"]));
    });

    it(`of the provider while ${what} is made: up leaves nothing behind`, async () => {
      const up = await upTo(match);
      bench.workspace.killProviders();
      assert.notEqual((await up.done).exitCode, 0);
      await converges();
    });
  }

  it("at random moments, again and again, still ends with what is declared", async () => {
    const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 100_000);
    const moments = [0, 1, 2, 3].map((round) => 900 + ((seed * (round + 7)) % 1_600));
    const context = `KILL_SEED=${seed}, killed after ${moments.join(", ")} ms`;
    const more = `
[1, 2, 3].map((n) => new flexprice.ServiceAccount("a" + n, { roles: ["event_reader"] }))
  .forEach(({ id }, n) => new flexprice.ApiKey("a" + n, { serviceAccountId: id }));`;
    bench.setSource(accountWithKey({ more }));
    for (const [round, moment] of moments.entries()) {
      const up = bench.workspace.start("up");
      await sleep(moment);
      if (round % 2 === 0) up.kill("SIGKILL");
      else bench.workspace.killProviders();
      await Promise.race([up.done, sleep(3_000)]);
      up.kill("SIGKILL");
      await endHosts();
      await bench.workspace.run(["cancel", "--yes"]);
    }
    const up = await bench.up();
    assert.equal(up.exitCode, 0, `${context}\n${up.output}`);
    const held = (await bench.resources()).map(({ id }) => id).sort();
    assert.equal(held.length, 8, context);
    assert.deepEqual([...liveAccounts(), ...liveKeys()].sort(), held, context);
  });
});
