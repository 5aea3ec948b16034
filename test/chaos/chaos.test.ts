import fc from "fast-check";
import type { Declared } from "./engine";
import { type Change, changed, NO_MISHAP, type Scenario, scenario } from "./scenario";
import { Tally } from "./tally";
import { Classification, INVARIANTS } from "./verdict";
import { ChaosWorld } from "./world";

const SCENARIOS = Number(process.env["CHAOS_SCENARIOS"] ?? 25);
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 2 ** 31);

/** Repeats one scenario of a seed, by the path that its failure printed, and prints its events. */
const PATH = process.env["CHAOS_PATH"];

const MINUTE = 60_000;

const happened = new Tally();
const violations = new Tally();

describe("chaos", function () {
  this.timeout(30 * MINUTE);

  it(`${SCENARIOS} random programs in two stacks under faults, kills and moved clocks (CHAOS_SEED=${SEED})`, async () => {
    await fc.assert(fc.asyncProperty(scenario, run), {
      numRuns: SCENARIOS,
      seed: SEED,
      ...(PATH === undefined ? {} : { path: PATH }),
      // A failing scenario is not shrunk; the path in its message repeats it.
      endOnFailure: true,
    });
  });

  after(() => {
    const lines = [
      `scenarios ${SCENARIOS} (CHAOS_SEED=${SEED})`,
      ...happened.lines(),
      ...INVARIANTS.map((name) => `${String(violations.of(name)).padStart(3)} ${name}`),
    ];
    console.log(lines.map((line) => `      ${line}`).join("\n"));
  });
});

async function run(one: Scenario): Promise<void> {
  const platform = await ChaosWorld.start(randomFrom(one.seed), happened, one.revocationDelayMs);
  try {
    await platform.timeline.run(play(platform, one));
  } finally {
    if (PATH !== undefined) console.log(platform.timeline.story.join("\n"));
    happened.count("handler calls", sum(platform.stacks.map(({ operations }) => operations)));
    happened.count("requests", platform.emulator.requests.length);
    await platform.stop();
  }
}

async function play(platform: ChaosWorld, { steps }: Scenario): Promise<void> {
  const { timeline, gateway, notes, stacks, emulator } = platform;
  const verdict = new Classification(platform, happened, violations);
  let program: Declared[] = [];
  let made = 0;
  for (const step of steps) {
    for (const change of step.changes) {
      made += 1;
      program = changed(program, change, made);
      if (change.kind === "dashboard") inDashboard(platform, verdict, change);
    }
    gateway.faultOneIn = step.faultOneIn;
    emulator.faults.outage = step.outage;
    if (step.outage) happened.count("database outage");
    if (step.notesAheadMs !== 0) happened.count("clock of the notes set");
    notes.setClock(step.notesAheadMs);
    const now = program;
    await Promise.all(
      stacks.map(async (stack, index) => {
        const command = step.commands[index];
        if (command === undefined) return;
        await timeline.pause(command.delayMs);
        if (command.refreshFirst) {
          await platform.command(stack, NO_MISHAP, (one) => stack.refresh(one));
        }
        await platform.command(stack, command.mishap, (one) => stack.up(now, one));
      }),
    );
    verdict.always();
    emulator.faults.outage = false;
    await timeline.pause(step.pauseMs);
  }
  await settle(platform, verdict, program);
}

/** Runs without faults, once nothing is in progress and the leases of all notes are over. */
async function settle(
  platform: ChaosWorld,
  verdict: Classification,
  program: Declared[],
): Promise<void> {
  const { timeline, gateway, notes } = platform;
  gateway.faultOneIn = Number.POSITIVE_INFINITY;
  await timeline.untilQuiet();
  notes.setClockRight();
  await timeline.pause(3 * MINUTE);
  verdict.always();
  await upAll(platform, program, 1);
  verdict.followReports();
  await upAll(platform, program, 2);
  // No request can still have an effect: what does not exist now never will.
  await timeline.pause(61 * MINUTE);
  const isSettled = await upAll(platform, program, 3);
  verdict.followReports();
  verdict.converged(isSettled);
  verdict.atTheEnd(program);
}

/** Only a run that changes something may resolve a note, not a preview or refresh. So there is always a change. */
async function upAll(
  platform: ChaosWorld,
  program: readonly Declared[],
  round: number,
): Promise<boolean> {
  const touch: Declared = {
    urn: `touch ${round}`,
    type: "account",
    inputs: { namePrefix: "touch", roles: ["event_reader"] },
  };
  let isSettled = true;
  for (const stack of platform.stacks) {
    const refresh = () => platform.command(stack, NO_MISHAP, (one) => stack.refresh(one));
    const up = (declared: readonly Declared[]) =>
      platform.command(stack, NO_MISHAP, (one) => stack.up(declared, one));
    const well = [await refresh(), await up([...program, touch]), await up(program)];
    isSettled &&= well.every((one) => one);
  }
  return isSettled;
}

function inDashboard(
  platform: ChaosWorld,
  verdict: Classification,
  { act, pick }: Change & { kind: "dashboard" },
): void {
  const type = act === "rename" ? "account" : "key";
  const held = platform.stacks
    .flatMap(({ state }) => [...state.values()])
    .filter(({ declared }) => declared.type === type);
  const one = held[pick % Math.max(1, held.length)];
  if (one === undefined) return;
  if (act === "rename") {
    platform.emulator.renameAccount(one.id, "renamed in the dashboard");
  } else {
    verdict.endedByHand.add(one.id);
    platform.emulator.revokeKey(one.id);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
