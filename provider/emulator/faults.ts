import type { ServerResponse } from "node:http";
import type { RecordedRequest } from "./recording";

/** A response with its body as bytes. */
export interface RawResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The headers of this response, in addition to those of every response. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body. */
  readonly body: Buffer;
}

/** What happens to a response. */
export type FaultKind =
  /** The connection is reset without a response. */
  | { kind: "reset" }
  /** No response is sent, until the client or the emulator gives up. */
  | { kind: "timeout" }
  /** This response is sent instead: an object as JSON, a string as plain text. */
  | { kind: "status"; status: number; body?: unknown; headers?: Record<string, string> }
  /** `send` writes the response. Each call of `process` processes the request once. `when` is ignored. */
  | { kind: "custom"; send: (response: ServerResponse, process: () => RawResponse) => void };

/** One fault. */
export type Fault = FaultKind & {
  /** `before`: the request has no effect. `after`: the request takes effect, and then the fault happens. */
  when: "before" | "after";
};

/** A fault, and the requests that it affects. */
export type FaultRule = Fault & {
  /** Default: every request. */
  match?: {
    /** In upper case. Default: any. */
    method?: string;
    /** Matched against the path with its query, starting with /v1. Default: any. */
    path?: RegExp;
  };
  /** How many matching requests it affects. Default: 1. */
  times?: number;
  /** How many matching requests it skips first. Default: 0. */
  after?: number;
};

interface ActiveRule {
  readonly rule: FaultRule;
  seen: number;
  used: number;
}

/** Faults for the next requests. */
export class FaultPlan {
  /** Called for each request, before the added faults. If it returns undefined, those apply. */
  decide?: ((request: RecordedRequest) => Fault | undefined) | undefined;

  /**
   * While this is true, the database is down: keys that were used in the last two minutes are accepted, and most
   * requests with them return 500. Other keys return 401, access tokens 500. Default: false.
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

  /** The fault for this request, which counts as used. */
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
