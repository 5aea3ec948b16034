import { join } from "node:path";
import ms from "ms";

const PRELOAD = join(__dirname, "..", "support", "shifted-date.cjs");

/** The time of an embedded Flexprice and of all later processes. A test can advance it. */
export class Clock {
  private offsetMs = 0;

  readonly now = (): Date => new Date(Date.now() + this.offsetMs);

  /** Advances the time, e.g. by "76d". */
  advance(duration: ms.StringValue): void {
    this.offsetMs += ms(duration);
  }

  /** The environment that makes the Pulumi CLI use this time. */
  get env(): Record<string, string> {
    if (this.offsetMs === 0) return {};
    return {
      NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}`,
      CLOCK_OFFSET_MS: String(this.offsetMs),
    };
  }
}
