import { type ErrorParts, FlexpriceError } from "../shared/errors";

/** Exit statuses, for scripts. */
export const EXIT = {
  /** Success. */
  done: 0,
  /** The command found what it looks for: a problem, an orphan, a key that meets a condition. */
  found: 1,
  /** The command line is invalid. Nothing was done. */
  usage: 2,
  /** The command failed. The error says why. */
  failed: 3,
} as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** For `--help`. */
export const EXIT_STATUSES = `
Exit status:
  0  success
  1  problems, orphans, keys that match --fail-on; declined
  2  the command line is invalid; nothing was done
  3  failed; the error says why and what to do`;

/** The command line asks for something impossible. */
export class UsageError extends FlexpriceError {
  constructor(parts: Omit<ErrorParts, "kind">) {
    super({ ...parts, kind: "refused" });
  }
}
