import type { z } from "zod";
import type { Credential } from "../config/read";
import { type ErrorKind, FlexpriceError, type Warn } from "../shared/errors";
import { redact, rememberSecret } from "../shared/redaction";
import {
  DEFAULT_RETRY_LIMITS,
  type FinishedAttempt,
  isTransient,
  type Outcome,
  type RetryLimits,
  retryDelay,
  type Safety,
  waitNotice,
} from "./retry";
import { type ApiError, apiError } from "./schemas";
import {
  DEFAULT_TRANSPORT_LIMITS,
  type HttpRequest,
  type HttpResponse,
  httpTransport,
  proxyVariable,
  type Transport,
  TransportFailure,
} from "./transport";

/** What the outside world gives, all of it replaceable by tests. */
export interface Platform {
  readonly transport: Transport;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Says what a long wait is for, the same text only once; absent where nobody reads it. */
  readonly notify?: Warn;
  /** Whether a Date header is believed however far from the local clock: a test moves the clock of its server. */
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
  readonly world: Platform;
  readonly retry?: RetryLimits;
  /** Shared by the clients of one server, so that each knows what another has learned. */
  readonly clock?: ServerClock;
}

/** One call of an endpoint. */
export interface ApiCall<Answer> {
  readonly method: HttpRequest["method"];
  /** Below the base URL, with a leading slash; already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly safety: Safety;
  /** What the call is for, in the infinitive. */
  readonly operation: string;
  /** How to read the answer; absent: the answer has no body. */
  readonly responseSchema?: z.ZodType<Answer>;
}

/** How one attempt of a call ended. */
export type Attempt<Answer> =
  | { readonly value: Answer }
  | { readonly error: FlexpriceError; readonly outcome: Outcome };

/** A Date header that is further from the local clock, in milliseconds, may as well be a gateway's mistake. */
const MAX_HEADER_SKEW_MS = 2 * 60_000;

/**
 * The server's clock. Its Date headers tell it to about a second, and are believed while they are near the local
 * clock; what the server itself writes into an object that it has just made is believed in any case, and from then
 * on headers count that are near to that.
 */
export class ServerClock {
  private offset = 0;
  /** By the last header, believed or not. */
  private heard = 0;
  /** By the newest object. */
  private confirmed = 0;

  constructor(
    private readonly localNow: () => number,
    private readonly maxSkewMs = MAX_HEADER_SKEW_MS,
  ) {}

  /** Milliseconds of the epoch. */
  now(): number {
    return this.localNow() + this.offset;
  }

  /** The same where it is safer to take it for earlier than it is: a local clock that is far ahead proves nothing. */
  earliestNow(): number {
    return this.localNow() + Math.min(this.offset, this.heard);
  }

  noteHeader(dateHeader: string | undefined): void {
    const offset = Date.parse(dateHeader ?? "") - this.localNow();
    if (!Number.isNaN(offset)) this.heard = offset;
    if (Math.abs(offset - this.confirmed) <= this.maxSkewMs) this.offset = offset;
  }

  /** @param createdAt - Of an object that the server has made a moment ago, in milliseconds of the epoch. */
  noteCreation(createdAt: number | undefined): void {
    if (createdAt === undefined || Number.isNaN(createdAt)) return;
    this.confirmed = createdAt - this.localNow();
    // A believed header is the better one: the answer may have been long under way.
    if (Math.abs(this.offset - this.confirmed) > this.maxSkewMs) this.offset = this.confirmed;
  }
}

const USER_AGENT = "pulumi-flexprice";

/** HTTP to one Flexprice server with one credential: sends, repeats where that is safe, decodes, names what failed. */
export class Client {
  private readonly clock: ServerClock;

  constructor(private readonly options: ClientOptions) {
    this.clock = options.clock ?? new ServerClock(options.world.now);
    rememberSecret(options.credential.value);
  }

  /** The same server, asked with another credential. */
  as(credential: Credential): Client {
    return new Client({ ...this.options, credential, clock: this.clock });
  }

  /** The server's time in milliseconds of the epoch, to about a second. */
  serverNow(): number {
    return this.clock.now();
  }

  /** As {@link serverNow}, or by its last Date header where that is earlier. */
  earliestNow(): number {
    return this.clock.earliestNow();
  }

  /** The server has just made something, and said when. */
  noteCreation(createdAt: number | undefined): void {
    this.clock.noteCreation(createdAt);
  }

  async call<Answer>(call: ApiCall<Answer>): Promise<Answer> {
    const { world, retry = DEFAULT_RETRY_LIMITS } = this.options;
    const startedAt = world.now();
    for (let attempt = 1; ; attempt++) {
      const result = await this.attempt(call);
      if ("value" in result) return result.value;
      const finished: FinishedAttempt = {
        safety: call.safety,
        outcome: result.outcome,
        attempt,
        startedAt,
        now: world.now(),
        random: world.random,
        limits: retry,
      };
      const delay = retryDelay(finished);
      if (delay === "stop") throw result.error;
      await this.notify(waitNotice(result.error, finished, delay));
      await world.sleep(delay);
    }
  }

  /** Says what a long wait is for. */
  async notify(message: string | undefined): Promise<void> {
    if (message !== undefined) await this.options.world.notify?.(message);
  }

  /** Sends the request once. */
  async attempt<Answer>(call: ApiCall<Answer>): Promise<Attempt<Answer>> {
    const result = await this.send(this.request(call));
    if (result instanceof TransportFailure) {
      const outcome: Outcome = {
        kind: result.requestSent === "no" ? "not_sent" : "connection_lost",
      };
      return { outcome, error: this.failedRequest(call, result) };
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
    const { world } = this.options;
    try {
      const answer = await world.transport(request, () => void this.notify(this.slowNotice()));
      this.clock.noteHeader(answer.headers["date"]);
      return answer;
    } catch (error) {
      if (error instanceof TransportFailure) return error;
      throw error;
    }
  }

  private slowNotice(): string {
    const seconds = DEFAULT_TRANSPORT_LIMITS.maxElapsedMs / 1_000;
    return `Waiting for ${this.options.baseUrl}, which takes long to answer. Each request is given up to ${seconds} seconds.`;
  }

  /** The value of a 2xx; one that cannot be read says as little of what happened as none. */
  private decode<Answer>(call: ApiCall<Answer>, answer: HttpResponse): Attempt<Answer> {
    const read = readAnswer(call, answer);
    if ("value" in read) return read;
    return {
      outcome: { kind: "connection_lost" },
      error: new FlexpriceError({
        kind: call.safety === "unsafe" ? "outcome_unknown" : "malformed_answer",
        operation: call.operation,
        reason: `${this.where(call)} answered ${answer.status}, but the answer ${read.fault}`,
        fix: `check that ${this.options.baseUrl} is a Flexprice API and that no proxy in between rewrites or cuts its answers.`,
        status: answer.status,
      }),
    };
  }

  private failedResponse(call: ApiCall<unknown>, result: HttpResponse): Attempt<never> {
    const said = parseApiError(result);
    const kind = kindOf(call, result, said);
    const { status } = result;
    const target = redirectTarget(this.request(call).url, result);
    const told = said === undefined ? excerpt(result.body) : formatApiError(said);
    return {
      outcome: {
        kind: "response",
        status,
        retryAfter: result.headers["retry-after"],
        isRefusal: said !== undefined && status >= 400 && status < 500 && !isTransient(status),
        isOutage: saysOutage(result, said),
      },
      error: new FlexpriceError({
        kind,
        operation: call.operation,
        reason: `Flexprice answered ${status}${said?.code === undefined ? "" : ` ${said.code}`}: ${
          target === undefined ? told : `it redirects to ${target}`
        } (${this.where(call)})`,
        fix: answerFix(call, result, target, this.options.baseUrl) ?? this.fix(kind),
        status,
        code: said?.code,
      }),
    };
  }

  private failedRequest(call: ApiCall<unknown>, failure: TransportFailure): FlexpriceError {
    const kind =
      failure.requestSent === "no"
        ? "unreachable"
        : call.safety === "unsafe"
          ? "outcome_unknown"
          : "server_error";
    return new FlexpriceError({
      kind,
      operation: call.operation,
      reason: `no answer from ${this.where(call)}: ${failure.message}`,
      fix:
        connectionFix(failure, this.options.baseUrl) ??
        (kind === "server_error"
          ? `run the command again; if it goes on, look whether ${this.options.baseUrl} can be reached from here without a gateway that cuts connections.`
          : this.fix(kind)),
    });
  }

  private where(call: ApiCall<unknown>): string {
    return `${call.method} ${this.options.baseUrl}${call.path}`;
  }

  private fix(kind: ErrorKind): string {
    const { credential, baseUrl } = this.options;
    switch (kind) {
      case "unauthenticated":
        return `check the credential from ${credential.source}: it is unknown, expired or revoked there, or belongs to another server than ${baseUrl}. A server whose database is down answers like this too. refresh and destroy use the config of the last update: after changing a credential in the config run "pulumi up" first, or set the environment variable.`;
      case "forbidden":
        return `use a credential that may do this (now: ${credential.source}): accounts need a role with write access to users, keys of service accounts a super_admin user.`;
      case "wrong_environment":
        return `set flexprice:environmentId (or FLEXPRICE_ENVIRONMENT_ID) to an environment of this tenant: ${
          credential.kind === "apiKey"
            ? "an API key from a self-hosted server's own configuration needs it, as access tokens do."
            : "access tokens need it."
        }`;
      case "unreachable":
        return `check flexprice:baseUrl (or FLEXPRICE_BASE_URL) and that ${baseUrl} can be reached from here; nothing was sent.`;
      case "throttled":
        return "wait a moment and run the command again; nothing was changed by this request.";
      case "malformed_answer":
        return `check that ${baseUrl} is a Flexprice API (it ends in /v1).`;
      case "outcome_unknown":
        return "run the command again: the provider looks for what this request may have made.";
      case "server_error":
        return "run the command again. The server failed; this request changes nothing twice.";
      default:
        return "correct the program or the settings and run the command again.";
    }
  }
}

/** What helps against a failure of the connection itself; undefined: nothing special. */
function connectionFix(
  { code = "", message, requestSent }: TransportFailure,
  baseUrl: string,
): string | undefined {
  const { protocol, hostname } = new URL(baseUrl);
  const set = "set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to";
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(code)) {
    return "this machine does not know who has signed the server's certificate: write the certificate of that authority into a file, and set the environment variable NODE_EXTRA_CA_CERTS to its path. Nothing was sent.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate is for another name than ${hostname}: ${set} a name that it has. Nothing was sent.`;
  }
  if (/^CERT_/.test(code)) {
    return "the server's certificate is not valid today: look at its dates, and at the clock of this machine. Nothing was sent.";
  }
  if (
    protocol === "https:" &&
    (code === "EPROTO" || /WRONG_VERSION_NUMBER|packet length/i.test(code + message))
  ) {
    return `the server does not speak TLS at this port: ${set} http://… if it is meant to be so, or to the port for https. Nothing was sent.`;
  }
  const proxy = proxyVariable(baseUrl);
  if (proxy !== undefined && requestSent === "no") {
    return `check the proxy that the environment variable ${proxy} names: it has to be reachable from here and to let ${hostname} through. To go without it to this host, add ${hostname} to NO_PROXY. Nothing was sent.`;
  }
  if (protocol === "http:" && /HPE_INVALID|ECONNRESET|UND_ERR_SOCKET/.test(code)) {
    return `run the command again; if it goes on, and the server speaks TLS at this port, ${set} https://….`;
  }
  return undefined;
}

/** What servers answer who are spoken to without TLS where they expect it: nginx, Go and Apache. */
const WANTS_TLS =
  /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL/i;

/** What helps against one answer in particular; undefined: what helps against its kind. */
function answerFix(
  { path }: ApiCall<unknown>,
  { status, body }: HttpResponse,
  target: string | undefined,
  baseUrl: string,
): string | undefined {
  const set = "set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to";
  if (target !== undefined) {
    const moved = target.endsWith(path) ? target.slice(0, -path.length) : undefined;
    return moved === undefined || moved === baseUrl
      ? `${set} the address of the API itself: a redirect is not followed, since the credential goes to one host only. If this is a page to sign in, it must let requests with an API key through.`
      : `${set} ${moved}: a redirect is not followed, since the credential goes to one host only.`;
  }
  if (status === 400 && WANTS_TLS.test(body)) {
    return `the server speaks TLS at this port: ${set} ${baseUrl.replace(/^http:/, "https:")}.`;
  }
  if (status === 403 && /suspended/i.test(body)) {
    return "the tenant is suspended, and no credential can change anything in it: settle that with Flexprice, or with those who run the server, and run the command again.";
  }
  return undefined;
}

/** Where a redirect leads, without the query, which may hold what is to be kept secret; undefined: it is none. */
function redirectTarget(asked: string, { status, headers }: HttpResponse): string | undefined {
  const { location } = headers;
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, asked)) {
    return undefined;
  }
  const { origin, pathname } = new URL(location, asked);
  return `${origin}${pathname}`;
}

/** A server says so of a user whose database is away; one that is not there is "User not found". */
function saysOutage({ status }: HttpResponse, said: ApiError | undefined): boolean {
  return status === 404 && said?.message === "Failed to retrieve user";
}

/** The value of a 2xx, or what is wrong with it. */
function readAnswer<Answer>(
  { responseSchema: shape }: ApiCall<Answer>,
  { status, body }: HttpResponse,
): { value: Answer } | { fault: string } {
  if (shape === undefined) {
    // Flexprice says 204 and nothing else; a proxy's friendly page must not pass for a revoked key.
    if (status === 204) return { value: undefined as Answer };
    return { fault: `should be 204 without a body: ${excerpt(body)}` };
  }
  const json = parseJson(body);
  if (json === undefined) return { fault: `is not JSON: ${excerpt(body)}` };
  const parsed = shape.safeParse(json.value);
  if (parsed.success) return { value: parsed.data };
  const issues = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "the body"}: ${message}`,
  );
  return { fault: `lacks what Flexprice sends: ${issues.join("; ")}` };
}

function kindOf(
  call: ApiCall<unknown>,
  answer: HttpResponse,
  said: ApiError | undefined,
): ErrorKind {
  switch (answer.status) {
    case 400:
      // The server has one code for every refused request; only the words tell this one apart.
      return /revoke all api keys/i.test(said?.message ?? "") ? "has_active_keys" : "invalid";
    case 401:
      return "unauthenticated";
    case 403:
      return said?.error === "Access denied" ? "wrong_environment" : "forbidden";
    case 404:
      if (saysOutage(answer, said)) return "server_error";
      // A path that the server does not route is plain text: the base URL is wrong, nothing is missing.
      return said?.code === "not_found" ? "not_found" : "malformed_answer";
    case 409:
      return "conflict";
    case 429:
      return "throttled";
  }
  if (answer.status >= 500 || answer.status === 408) {
    return call.safety === "unsafe" ? "outcome_unknown" : "server_error";
  }
  return answer.status < 400 ? "malformed_answer" : "invalid";
}

function parseApiError(answer: HttpResponse): ApiError | undefined {
  const parsed = apiError.safeParse(parseJson(answer.body)?.value);
  if (!parsed.success) return undefined;
  const { code, message, error } = parsed.data;
  return (code ?? message ?? error) ? parsed.data : undefined;
}

function formatApiError({ message, error, details }: ApiError): string {
  const said = [error, message].filter((part) => part !== undefined).join(": ");
  return details === undefined ? said : `${said} ${JSON.stringify(details)}`;
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function excerpt(body: string): string {
  if (body === "") return "(an empty body)";
  // Before it is cut: half of a secret would not be recognised as one.
  const clean = redact(body);
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
