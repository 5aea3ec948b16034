import type { dynamic } from "@pulumi/pulumi";
import type { z } from "zod";
import type { Connection } from "../api/connection";
import type { ManagedIds } from "../api/managed-ids";
import { SHOWN_BY_ENGINE, type Warn } from "../errors";
import { isUnknown } from "./unknowns";

/** What the provider process gives to the lifecycles. */
export interface Surroundings {
  /**
   * The connection of this name, or the unnamed one.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly connect: (connection: string | undefined, attempted: string) => Connection;
  /** Whether a connection could be made; previews without one check what they can. */
  readonly isConfigured: (connection: string | undefined) => boolean;
  /** Whether previews ask the server (`flexprice:preflight`). */
  readonly wantsPreflight: () => boolean;
  readonly managed: ManagedIds;
  /** Ids that the program adopts: a resource which held one of them before lets go of it. */
  readonly adopted: Set<string>;
  /**
   * Milliseconds of the epoch by the clock of the connection's server, which decides when a key has expired; by
   * ours until the server has answered something.
   */
  readonly now: (connection: string | undefined) => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly warn: Warn;
}

/** What a change of one input does, and when two values of it are the same. */
interface Change {
  readonly change: "update" | "replace";
  /** Whether the new input still asks for what the state holds; by default strict equality. */
  readonly same?: (before: unknown, now: unknown) => boolean;
}

/** One row an input. */
export type ChangeTable<Field extends string> = Readonly<Record<Field, Change>>;

/** Compares the state's outputs with new inputs, so that drift found by a refresh counts like a changed program. */
export function diffByTable<Field extends string>(
  table: ChangeTable<Field>,
  before: Readonly<Partial<Record<Field, unknown>>>,
  now: Readonly<Partial<Record<Field, unknown>>>,
): { changed: Field[]; replaced: Field[] } {
  const fields = Object.keys(table) as Field[];
  const changed = fields.filter((field) => {
    // What is not known yet may differ: a preview that promises too little would lie.
    if (isUnknown(now[field])) return true;
    const same = table[field].same ?? Object.is;
    return !same(before[field], now[field]);
  });
  return { changed, replaced: changed.filter((field) => table[field].change === "replace") };
}

/** The engine's form of a diff. The new resource is made before the old one goes, unless the user says otherwise. */
export function toDiffResult(diff: {
  readonly changed: readonly string[];
  readonly replaced: readonly string[];
}): dynamic.DiffResult {
  return {
    changes: diff.changed.length > 0,
    replaces: [...diff.replaced],
    deleteBeforeReplace: false,
  };
}

/** Failures of a schema, in the form in which Pulumi shows them beside the resource. */
export function toCheckFailures(error: z.ZodError | undefined): dynamic.CheckFailure[] {
  return (error?.issues ?? []).map((issue) => {
    if (issue.code === "unrecognized_keys")
      return failure("", `unknown property ${issue.keys.join(", ")}`);
    const path = issue.path.map((part) =>
      typeof part === "number" ? `[${part}]` : `.${String(part)}`,
    );
    return failure(path.join("").replace(/^\./, ""), issue.message);
  });
}

/**
 * A failure at a property, e.g. `roles` or `roles[1]`. The property stands in the reason: named in a place of its
 * own Pulumi prints its whole value with it, also one that is secret.
 */
export function failure(property: string, reason: string): dynamic.CheckFailure {
  return { property: "", reason: property === "" ? reason : `${property}: ${reason}` };
}

/**
 * Whether what is to be deleted is adopted by the program: by a resource of another name, or by the replacement of
 * this one. Two entries of the state hold it then, and deleting it for the older would end it for both.
 */
export async function isLetGo(
  { adopted, warn }: Surroundings,
  id: string,
  what: string,
): Promise<boolean> {
  if (!adopted.has(id)) return false;
  await warn(
    `${what} is left as it is: the program adopts it, and that resource manages it from now on. Without "adopt" a replacement is made anew; an alias keeps what is renamed.`,
  );
  return true;
}

/** A create that made something which is not as it should be. The engine keeps it, and calls update in the next up. */
export class PartlyCreated extends Error {
  readonly reasons: readonly string[];

  constructor(
    readonly id: string,
    readonly properties: Readonly<Record<string, unknown>>,
    reason: string,
  ) {
    super(reason);
    this.reasons = [reason];
    this.stack = SHOWN_BY_ENGINE;
  }
}

/** An object as messages name it. */
export function label(id: string, name: string | undefined): string {
  return name === undefined ? id : `"${name}" (${id})`;
}

/** The inputs alone: the engine mixes `__provider` in, and JavaScript programs give null for what is not given. */
export function ownInputs<Inputs extends object>({
  __provider: _,
  ...inputs
}: Inputs & { __provider?: unknown }): Omit<Inputs, "__provider"> {
  const given = Object.entries(inputs).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Omit<Inputs, "__provider">;
}

/** Those of the named properties that are there: a state holds no empty places. */
export function optional<Source extends object, Name extends keyof Source>(
  source: Source,
  ...names: Name[]
): Partial<Pick<Source, Name>> {
  const picked: Partial<Pick<Source, Name>> = {};
  for (const name of names) {
    if (source[name] !== undefined) picked[name] = source[name];
  }
  return picked;
}
