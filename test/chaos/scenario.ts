import fc from "fast-check";
import type { Declared } from "./engine";

/** One change of the program, or of the server behind its back. Numbers pick from what is there. */
export type Change =
  | { readonly kind: "add account"; readonly name: number; readonly roles: number }
  | { readonly kind: "remove account" | "remove key"; readonly pick: number }
  | { readonly kind: "rename account" | "rename key"; readonly pick: number; readonly name: number }
  | { readonly kind: "change roles"; readonly pick: number; readonly roles: number }
  | { readonly kind: "add key"; readonly pick: number; readonly name: number }
  | { readonly kind: "expire key"; readonly pick: number; readonly days: number }
  | { readonly kind: "dashboard"; readonly act: "rename" | "revoke"; readonly pick: number };

/** What happens between two commands, and the command. */
interface Step {
  readonly changes: readonly Change[];
  /** One request in so many meets a fault. */
  readonly faultOneIn: number;
  /** After so many requests the process is killed. */
  readonly killIn: number | undefined;
  readonly refreshFirst: boolean;
  /** The server's database is away during the command. */
  readonly outage: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly revocationDelayMs: number;
  readonly steps: readonly Step[];
}

// Few names, so that many objects are alike.
const NAMES = ["ingestor", "reader", "billing"];
const ROLES = [["event_ingestor"], ["event_reader"], ["event_ingestor", "event_reader"]];

const pick = fc.nat(100);
const name = fc.nat(NAMES.length - 1);
const roles = fc.nat(ROLES.length - 1);

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("add account" as const), name, roles }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("add key" as const), pick, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove account" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove key" as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename account" as const), pick, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename key" as const), pick, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("change roles" as const), pick, roles }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("expire key" as const),
      pick,
      days: fc.integer({ min: 1, max: 90 }),
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

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  revocationDelayMs: fc.constantFrom(0, 120_000),
  steps: fc.array(
    fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 6 }),
      faultOneIn: fc.constantFrom(4, 8, 16, 1_000),
      killIn: fc.option(fc.nat(15), { nil: undefined, freq: 3 }),
      refreshFirst: fc.boolean(),
      outage: fc.nat(7).map((chance) => chance === 0),
    }),
    { minLength: 4, maxLength: 7 },
  ),
});

/** The declared resources after a change; `made` numbers new ones. */
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
          inputs: { name: NAMES[change.name], roles: ROLES[change.roles] },
        },
      ];
    case "add key": {
      const owner = from(accounts, change.pick);
      if (owner === undefined) return [...program];
      const inputs = { name: NAMES[change.name], type: "private_key" };
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
      return replace(from(accounts, change.pick), { name: NAMES[change.name] });
    case "change roles":
      return replace(from(accounts, change.pick), { roles: ROLES[change.roles] });
    case "rename key":
      return replace(from(keys, change.pick), { name: NAMES[change.name] });
    case "expire key":
      return replace(from(keys, change.pick), { expiresIn: `${change.days}d` });
    case "dashboard":
      return [...program];
  }
}
