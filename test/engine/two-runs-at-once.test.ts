import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type RunningChild, startChild } from "../../scripts/child";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import type { PulumiWorkspace } from "../../scripts/workspace";
import { nightly } from "../support/sample";
import { Clock } from "./clock";
import { EngineFixture } from "./fixture";
import { ACCOUNT_POST } from "./identity/fixture";
import type { Gateway } from "./identity/gateway";
import {
  assertStatesAreTheServer,
  endedIds,
  gatewayBefore,
  Notes,
  secondStack,
} from "./shared-home";

const SIZE = 8;

const MANY = `
import * as flexprice from "pulumi-flexprice";
for (let n = 0; n < ${SIZE}; n += 1) {
  const account = new flexprice.ServiceAccount("a" + n, { roles: ["event_reader"] });
  new flexprice.ApiKey("a" + n, { serviceAccountId: account.id });
}`;

/** Runs a command with its own process ids, and the same host name. */
const UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

function canUnshare(): boolean {
  try {
    execFileSync("unshare", [...UNSHARE.slice(1), "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const [AHEAD, LEVEL] = [new Clock(), new Clock()];
AHEAD.advance("11m");

describe(`two runs at once on one PULUMI_HOME, ${SIZE} accounts with a key each`, () => {
  let fixture: EngineFixture;
  let second: PulumiWorkspace;
  let gateway: Gateway;

  beforeEach(async () => {
    fixture = await EngineFixture.open(MANY);
    gateway = await gatewayBefore(fixture);
    second = await secondStack(fixture, MANY);
  });
  afterEach(async () => {
    await second.dispose();
    await gateway.close();
    await fixture.close();
  });

  async function start(
    { stack, scratch, programDirectory, env }: PulumiWorkspace,
    { clock, launcher }: { clock: Clock; launcher: readonly string[] },
  ): Promise<RunningChild> {
    const { binary } = await ensurePulumi();
    const [command = binary, ...args] = [
      ...[...launcher, binary, "--non-interactive", "--color", "never"],
      ...["up", "--yes", "--skip-preview", "--parallel", String(4 * SIZE), "--stack", stack],
      ...["--config-file", join(scratch, `Pulumi.${stack}.yaml`)],
    ];
    return startChild(command, args, {
      cwd: programDirectory,
      env: { ...env, ...clock.env },
      timeoutMs: 180_000,
    });
  }

  /** When the second run looks for abandoned notes, the first has one request and one note for each account. */
  async function overlap(
    first: { clock: Clock; launcher: readonly string[] },
    other: { clock: Clock; launcher: readonly string[] },
  ) {
    const posts = gateway.intercept({ ...ACCOUNT_POST, times: SIZE, responds: "on release" });
    const one = await start(fixture.workspace, first);
    await Promise.race([posts.arrived(SIZE), one.done]);
    assert.equal(new Notes(fixture).paths.length, SIZE, one.output);
    const two = await (await start(second, other)).done;
    posts.releaseResponses();
    for (const { exitCode, output } of [await one.done, two]) {
      assert.equal(exitCode, 0, output);
      assert.doesNotMatch(output, /warning/);
    }
    assert.deepEqual(endedIds(fixture), []);
    assert.equal(fixture.accounts().length, 2 * SIZE);
    assert.equal(fixture.keys().length, 2 * SIZE);
    await assertStatesAreTheServer(fixture, fixture.workspace, second);
    assert.deepEqual(new Notes(fixture).paths, []);
  }

  for (const [who, first, other] of [
    ["first", AHEAD, LEVEL],
    ["second", LEVEL, AHEAD],
  ] as const) {
    nightly(
      `do not touch each other's objects if the clock of the ${who} is eleven minutes ahead`,
      () => overlap({ clock: first, launcher: [] }, { clock: other, launcher: [] }),
    );
  }

  const where = canUnshare() ? "in separate process id namespaces" : "on one machine";
  it(`do not touch each other's objects ${where}, with one host name`, async () => {
    const launcher = canUnshare() ? UNSHARE : [];
    await overlap({ clock: LEVEL, launcher }, { clock: LEVEL, launcher });
  });
});
