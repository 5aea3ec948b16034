import type { ServerResponse } from "node:http";
import type { RecordedRequest } from "./recording";

/** An answer as bytes. */
export interface RawAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** The headers of this answer, beside those of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body. */
  readonly body: Buffer;
}

/** What happens to an answer. */
export type FaultKind =
  /** The connection is reset without an answer. */
  | { kind: "reset" }
  /** The request is never answered, until the client or the emulator gives up. */
  | { kind: "timeout" }
  /** This answer is sent instead: an object as JSON, a string as plain text. */
  | { kind: "status"; status: number; body?: unknown; headers?: Record<string, string> }
  /** `send` sends anything it likes. `process` processes the request, each time it is called; `when` is ignored. */
  | { kind: "custom"; send: (response: ServerResponse, process: () => RawAnswer) => void };

/** One fault. */
export type Fault = FaultKind & {
  /** Whether the fault comes before the request's effect, which then never happens, or after it. */
  when: "before" | "after";
};

/** A fault, and the requests that it meets. */
export type FaultRule = Fault & {
  /** Default: every request. */
  match?: {
    /** In capitals. Default: any. */
    method?: string;
    /** Tested against the path with its query, from /v1 on. Default: any. */
    path?: RegExp;
  };
  /** How many matching requests it meets. Default 1. */
  times?: number;
  /** How many matching requests it spares first. Default 0. */
  after?: number;
};

interface ActiveRule {
  readonly rule: FaultRule;
  seen: number;
  used: number;
}

/** The faults to come. */
export class FaultPlan {
  /** Asked before the added faults. Undefined leaves the request to them. */
  decide?: ((request: RecordedRequest) => Fault | undefined) | undefined;

  /**
   * The database is gone while this is true: keys of the last two minutes are still accepted and
   * most requests with them answer 500, other keys answer 401, access tokens 500. Default false.
   */
  outage = false;

  private rules: ActiveRule[] = [];

  /** Adds a fault. If several match a request, the one added first is used. */
  add(rule: FaultRule): void {
    this.rules.push({ rule, seen: 0, used: 0 });
  }

  /** Removes all faults, the hook and the outage. */
  clear(): void {
    this.rules = [];
    this.decide = undefined;
    this.outage = false;
  }

  /** The fault that this request meets, counted as used. */
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
