import fc from "fast-check";
import type { Declared } from "./engine";

/** One change of the program, or of the server from outside. Numbers choose among the existing objects. */
export type Change =
  | {
      readonly kind: "add account";
      readonly name: number;
      readonly isNamed: boolean;
      readonly roles: number;
    }
  | { readonly kind: "remove account" | "remove key"; readonly pick: number }
  | {
      readonly kind: "rename account" | "rename key";
      readonly pick: number;
      readonly name: number;
      readonly isNamed: boolean;
    }
  | { readonly kind: "change roles"; readonly pick: number; readonly roles: number }
  | {
      readonly kind: "add key";
      readonly pick: number;
      readonly name: number;
      readonly isNamed: boolean;
    }
  | { readonly kind: "expire key"; readonly pick: number; readonly days: number }
  | { readonly kind: "dashboard"; readonly act: "rename" | "revoke"; readonly pick: number };

/** An event in the process of one command. */
export interface Mishap {
  readonly kind:
    | "nothing"
    | "process killed"
    | "engine killed"
    | "process frozen"
    | "process frozen, engine killed"
    | "clock set";
  /** At which request: the number `at` of all, or of those that create something. */
  readonly counts: "requests" | "creates";
  readonly at: number;
  /** How long it is paused, or how far its clock is moved. */
  readonly lastsMs: number;
  /** How far its clock is ahead of the server's from the start. */
  readonly aheadMs: number;
}

export const NO_MISHAP: Mishap = {
  kind: "nothing",
  counts: "requests",
  at: 0,
  lastsMs: 0,
  aheadMs: 0,
};

/** A command on one of the stacks. */
interface Command {
  readonly mishap: Mishap;
  readonly refreshFirst: boolean;
  /** How long it waits after the start of the other stack's command. */
  readonly delayMs: number;
}

/** Events between two commands, and the commands. */
interface Step {
  readonly changes: readonly Change[];
  /** One in this many requests has a fault. */
  readonly faultOneIn: number;
  /** Whether the server's database is down during the commands. */
  readonly outage: boolean;
  /** How far the clock that dates the notes is moved. */
  readonly notesAheadMs: number;
  /** One for each stack; undefined: none. */
  readonly commands: readonly [Command | undefined, Command | undefined];
  /** Until the next step. */
  readonly pauseMs: number;
}

export interface Scenario {
  readonly seed: number;
  readonly revocationDelayMs: number;
  readonly steps: readonly Step[];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

// Few names, so that many objects have the same one.
const NAMES = ["ingestor", "reader", "billing"];
const ROLES = [["event_ingestor"], ["event_reader"], ["event_ingestor", "event_reader"]];

const pick = fc.nat(100);
const name = fc.nat(NAMES.length - 1);
const roles = fc.nat(ROLES.length - 1);
const isNamed = fc.boolean();
const isKeyNamed = fc.nat(5).map((chance) => chance === 0);

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("add account" as const), name, isNamed, roles }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("add key" as const),
      pick,
      name,
      isNamed: isKeyNamed,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove account" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove key" as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("rename account" as const), pick, name, isNamed }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("rename key" as const),
      pick,
      name,
      isNamed: isKeyNamed,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("change roles" as const), pick, roles }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("expire key" as const),
      pick,
      days: fc.integer({ min: 2, max: 90 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("dashboard" as const),
      act: fc.constantFrom("rename" as const, "revoke" as const),
      pick,
    }),
  },
);

const clock = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -5 * HOUR, max: 5 * HOUR }) },
  { weight: 1, arbitrary: fc.integer({ min: -15 * MINUTE, max: 15 * MINUTE }) },
);

const kind: fc.Arbitrary<Mishap["kind"]> = fc.constantFrom(
  "nothing",
  "nothing",
  "process killed",
  "process killed",
  "engine killed",
  "process frozen",
  "process frozen",
  "process frozen, engine killed",
  "clock set",
);

const mishap: fc.Arbitrary<Mishap> = kind.chain((which) =>
  fc.record({
    kind: fc.constant(which),
    counts: fc.constantFrom("requests" as const, "creates" as const, "creates" as const),
    at: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 })),
    lastsMs:
      which === "clock set"
        ? fc.integer({ min: -3 * HOUR, max: 3 * HOUR })
        : fc.integer({ min: 3 * MINUTE, max: 30 * MINUTE }),
    aheadMs: clock,
  }),
);

const command = fc.option(
  fc.record({
    mishap,
    refreshFirst: fc.boolean(),
    // During the other's, or once the leases of its notes are over.
    delayMs: fc.constantFrom(0, 0, 1_000, 3 * MINUTE, 6 * MINUTE),
  }),
  { nil: undefined, freq: 5 },
);

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  revocationDelayMs: fc.constantFrom(0, 120_000),
  steps: fc.array(
    fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 5 }),
      faultOneIn: fc.constantFrom(4, 8, 16, 64, 1_000),
      outage: fc.nat(9).map((chance) => chance === 0),
      notesAheadMs: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        // Ahead by more than the lease. The jumps of a scenario and the latest effect together stay below one hour,
        // after which a note without an object is closed: a clock that jumps further between a request and its late
        // effect closes it too soon.
        { weight: 1, arbitrary: fc.integer({ min: -3 * HOUR, max: 6 * MINUTE }) },
      ),
      commands: fc.tuple(command, command),
      pauseMs: fc.constantFrom(5_000, 1 * MINUTE, 3 * MINUTE, 20 * MINUTE),
    }),
    { minLength: 3, maxLength: 6 },
  ),
});

/** The declared resources after a change; `made` counts new ones. */
export function changed(program: readonly Declared[], change: Change, made: number): Declared[] {
  const accounts = program.filter(({ type }) => type === "account");
  const keys = program.filter(({ type }) => type === "key");
  const from = (list: readonly Declared[], picked: number) =>
    list.length === 0 ? undefined : list[picked % list.length];
  const replace = (old: Declared | undefined, inputs: Record<string, unknown>) =>
    program.map((one) => (one === old ? { ...one, inputs: { ...one.inputs, ...inputs } } : one));
  switch (change.kind) {
    case "add account":
      return [
        ...program,
        {
          urn: `account ${made}`,
          type: "account",
          inputs: { ...named(change), roles: ROLES[change.roles] },
        },
      ];
    case "add key": {
      const owner = from(accounts, change.pick);
      if (owner === undefined) return [...program];
      const inputs = { ...named(change), type: "private_key" };
      return [...program, { urn: `key ${made}`, type: "key", inputs, owner: owner.urn }];
    }
    case "remove account": {
      const gone = from(accounts, change.pick);
      return program.filter(({ urn, owner }) => urn !== gone?.urn && owner !== gone?.urn);
    }
    case "remove key": {
      const gone = from(keys, change.pick);
      return program.filter(({ urn }) => urn !== gone?.urn);
    }
    case "rename account":
      return replace(from(accounts, change.pick), named(change));
    case "change roles":
      return replace(from(accounts, change.pick), { roles: ROLES[change.roles] });
    case "rename key":
      return replace(from(keys, change.pick), named(change));
    case "expire key":
      return replace(from(keys, change.pick), { expiresIn: `${change.days}d` });
    case "dashboard":
      return [...program];
  }
}

/** A name from the program, or one with its prefix. The engine does not pass on undefined values. */
function named({ name, isNamed }: { name: number; isNamed: boolean }): Record<string, unknown> {
  return { name: isNamed ? NAMES[name] : undefined, namePrefix: NAMES[name] };
}
