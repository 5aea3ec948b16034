import type { dynamic } from "@pulumi/pulumi";
import type { z } from "zod";
import type { Connection } from "../session/connection";
import type { ManagedIds } from "../session/managed-ids";
import { FlexpriceError, SHOWN_BY_ENGINE, type Warn } from "../shared/errors";
import { escapeControl, escapeControlByLine, quoted, redact } from "../shared/redaction";
import { closestMatch } from "../shared/roles";
import type { Inputs as KeyInputs, State as KeyState } from "./api-key/state";
import type { DiffedResources } from "./diffed-resources";
import type { Inputs as AccountInputs, State as AccountState } from "./service-account";
import { isUnknown } from "./unknowns";

/** What the provider process gives to the lifecycles. */
export interface ProviderContext {
  /**
   * The connection of this name, or the unnamed one.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly connect: (connection: string | undefined, operation: string) => Connection;
  /** Whether a connection could be made; previews without one check what they can. */
  readonly isConfigured: (connection: string | undefined) => boolean;
  /** The names of the connections that are configured. */
  readonly connectionNames: () => readonly string[];
  /**
   * Tells the settings of this connection from others.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly fingerprint: (connection: string | undefined) => string;
  /** Whether previews ask the server (`flexprice:preflight`). */
  readonly wantsPreflight: () => boolean;
  readonly managed: ManagedIds;
  /** Ids that the program adopts: a resource which held one of them before lets go of it. */
  readonly adopted: Set<string>;
  /** What of the program the engine has asked this process to diff. */
  readonly diffedAccounts: DiffedResources<AccountState, AccountInputs>;
  readonly diffedKeys: DiffedResources<KeyState, KeyInputs>;
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

/**
 * The engine's form of a diff. The new resource is made before the old one goes, unless the user says otherwise.
 * Where the program's inputs have changed, the engine is left to see so by itself: only then does it know which they
 * are, and can heed `replaceOnChanges`. Drift alone is in no input, and has to be said.
 */
export function toDiffResult(diff: {
  readonly changed: readonly string[];
  readonly replaced: readonly string[];
  readonly isSeenByEngine?: boolean;
}): dynamic.DiffResult {
  const { changed, replaced, isSeenByEngine = false } = diff;
  const isLeftToEngine = isSeenByEngine && changed.length > 0 && replaced.length === 0;
  return {
    ...(isLeftToEngine ? {} : { changes: changed.length > 0 }),
    replaces: [...replaced],
    deleteBeforeReplace: false,
  };
}

/** Failures of a schema, in the form in which Pulumi shows them beside the resource. */
export function toCheckFailures(
  error: z.ZodError | undefined,
  properties: readonly string[] = [],
): dynamic.CheckFailure[] {
  return (error?.issues ?? []).map((issue) => {
    if (issue.code === "unrecognized_keys") {
      const [key = "", ...others] = issue.keys;
      const near = others.length === 0 ? closestMatch(key, properties) : undefined;
      const suggestion = near === undefined ? "" : `. Did you mean ${quoted(near)}?`;
      return checkFailure(
        "",
        `unknown property ${issue.keys.map(escapeControl).join(", ")}${suggestion}`,
      );
    }
    const path = issue.path.map((part) =>
      typeof part === "number" ? `[${part}]` : `.${escapeControl(String(part))}`,
    );
    return checkFailure(path.join("").replace(/^\./, ""), issue.message);
  });
}

/**
 * A failure at a property, e.g. `roles` or `roles[1]`. The property stands in the reason: named in a place of its
 * own Pulumi prints its whole value with it, also one that is secret.
 */
export function checkFailure(property: string, reason: string): dynamic.CheckFailure {
  const text = property === "" ? reason : `${property}: ${reason}`;
  return { property: "", reason: escapeControlByLine(redact(text)) };
}

/**
 * Whether what is to be deleted is adopted, or held, by another resource of the program. Two entries of the state hold it then,
 * and deleting it for the older would end it for both.
 */
export async function isHandedOver(
  { adopted, warn }: ProviderContext,
  id: string,
  what: string,
  diffed: { readonly isHeld: boolean; readonly stays: boolean },
): Promise<boolean> {
  if (!adopted.has(id) && !diffed.isHeld) return false;
  await warn(
    diffed.stays
      ? `${what} is left as it is: the program has it. An earlier run that was to replace or rename its resource has left a second entry in the state, which is dropped.`
      : `${what} is left as it is: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
  );
  return true;
}

/**
 * Whether this run has taken over for a resource what that very resource held: with `--replace` the engine asks for no
 * diff, and nothing told that "adopt" was done. Under another prefix it is another resource.
 */
export function isReplacedByItself(
  { adopted }: ProviderContext,
  { id, namePrefix }: { readonly id: string; readonly namePrefix: string | undefined },
  madeWith: { readonly namePrefix?: string } | undefined,
): boolean {
  return adopted.has(id) && madeWith !== undefined && madeWith.namePrefix === namePrefix;
}

/** The engine keeps both entries, and the next up drops the older. */
export function replacedByItself(operation: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation,
    reason:
      'it was to be replaced, but the program still has "adopt" for it, and took the very same over',
    fix: WITHOUT_ADOPT,
  });
}

/** A taint is gone with the run that has heeded it. */
export const WITHOUT_ADOPT =
  'remove "adopt" from the program, and replace the resource then with "pulumi up --replace" and its URN.';

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
export function displayName(id: string, name: string | undefined): string {
  return name === undefined ? id : `${quoted(name)} (${id})`;
}

/**
 * The inputs alone: the engine mixes `__provider` in, the class `__functions`, and JavaScript programs give null for what
 * is not given.
 */
export function omitProvider<Inputs extends object>({
  __provider: _,
  __functions: _l,
  ...inputs
}: Inputs & { __provider?: unknown; __functions?: unknown }): Inputs {
  const given = Object.entries(inputs).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Inputs;
}

/** Those of the named properties that are there: a state holds no empty places. */
export function pickDefined<Source extends object, Name extends keyof Source>(
  source: Source,
  ...names: Name[]
): Partial<Pick<Source, Name>> {
  const picked: Partial<Pick<Source, Name>> = {};
  for (const name of names) {
    if (source[name] !== undefined) picked[name] = source[name];
  }
  return picked;
}
