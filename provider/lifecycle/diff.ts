import type { dynamic } from "@pulumi/pulumi";
import { isUnknown } from "./unknowns";

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
