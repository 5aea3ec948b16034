import type { Dispatcher } from "undici";
import { lazy } from "../shared/lazy";
import { isLoopback } from "../shared/loopback";

/** One HTTP request, ready to send. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** What came back. Header names are in lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * Sends a request; fails with a {@link TransportFailure} and nothing else. `onSlow` is called once the answer to what
 * was sent takes longer than one would expect.
 */
export type Transport = (request: HttpRequest, onSlow?: () => void) => Promise<HttpResponse>;

/** No whole answer came. `sent` tells whether the server may have seen the request. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  constructor(
    message: string,
    readonly requestSent: "no" | "unknown",
    /** Of Node, OpenSSL or undici, e.g. ECONNREFUSED. */
    readonly code?: string,
  ) {
    super(message);
  }
}

export interface TransportLimits {
  /** To open a connection, in milliseconds. */
  readonly connectMs: number;
  /** From the request to the answer's headers, in milliseconds. */
  readonly headersMs: number;
  /** Between two pieces of an answer's body, in milliseconds. */
  readonly bodyMs: number;
  /** For a whole answer, in milliseconds: a body that trickles in would never meet the limit between two pieces. */
  readonly maxElapsedMs: number;
  /** From the request until it counts as slow, in milliseconds. */
  readonly slowMs: number;
  /** Largest answer that is read, in bytes. A page of 1,000 keys is about 0.5 MB. */
  readonly answerBytes: number;
  /** Connections, and so requests under way at once. */
  readonly connections: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 30_000,
  maxElapsedMs: 60_000,
  slowMs: 2_000,
  answerBytes: 32 * 1024 * 1024,
  connections: 10,
};

/** Loaded by the first request: a process that makes none starts faster. `import()` would take a third longer. */
const undici = lazy((): typeof import("undici") => require("undici"));

/** The environment variables that name a proxy, in the order in which they count. */
const PROXY_VARIABLES = {
  "https:": ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"],
  "http:": ["http_proxy", "HTTP_PROXY"],
} as const;

/**
 * Real HTTP over kept-alive connections, through the proxy that HTTPS_PROXY or HTTP_PROXY names unless NO_PROXY has
 * the host; of https a proxy sees a tunnel, never a credential. Redirects are not followed: a credential goes to the
 * configured host only.
 */
export function httpTransport(limits: TransportLimits = DEFAULT_TRANSPORT_LIMITS): Transport {
  const options = {
    connections: limits.connections,
    pipelining: 1,
    connect: { timeout: limits.connectMs },
    headersTimeout: limits.headersMs,
    bodyTimeout: limits.bodyMs,
  };
  const direct = lazy(() => new (undici().Agent)(options));
  const proxied = lazy(() => new (undici().EnvHttpProxyAgent)(options));
  const slots = new Slots(limits.connections);
  return async ({ method, url, headers, body }, onSlow = () => {}) => {
    rejectUnsendable(headers);
    const { request } = undici();
    const leave = await slots.take();
    const slow = setTimeout(onSlow, limits.slowMs);
    let isSent = false;
    const watch: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
      dispatch(
        options,
        atStart(handler, () => {
          isSent = true;
        }),
      );
    try {
      const dispatcher = proxyVariable(url) === undefined ? direct() : proxied();
      const answer = await request(url, {
        dispatcher: dispatcher.compose(watch),
        method,
        headers: { ...headers },
        body: body ?? null,
        // Informational answers without end, or a body that trickles in, meet no limit between two pieces.
        signal: AbortSignal.timeout(limits.maxElapsedMs),
      });
      const text = await readBody(answer.body, limits);
      return { status: answer.statusCode, headers: plainHeaders(answer.headers), body: text };
    } catch (error) {
      throw asTransportFailure(error, isSent, limits);
    } finally {
      clearTimeout(slow);
      leave();
    }
  };
}

/** Requests under way: so that the time of one runs from its sending, and not while it waits for a connection. */
class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async take(): Promise<() => void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    return () => {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    };
  }
}

/**
 * The handler of a request, with word of its start: undici tells it when the connection is made, through a proxy and
 * with TLS done, and the first byte is about to be written. What fails before has not reached the server.
 */
function atStart(
  handler: Dispatcher.DispatchHandler,
  started: () => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart(...args) {
      started();
      handler.onRequestStart?.(...args);
    },
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  };
}

/**
 * The environment variable whose proxy a URL is asked for through. What runs on this machine never is, as in Go, and
 * so in the Pulumi CLI.
 */
export function proxyVariable(url: string): string | undefined {
  const { protocol, hostname } = new URL(url);
  if (isLoopback(hostname) || isExempt(hostname)) return undefined;
  const names = protocol === "https:" ? PROXY_VARIABLES["https:"] : PROXY_VARIABLES["http:"];
  return names.find((name) => process.env[name]);
}

/** Whether NO_PROXY has the host, or a domain that it belongs to. A port in it is left to undici. */
function isExempt(hostname: string): boolean {
  const entries = (process.env["no_proxy"] ?? process.env["NO_PROXY"] ?? "").split(/[\s,]+/);
  return entries.some((entry) => {
    const domain = entry.toLowerCase().replace(/^\*?\.?/, "");
    return entry === "*" || (domain !== "" && `.${hostname}`.endsWith(`.${domain}`));
  });
}

/** undici refuses such a header too, but its connection is of no use afterwards: every later request waits for ever. */
function rejectUnsendable(headers: HttpRequest["headers"]): void {
  const [name] =
    Object.entries(headers).find(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value)) ?? [];
  if (name === undefined) return;
  throw new TransportFailure(
    `the value of ${name} has a line break or another character that HTTP cannot carry`,
    "no",
  );
}

async function readBody(body: AsyncIterable<Buffer>, limits: TransportLimits): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > limits.answerBytes) {
      throw new TransportFailure(
        `the answer is larger than ${limits.answerBytes} bytes`,
        "unknown",
      );
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function plainHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value[0] : value,
    ]),
  );
}

function asTransportFailure(
  error: unknown,
  isSent: boolean,
  limits: TransportLimits,
): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const sent = isSent ? "unknown" : "no";
  if (error instanceof Error && error.name === "TimeoutError") {
    return new TransportFailure(`the answer took longer than ${limits.maxElapsedMs} ms`, sent);
  }
  const code = codeOf(error);
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  const told = code !== undefined && !text.includes(code) ? `${text} (${code})` : text;
  return new TransportFailure(told, sent, code);
}

/** Node reports a host with several addresses as one AggregateError; its code is that of every attempt. */
function codeOf(error: unknown): string | undefined {
  if (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    typeof error.code === "string"
  ) {
    return error.code;
  }
  return undefined;
}
