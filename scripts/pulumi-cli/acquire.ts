/**
 * The version that is downloaded or built. One and the same for both, so that a test means the same
 * on every machine; the Go module proxy serves few versions (this one and 3.200.0 were seen).
 */
export const PULUMI_VERSION = "3.250.0";

/** One way to come by a CLI: puts it into `directory`, or says in one line why it could not. */
export type Acquire = (directory: string, progress: ProgressTarget) => Promise<string | undefined>;

export interface ProgressTarget {
  log: (line: string) => void;
  /** Whether a line on the terminal may be redrawn. */
  inPlace: boolean;
}
