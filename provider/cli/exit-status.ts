import { type ErrorParts, FlexpriceError } from "../shared/errors";

/** What the command ends with, for scripts. */
export const EXIT = {
  /** All is well, or what was asked for is done. */
  done: 0,
  /** There is what the command looks for: a problem, an orphan. */
  found: 1,
  /** The command line cannot be meant so; nothing was done. */
  usage: 2,
  /** It could not be done; the error says why. */
  failed: 3,
} as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** For `--help`. */
export const EXIT_STATUSES = `
Exit status:
  0  all is well, or done
  1  doctor: there are problems; orphans: there are orphans left
  2  the command line is wrong; nothing was done
  3  it could not be done; the error says why and what to do`;

/** The command line asks for what cannot be done so. */
export class UsageError extends FlexpriceError {
  constructor(parts: Omit<ErrorParts, "kind">) {
    super({ ...parts, kind: "refused" });
  }
}
