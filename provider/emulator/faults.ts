import type { RecordedRequest } from "./recording";

/** What is done to an answer. */
export type FaultKind =
  /** The connection is reset, without any answer. */
  | { kind: "reset" }
  /** The request is accepted and never answered, until the client or the emulator gives up. */
  | { kind: "timeout" }
  /** This answer instead: an object as JSON, a string as plain text. */
  | { kind: "status"; status: number; body?: unknown; headers?: Record<string, string> }
  /** Content-Length promises the whole body, half of it comes, and the connection ends. */
  | { kind: "truncated" }
  /** The body trickles. Default 20 bytes per second. */
  | { kind: "slow"; bytesPerSecond?: number }
  /** The request is processed twice and the second answer is sent. `when` has no meaning here. */
  | { kind: "duplicate" }
  /** The right status with an HTML page, as a proxy would send it. */
  | { kind: "not_json"; body?: string }
  /** The right status with JSON that the API does not speak. */
  | { kind: "wrong_shape"; body?: unknown }
  /** Valid JSON with this much padding in front of the true fields. */
  | { kind: "huge"; mebibytes: number };

/**
 * One fault. With "before" the request has no effect at all, and what spoils the answer spoils a
 * substitute (200, or 503 for "slow"); with "after" the effect happens first.
 */
export type Fault = FaultKind & {
  /** Whether the fault comes before the request's effect, or after it. */
  when: "before" | "after";
};

/** A fault, and the requests that meet it. */
export type FaultRule = Fault & {
  /** Default: every request. */
  match?: {
    /** In capitals. Default: any. */
    method?: string;
    /** Tested against the path with its query, from /v1 on. Default: any. */
    path?: RegExp;
  };
  /** How many matching requests meet it. Default 1. */
  times?: number;
  /** How many matching requests are spared first. Default 0. */
  after?: number;
};

interface ActiveRule {
  readonly rule: FaultRule;
  seen: number;
  used: number;
}

/** The faults to come. */
export class FaultPlan {
  /**
   * Asked before the added faults; undefined leaves the request to them. For harnesses that draw
   * faults from a seed.
   */
  decide?: ((request: RecordedRequest) => Fault | undefined) | undefined;

  /**
   * The database is gone while this is true: keys of the last two minutes are still accepted and
   * most requests with them answer 500, other keys answer 401, access tokens 500. Default false.
   */
  outage = false;

  private rules: ActiveRule[] = [];

  /** Adds a fault. Of several that match a request, the one added first is used. */
  add(rule: FaultRule): void {
    this.rules.push({ rule, seen: 0, used: 0 });
  }

  /** Forgets all faults, the hook and the outage. */
  clear(): void {
    this.rules = [];
    this.decide = undefined;
    this.outage = false;
  }

  /** The fault that this request meets; counts it as used. */
  take(request: RecordedRequest): Fault | undefined {
    const decided = this.decide?.(request);
    if (decided) return decided;
    for (const active of this.rules) {
      const { rule } = active;
      if (!matches(rule, request)) continue;
      active.seen++;
      if (active.seen <= (rule.after ?? 0) || active.used >= (rule.times ?? 1)) continue;
      active.used++;
      return rule;
    }
    return undefined;
  }
}

function matches({ match }: FaultRule, { method, path }: RecordedRequest): boolean {
  if (match?.method !== undefined && match.method !== method) return false;
  // search() starts at the beginning even with a global expression
  return match?.path === undefined || path.search(match.path) >= 0;
}
