/** What repeating a request can do: nothing at all, nothing more than once, or make a second object. */
export type Safety = "safe" | "idempotent" | "unsafe";

/** How one attempt ended. */
export type Outcome =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfter?: string | undefined;
      /** Whether Flexprice itself declined: a 4xx in one of its own shapes, and so before it did anything. */
      readonly isRefusal?: boolean;
      /** Whether it declined because of trouble of its own: the same request may succeed later. */
      readonly isOutage?: boolean;
    }
  /** The request surely did not reach the server: connection refused, name not resolved. */
  | { readonly kind: "not_sent" }
  /** It may have reached the server: reset, timeout, an answer cut off. */
  | { readonly kind: "connection_lost" };

export interface RetryLimits {
  /** Attempts in all, the first one included; absent: as many as fit into the time. */
  readonly attempts?: number;
  /** From the first attempt to the start of the last, in milliseconds. */
  readonly maxElapsedMs: number;
  /** The same where nothing ever reached the server: an address that is wrong stays so. */
  readonly unreachableMs: number;
  /** The same where the server asks to slow down: its quota comes back by the minute. */
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
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly limits?: RetryLimits;
}

const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Whether a status says that the same request may well succeed later. */
export function isTransient(status: number): boolean {
  return TRANSIENT_STATUSES.has(status);
}

/** Milliseconds to wait before the next attempt, or "stop". Pure: time and chance are arguments. */
export function retryDelay(finished: FinishedAttempt): number | "stop" {
  const { outcome, attempt, startedAt, now, random } = finished;
  const limits = finished.limits ?? DEFAULT_RETRY_LIMITS;
  const { attempts = Number.POSITIVE_INFINITY } = limits;
  if (attempt >= attempts || !mayRetry(finished)) return "stop";
  const ceiling = Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** (attempt - 1));
  // Jitter: clients that failed together do not come back together. At least half, so that time passes.
  const own = Math.round(((1 + random()) / 2) * ceiling);
  const pause = Math.max(retryAfterMs(outcome, now) ?? 0, own);
  return now + pause - startedAt > retryWindowMs(outcome, limits) ? "stop" : pause;
}

/** How long an outcome like this one is put up with, in milliseconds. */
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
      // A create is repeated only where the server says that it did not take it up.
      return (
        outcome.status === 429 ||
        (outcome.status === 503 && retryAfterMs(outcome, now) !== undefined)
      );
  }
}

/** A wait up to so long, in milliseconds, is nothing to wonder about. */
export const MAX_SILENT_MS = 2_000;

/** What to say of the wait before the next attempt; undefined where all waits so far are short. */
export function waitNotice(
  { reason }: { readonly reason: string },
  { outcome, startedAt, now, limits = DEFAULT_RETRY_LIMITS }: FinishedAttempt,
  pause: number,
): string | undefined {
  if (now + pause - startedAt <= MAX_SILENT_MS) return undefined;
  const seconds = Math.round(retryWindowMs(outcome, limits) / 1_000);
  return `Waiting for the server: ${reason}. The request is repeated for up to ${seconds} seconds.`;
}

function retryAfterMs(outcome: Outcome, now: number): number | undefined {
  if (outcome.kind !== "response" || outcome.retryAfter === undefined) return undefined;
  return parseRetryAfter(outcome.retryAfter, now);
}

/** Milliseconds that a Retry-After header asks for, in either of its forms; undefined when it is neither. */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Date.parse alone would take many a text for a date that no HTTP server means.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
