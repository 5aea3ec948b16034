import type { z } from "zod";
import type { Credential } from "../config/read";
import type { FlexpriceError, Warn } from "../shared/errors";
import { parseJson } from "../shared/json";
import { rememberSecret } from "../shared/redaction";
import {
  type DescribedCall,
  excerpt,
  requestError,
  responseError,
  unreadableResponse,
} from "./api-error";
import {
  DEFAULT_RETRY_LIMITS,
  type FinishedAttempt,
  type Outcome,
  type RetryLimits,
  retryDelay,
  waitNotice,
} from "./retry";
import { ServerClock } from "./server-clock";
import {
  DEFAULT_TRANSPORT_LIMITS,
  type HttpRequest,
  type HttpResponse,
  httpTransport,
  type Transport,
  TransportFailure,
} from "./transport";

/** Network, clock, chance and sleep. Tests replace them. */
export interface Platform {
  readonly transport: Transport;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Tells the user what a long wait is for, each text once. */
  readonly notify?: Warn;
  /** Whether to trust a Date header however far it is from the local clock. For tests that move the server's clock. */
  readonly trustsDateHeader?: boolean;
}

export function realPlatform(): Platform {
  return {
    trustsDateHeader: process.env["FLEXPRICE_TRUST_DATE_HEADER"] === "true",
    transport: httpTransport(),
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

export interface ClientOptions {
  /** With `/v1`, without a slash at the end. */
  readonly baseUrl: string;
  readonly credential: Credential;
  /** Sent as X-Environment-ID. */
  readonly environmentId?: string | undefined;
  readonly platform: Platform;
  readonly retry?: RetryLimits;
  /** Shared by the clients of one server. */
  readonly clock?: ServerClock;
}

/** One call of an endpoint. */
export interface ApiCall<Value> extends DescribedCall {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** The schema of the response; absent: it has no body. */
  readonly responseSchema?: z.ZodType<Value>;
}

/** The result of one attempt. */
export type Attempt<Value> =
  | { readonly value: Value }
  | { readonly error: FlexpriceError; readonly outcome: Outcome };

const USER_AGENT = "pulumi-flexprice";

/** The HTTP client for one Flexprice server with one credential: sends, retries where that is safe, and decodes. */
export class Client {
  private readonly clock: ServerClock;

  constructor(private readonly options: ClientOptions) {
    this.clock = options.clock ?? new ServerClock(options.platform.now);
    rememberSecret(options.credential.value);
  }

  /** A client for the same server with another credential. */
  as(credential: Credential): Client {
    return new Client({ ...this.options, credential, clock: this.clock });
  }

  /** The server's time in milliseconds of the epoch, to about a second. */
  serverNow(): number {
    return this.clock.now();
  }

  /** As {@link serverNow}, or by the last Date header if that is earlier. */
  earliestNow(): number {
    return this.clock.earliestNow();
  }

  /** The server has just created something at this time. */
  observeCreation(createdAt: number | undefined): void {
    this.clock.observeCreation(createdAt);
  }

  async call<Value>(call: ApiCall<Value>): Promise<Value> {
    const { platform, retry = DEFAULT_RETRY_LIMITS } = this.options;
    const startedAt = platform.now();
    for (let attempt = 1; ; attempt++) {
      const result = await this.attempt(call);
      if ("value" in result) return result.value;
      const finished: FinishedAttempt = {
        safety: call.safety,
        outcome: result.outcome,
        attempt,
        startedAt,
        now: platform.now(),
        random: platform.random,
        limits: retry,
      };
      const delay = retryDelay(finished);
      if (delay === "stop") throw result.error;
      await this.notify(waitNotice(result.error, finished, delay));
      await platform.sleep(delay);
    }
  }

  /** Tells the user what a long wait is for. */
  async notify(message: string | undefined): Promise<void> {
    if (message !== undefined) await this.options.platform.notify?.(message);
  }

  /** Sends the request once. */
  async attempt<Value>(call: ApiCall<Value>): Promise<Attempt<Value>> {
    const result = await this.send(this.request(call));
    if (result instanceof TransportFailure) {
      const outcome: Outcome = {
        kind: result.requestSent === "no" ? "not_sent" : "connection_lost",
      };
      return { outcome, error: requestError(call, result, this.options) };
    }
    if (result.status >= 200 && result.status <= 299) return this.decode(call, result);
    return this.failedResponse(call, result);
  }

  private request(call: ApiCall<unknown>): HttpRequest {
    const { baseUrl, credential, environmentId } = this.options;
    const url = new URL(baseUrl + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return {
      method: call.method,
      url: url.href,
      headers: {
        accept: "application/json",
        "user-agent": USER_AGENT,
        ...(credential.kind === "apiKey"
          ? { "x-api-key": credential.value }
          : { authorization: `Bearer ${credential.value}` }),
        ...(environmentId === undefined ? {} : { "x-environment-id": environmentId }),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
    };
  }

  private async send(request: HttpRequest): Promise<HttpResponse | TransportFailure> {
    const { platform } = this.options;
    try {
      const response = await platform.transport(request, () => void this.notify(this.slowNotice()));
      this.clock.observeDateHeader(response.headers["date"]);
      return response;
    } catch (error) {
      if (error instanceof TransportFailure) return error;
      throw error;
    }
  }

  private slowNotice(): string {
    const seconds = DEFAULT_TRANSPORT_LIMITS.maxElapsedMs / 1_000;
    return `Waiting for ${this.options.baseUrl}, which is slow to respond. Each request has up to ${seconds} seconds.`;
  }

  /** The value of a 2xx response. If it cannot be read, the outcome is as unknown as without a response. */
  private decode<Value>(call: ApiCall<Value>, response: HttpResponse): Attempt<Value> {
    const read = readResponse(call, response);
    if ("value" in read) return read;
    return {
      outcome: { kind: "connection_lost" },
      error: unreadableResponse(call, response, read.fault, this.options),
    };
  }

  private failedResponse(call: ApiCall<unknown>, response: HttpResponse): Attempt<never> {
    const { status, headers } = response;
    const { error, isRefusal, isOutage } = responseError(call, response, this.options);
    return {
      outcome: {
        kind: "response",
        status,
        retryAfter: headers["retry-after"],
        isRefusal,
        isOutage,
      },
      error,
    };
  }
}

/** The value of a 2xx response, or what is wrong with it. */
function readResponse<Value>(
  { responseSchema }: ApiCall<Value>,
  { status, body }: HttpResponse,
): { value: Value } | { fault: string } {
  if (responseSchema === undefined) {
    // Flexprice only sends 204: a proxy's HTML page must not count as a revoked key.
    if (status === 204) return { value: undefined as Value };
    return { fault: `should be 204 without a body: ${excerpt(body)}` };
  }
  const json = parseJson(body);
  if (json === undefined) return { fault: `is not JSON: ${excerpt(body)}` };
  const parsed = responseSchema.safeParse(json);
  if (parsed.success) return { value: parsed.data };
  const issues = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "the body"}: ${message}`,
  );
  return { fault: `does not have Flexprice's format: ${issues.join("; ")}` };
}
