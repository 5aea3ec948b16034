import type { dynamic } from "@pulumi/pulumi";
import { isUnknown } from "../shared/unknowns";

type Effect = "update" | "replace";

/** What a change of one input does, and when two values count as the same. */
export interface Change {
  readonly change: Effect | ((before: unknown, now: unknown) => Effect);
  /** Whether the new input matches the state; by default strict equality. */
  readonly same?: (before: unknown, now: unknown) => boolean;
}

/** One row per input. */
export type ChangeTable<Field extends string> = Readonly<Record<Field, Change>>;

/** Compares the state's outputs with new inputs, so that drift found by a refresh counts like a changed program. */
export function diffByTable<Field extends string>(
  table: ChangeTable<Field>,
  before: Readonly<Partial<Record<Field, unknown>>>,
  now: Readonly<Partial<Record<Field, unknown>>>,
): { changed: Field[]; replaced: Field[] } {
  const fields = Object.keys(table) as Field[];
  const changed = fields.filter((field) => {
    // An unknown value may differ, and a preview must not promise too little.
    if (isUnknown(now[field])) return true;
    const same = table[field].same ?? Object.is;
    return !same(before[field], now[field]);
  });
  const replaced = changed.filter((field) => {
    const { change } = table[field];
    return (typeof change === "string" ? change : change(before[field], now[field])) === "replace";
  });
  return { changed, replaced };
}

/** What a diff found. The engine of a dynamic provider only learns what is replaced. */
export interface Diff extends dynamic.DiffResult {
  /** The properties that differ, those in `replaces` included. */
  readonly changed: readonly string[];
  readonly replaces: string[];
}

/**
 * A diff as the engine expects it. The new resource is created before the old one is deleted, unless the user sets
 * deleteBeforeReplace. If the program's inputs have changed, the diff leaves `changes` out: the engine then finds the
 * changed inputs by itself, and respects `replaceOnChanges`. Drift shows in no input, so the diff reports it.
 */
export function toDiffResult(diff: {
  readonly changed: readonly string[];
  readonly replaced: readonly string[];
  readonly isSeenByEngine?: boolean;
}): Diff {
  const { changed, replaced, isSeenByEngine = false } = diff;
  const isLeftToEngine = isSeenByEngine && changed.length > 0 && replaced.length === 0;
  return {
    ...(isLeftToEngine ? {} : { changes: changed.length > 0 }),
    changed: [...changed],
    replaces: [...replaced],
    deleteBeforeReplace: false,
  };
}
