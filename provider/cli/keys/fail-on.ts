import { InvalidArgumentError } from "commander";
import { durationMs } from "../../shared/duration";
import { closestMatch } from "../../shared/roles";
import { isProblem, type KeyRow, type Problem, problemNames } from "./rows";

/** A problem that makes the command fail. */
export interface FailCondition {
  readonly problem: Problem;
  /** As the user wrote it. */
  readonly text: string;
  /** For "expiring": how long before its expiry a key counts, in milliseconds. */
  readonly withinMs?: number;
}

/** How long before its expiry a key expires soon, if the user does not say, in milliseconds. */
const EXPIRING_MS = durationMs("14d") ?? 0;

/**
 * Reads a list such as "expired,expiring=14d".
 * @param before - The conditions of the same option, given before.
 */
export function parseFailOn(
  text: string,
  before: readonly FailCondition[] = [],
): readonly FailCondition[] {
  return [...before, ...text.split(",").map((one) => parseCondition(one.trim()))];
}

function parseCondition(text: string): FailCondition {
  const [name = "", within, ...surplus] = text.split("=");
  if (!isProblem(name)) {
    const near = closestMatch(name, problemNames);
    const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
    throw new InvalidArgumentError(
      `"${text}" is not a condition.${hint} Conditions: ${problemNames.join(", ")}.`,
    );
  }
  if (within === undefined) return { problem: name, text };
  const withinMs = surplus.length === 0 ? durationMs(within) : undefined;
  if (name === "expiring" && withinMs !== undefined) return { problem: name, text, withinMs };
  throw new InvalidArgumentError(
    name === "expiring"
      ? `"${text}" must be like "expiring=14d".`
      : `"${text}" must be "${name}": only "expiring" takes a time.`,
  );
}

/** When a key expires soon: the longest time that the conditions name. */
export function expiringWithin(conditions: readonly FailCondition[]): number {
  const given = conditions.flatMap(({ withinMs }) => withinMs ?? []);
  return given.length === 0 ? EXPIRING_MS : Math.max(...given);
}

/** The keys with a problem that the conditions name. */
export function failing(rows: readonly KeyRow[], conditions: readonly FailCondition[]): KeyRow[] {
  const named = new Set(conditions.map(({ problem }) => problem));
  return rows.filter(({ problems }) => problems.some((problem) => named.has(problem)));
}
