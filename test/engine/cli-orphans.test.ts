import assert from "node:assert/strict";
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ok } from "../../scripts/workspace";
import { testFault } from "../support/faults";
import { nightly } from "../support/sample";
import { runCli } from "./command-line";
import { EngineFixture, messages, succeeded } from "./fixture";

const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"] });`;

/** A response that takes about ten seconds, enough time to kill the process that waits for it. */
const SLOW = testFault({ kind: "slow", bytesPerSecond: 40 }, "after");

interface Found {
  readonly keys: readonly { readonly id: string }[];
  readonly accounts: readonly { readonly id: string }[];
  readonly leftOut: Readonly<Record<string, number>>;
}

describe("pulumi-flexprice orphans", () => {
  let fixture: EngineFixture;
  beforeEach(async () => {
    fixture = await EngineFixture.open(PROGRAM);
  });
  afterEach(() => fixture.close());

  /** Uses the stack's export. A second is enough for its objects. */
  async function orphans(...args: string[]): Promise<Pick<Found, "leftOut"> & { ids: string[] }> {
    const { stdout: input } = await ok(fixture.workspace.run(["stack", "export"]));
    const { stdout } = await runCli(
      fixture,
      [
        ...["orphans", "--stack", "test", "--older-than", "1s", "--json"],
        ...["--stack-export", "-", ...args],
      ],
      { input },
    );
    const { keys, accounts, leftOut }: Found = JSON.parse(stdout);
    return { ids: [...keys, ...accounts].map(({ id }) => id), leftOut };
  }

  nightly("lists objects created before the stack's last update, or its last refresh", async () => {
    succeeded(await fixture.up());
    const { tenantId } = fixture.operator;
    const stray = fixture.emulator.createAccount(tenantId, {
      name: "s",
      roles: ["event_reader"],
    });
    await sleep(1_100);
    assert.deepEqual(await orphans(), { ids: [], leftOut: { own: 1, young: 1 } });
    succeeded(await fixture.refresh());
    assert.deepEqual(await orphans(), { ids: [stray.id], leftOut: { own: 1 } });
  });

  nightly("leaves out what a killed up may have created, until it is resolved", async () => {
    fixture.emulator.faults.add({ ...SLOW, match: { method: "POST", path: /^\/v1\/users$/ } });
    const up = fixture.workspace.start("up");
    while (fixture.accounts().length === 0) await sleep(5);
    up.kill("SIGKILL");
    fixture.workspace.killProviders();
    await up.done;
    await ok(fixture.workspace.run(["cancel", "--yes"]));
    assert.deepEqual(await orphans(), { ids: [], leftOut: { own: 1, pending: 1 } });

    // The operation stays in the state, which is now newer than the account.
    await sleep(1_100);
    succeeded(await fixture.refresh());
    assert.deepEqual((await orphans()).leftOut, { own: 1, pending: 1 });
    assert.deepEqual((await orphans("--revoke", "--yes", "--stacks", "0")).ids, []);
    assert.equal(fixture.accounts().length, 1);

    const notes = join(fixture.workspace.scratch, "home", "flexprice", "creates");
    const past = Date.now() / 1_000 - 180;
    for (const note of readdirSync(notes)) utimesSync(join(notes, note), past, past);
    const settled = succeeded(await fixture.up());
    assert.match(messages(settled, "warning").join(), /"ci-\w+" .* has been archived/);
    assert.deepEqual(await orphans(), { ids: [], leftOut: { own: 1 } });

    // Objects with its name are left out until it is cleared.
    const { tenantId } = fixture.operator;
    const roles = ["event_ingestor"];
    const alike = fixture.emulator.createAccount(tenantId, { name: "ci", roles });
    await sleep(1_100);
    succeeded(await fixture.refresh());
    assert.deepEqual(await orphans(), { ids: [], leftOut: { own: 1, pending: 1 } });
    succeeded(await fixture.refresh("--clear-pending-creates"));
    assert.deepEqual(await orphans(), { ids: [alike.id], leftOut: { own: 1 } });
  });
});
