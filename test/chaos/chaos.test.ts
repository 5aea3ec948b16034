import fc from "fast-check";
import type { Declared } from "./engine";
import { INVARIANTS, InvariantChecker } from "./invariants";
import { type Change, changed, NO_DISRUPTION, type Scenario, scenario } from "./scenario";
import { Tally } from "./tally";
import { ChaosWorld } from "./world";

const SCENARIOS = Number(process.env["CHAOS_SCENARIOS"] ?? 25);
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 2 ** 31);

/** Repeats one scenario of a seed, by the path that its failure printed, and prints its events. */
const PATH = process.env["CHAOS_PATH"];

const MINUTE = 60_000;

const events = new Tally();
const violations = new Tally();

describe("chaos", function () {
  this.timeout(30 * MINUTE);

  it(`keeps all invariants in ${SCENARIOS} random programs with faults, kills and moved clocks (CHAOS_SEED=${SEED})`, async () => {
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
      ...events.lines(),
      ...INVARIANTS.map((name) => `${String(violations.of(name)).padStart(3)} ${name}`),
    ];
    console.log(lines.map((line) => `      ${line}`).join("\n"));
  });
});

async function run({ seed, revocationDelayMs, steps }: Scenario): Promise<void> {
  const world = await ChaosWorld.start(randomFrom(seed), events, revocationDelayMs);
  try {
    await world.timeline.run(play(world, steps));
  } finally {
    if (PATH !== undefined) console.log(world.timeline.lines.join("\n"));
    events.count("handler calls", sum(world.stacks.map(({ operations }) => operations)));
    events.count("requests", world.emulator.requests.length);
    await world.stop();
  }
}

async function play(world: ChaosWorld, steps: Scenario["steps"]): Promise<void> {
  const { timeline, gateway, notes, stacks, emulator } = world;
  const checker = new InvariantChecker(world, events, violations);
  let program: Declared[] = [];
  let count = 0;
  for (const step of steps) {
    for (const change of step.changes) {
      count += 1;
      program = changed(program, change, count);
      if (change.kind === "dashboard") inDashboard(world, checker, change);
    }
    gateway.faultOneIn = step.faultOneIn;
    emulator.faults.outage = step.outage;
    if (step.outage) events.count("database outage");
    if (step.notesAheadMs !== 0) events.count("clock of the notes set");
    notes.setClock(step.notesAheadMs);
    const declared = program;
    await Promise.all(
      stacks.map(async (stack, index) => {
        const command = step.commands[index];
        if (command === undefined) return;
        await timeline.pause(command.delayMs);
        if (command.refreshFirst) {
          await world.command(stack, NO_DISRUPTION, (provider) => stack.refresh(provider));
        }
        await world.command(stack, command.disruption, (provider) => stack.up(declared, provider));
      }),
    );
    checker.checkInvariants();
    emulator.faults.outage = false;
    await timeline.pause(step.pauseMs);
  }
  await settleDown(world, checker, program);
}

/** Runs without faults, once nothing is in progress and the leases of all notes are over. */
async function settleDown(
  world: ChaosWorld,
  checker: InvariantChecker,
  program: Declared[],
): Promise<void> {
  const { timeline, gateway, notes } = world;
  gateway.faultOneIn = Number.POSITIVE_INFINITY;
  await timeline.untilQuiet();
  notes.setClockRight();
  await timeline.pause(3 * MINUTE);
  checker.checkInvariants();
  await upAll(world, program, 1);
  checker.followReports();
  await upAll(world, program, 2);
  // No request can still have an effect: what does not exist now never will.
  await timeline.pause(61 * MINUTE);
  const isSettled = await upAll(world, program, 3);
  checker.followReports();
  checker.checkConvergence(isSettled);
  checker.checkFinalState(program);
}

/** Only a run that changes something may resolve a note, not a preview or refresh. So there is always a change. */
async function upAll(
  world: ChaosWorld,
  program: readonly Declared[],
  round: number,
): Promise<boolean> {
  const touch: Declared = {
    urn: `touch ${round}`,
    type: "account",
    inputs: { namePrefix: "touch", roles: ["event_reader"] },
  };
  let isSettled = true;
  for (const stack of world.stacks) {
    const refresh = () =>
      world.command(stack, NO_DISRUPTION, (provider) => stack.refresh(provider));
    const up = (declared: readonly Declared[]) =>
      world.command(stack, NO_DISRUPTION, (provider) => stack.up(declared, provider));
    const results = [await refresh(), await up([...program, touch]), await up(program)];
    isSettled &&= results.every(Boolean);
  }
  return isSettled;
}

function inDashboard(
  world: ChaosWorld,
  checker: InvariantChecker,
  { act, pick }: Change & { kind: "dashboard" },
): void {
  const type = act === "rename" ? "account" : "key";
  const held = world.stacks
    .flatMap(({ state }) => [...state.values()])
    .filter(({ declared }) => declared.type === type);
  const picked = held[pick % Math.max(1, held.length)];
  if (picked === undefined) return;
  if (act === "rename") {
    world.emulator.renameAccount(picked.id, "renamed in the dashboard");
  } else {
    checker.endedByHand.add(picked.id);
    world.emulator.revokeKey(picked.id);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
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
