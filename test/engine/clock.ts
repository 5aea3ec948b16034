import { join } from "node:path";
import ms from "ms";

const PRELOAD = join(__dirname, "..", "support", "shifted-date.cjs");

/** The time of an embedded Flexprice and of every process of the operations to come; a test moves it on. */
export class Clock {
  private offsetMs = 0;

  readonly now = (): Date => new Date(Date.now() + this.offsetMs);

  /** Lets time pass, e.g. "76d". */
  advance(duration: ms.StringValue): void {
    this.offsetMs += ms(duration);
  }

  /** What the Pulumi CLI needs in its environment to live in this time. */
  get env(): Record<string, string> {
    if (this.offsetMs === 0) return {};
    return {
      NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}`,
      CLOCK_OFFSET_MS: String(this.offsetMs),
    };
  }
}
