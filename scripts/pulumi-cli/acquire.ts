/**
 * The version that is downloaded or built. Both are the same, so that tests mean the same on every machine. The Go
 * module proxy serves few versions (this one and 3.200.0 were seen).
 */
export const PULUMI_VERSION = "3.250.0";

/** A way to get a CLI: puts it into `directory`, or returns in one line why it could not. */
export type Acquire = (directory: string, progress: ProgressTarget) => Promise<string | undefined>;

export interface ProgressTarget {
  log: (line: string) => void;
  /** Whether a line on the terminal may be redrawn. */
  inPlace: boolean;
}
