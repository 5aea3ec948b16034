/** Whether repeating a request is harmless: it changes nothing, nothing twice, or may create a second object. */
export type Safety = "safe" | "idempotent" | "unsafe";

/** The outcome of one attempt. */
export type Outcome =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfter?: string | undefined;
      /** Whether Flexprice itself rejected the request with a 4xx, before it changed anything. */
      readonly isRefusal?: boolean;
      /** Whether it failed because of its own outage: the same request may succeed later. */
      readonly isOutage?: boolean;
    }
  /** The request did not reach the server: connection refused, name not resolved. */
  | { readonly kind: "not_sent" }
  /** It may have reached the server: reset, timeout, incomplete response. */
  | { readonly kind: "connection_lost" };

export interface RetryLimits {
  /** All attempts, including the first; absent: as many as fit into the time. */
  readonly maxAttempts?: number;
  /** From the first attempt to the start of the last, in milliseconds. */
  readonly maxElapsedMs: number;
  /** The same if nothing ever reached the server: a wrong address stays wrong. */
  readonly unreachableMs: number;
  /** The same if the server asks to slow down: its quota renews every minute. */
  readonly throttledMs: number;
  /** Upper bound of the first pause, doubled with every attempt, in milliseconds. */
  readonly baseDelayMs: number;
  /** Upper bound of any pause that the server did not ask for, in milliseconds. */
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY_LIMITS: RetryLimits = {
  maxElapsedMs: 60_000,
  unreachableMs: 15_000,
  throttledMs: 5 * 60_000,
  baseDelayMs: 250,
  maxDelayMs: 8_000,
};

export interface FinishedAttempt {
  readonly safety: Safety;
  readonly outcome: Outcome;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** When the first attempt began, in milliseconds of the epoch. */
  readonly startedAt: number;
  readonly now: number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly limits?: RetryLimits;
}

const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Whether the same request may succeed later after a response with this status. */
export function isTransient(status: number): boolean {
  return TRANSIENT_STATUSES.has(status);
}

/** Milliseconds to wait before the next attempt, or "stop". Pure: time and chance are arguments. */
export function retryDelay(finished: FinishedAttempt): number | "stop" {
  const { outcome, attempt, startedAt, now, random } = finished;
  const limits = finished.limits ?? DEFAULT_RETRY_LIMITS;
  const { maxAttempts = Number.POSITIVE_INFINITY } = limits;
  if (attempt >= maxAttempts || !mayRetry(finished)) return "stop";
  const ceiling = Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** (attempt - 1));
  // Jitter keeps clients from retrying in step. At least half of the ceiling, so that time passes.
  const backoff = Math.round(((1 + random()) / 2) * ceiling);
  const delay = Math.max(retryAfterMs(outcome, now) ?? 0, backoff);
  return now + delay - startedAt > retryWindowMs(outcome, limits) ? "stop" : delay;
}

/** How long to keep retrying after such an outcome, in milliseconds. */
function retryWindowMs(outcome: Outcome, limits: RetryLimits): number {
  if (outcome.kind === "not_sent") return limits.unreachableMs;
  const isThrottled = outcome.kind === "response" && outcome.status === 429;
  return isThrottled ? limits.throttledMs : limits.maxElapsedMs;
}

function mayRetry({ safety, outcome, now }: FinishedAttempt): boolean {
  switch (outcome.kind) {
    case "not_sent":
      return true;
    case "connection_lost":
      return safety !== "unsafe";
    case "response":
      if (outcome.isOutage === true) return true;
      if (safety !== "unsafe") return isTransient(outcome.status);
      // A create is only repeated if the server says that it did not process it.
      return (
        outcome.status === 429 ||
        (outcome.status === 503 && retryAfterMs(outcome, now) !== undefined)
      );
  }
}

/** Waits up to this long need no notice, in milliseconds. */
export const MAX_SILENT_MS = 2_000;

/** The notice for the wait before the next attempt; undefined while all waits are short. */
export function waitNotice(
  { reason }: { readonly reason: string },
  { outcome, startedAt, now, limits = DEFAULT_RETRY_LIMITS }: FinishedAttempt,
  delay: number,
): string | undefined {
  if (now + delay - startedAt <= MAX_SILENT_MS) return undefined;
  const seconds = Math.round(retryWindowMs(outcome, limits) / 1_000);
  return `Waiting for the server: ${reason}. The request is repeated for up to ${seconds} seconds.`;
}

function retryAfterMs(outcome: Outcome, now: number): number | undefined {
  if (outcome.kind !== "response" || outcome.retryAfter === undefined) return undefined;
  return parseRetryAfter(outcome.retryAfter, now);
}

/** The milliseconds of a Retry-After header, in either of its forms; undefined for anything else. */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Date.parse alone would accept texts that are not HTTP dates.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
