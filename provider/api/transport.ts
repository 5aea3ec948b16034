import type { Dispatcher } from "undici";
import { isLoopback } from "../config/read";
import { lazy } from "../shared/lazy";

/** One HTTP request, ready to send. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** A complete response. Header names are in lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * Sends a request. Fails only with a {@link TransportFailure}. Calls `onSlow` once if the response takes unusually
 * long.
 */
export type Transport = (request: HttpRequest, onSlow?: () => void) => Promise<HttpResponse>;

/** No complete response came. `requestSent` tells whether the server may have seen the request. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  constructor(
    message: string,
    readonly requestSent: "no" | "unknown",
    /** A code of Node.js, OpenSSL or undici, e.g. ECONNREFUSED. */
    readonly code?: string,
  ) {
    super(message);
  }
}

export interface TransportLimits {
  /** To open a connection, in milliseconds. */
  readonly connectMs: number;
  /** From the request to the response's headers, in milliseconds. */
  readonly headersMs: number;
  /** Between two chunks of a response's body, in milliseconds. */
  readonly bodyMs: number;
  /** For the whole response, in milliseconds: a trickling body would never exceed the limit between two chunks. */
  readonly maxElapsedMs: number;
  /** From the request until it counts as slow, in milliseconds. */
  readonly slowMs: number;
  /** The largest response body to read, in bytes. A page of 1,000 keys is about 0.5 MB. */
  readonly maxResponseBytes: number;
  /** Connections, and so concurrent requests. */
  readonly connections: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 30_000,
  maxElapsedMs: 60_000,
  slowMs: 2_000,
  maxResponseBytes: 32 * 1024 * 1024,
  connections: 10,
};

/** Loaded by the first request, so that a process without requests starts faster. `import()` takes a third longer. */
const undici = lazy((): typeof import("undici") => require("undici"));

/** The environment variables that name a proxy, the first one set wins. */
const PROXY_VARIABLES = {
  "https:": ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"],
  "http:": ["http_proxy", "HTTP_PROXY"],
} as const;

/**
 * HTTP over kept-alive connections, through the proxy in HTTPS_PROXY or HTTP_PROXY unless NO_PROXY lists the host. With
 * https, the proxy only sees a tunnel. Redirects are not followed: the credential goes to the configured host only.
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
    const release = await slots.acquire();
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
      const response = await request(url, {
        dispatcher: dispatcher.compose(watch),
        method,
        headers: { ...headers },
        body: body ?? null,
        // Endless informational responses or a trickling body would exceed no limit between two chunks.
        signal: AbortSignal.timeout(limits.maxElapsedMs),
      });
      const text = await readBody(response.body, limits);
      return { status: response.statusCode, headers: plainHeaders(response.headers), body: text };
    } catch (error) {
      throw asTransportFailure(error, isSent, limits);
    } finally {
      clearTimeout(slow);
      release();
    }
  };
}

/** Limits concurrent requests, so that the time of a request does not run while it waits for a connection. */
class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async acquire(): Promise<() => void> {
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
 * Wraps the handler of a request to observe its start. undici calls it once the connection is made, through a proxy and
 * with TLS, just before the first byte is written. An earlier failure has not reached the server.
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
 * The environment variable that names the proxy for a URL. Requests to this machine never use a proxy, as in Go, and so
 * in the Pulumi CLI.
 */
export function proxyVariable(url: string): string | undefined {
  const { protocol, hostname } = new URL(url);
  if (isLoopback(hostname) || isExempt(hostname)) return undefined;
  const names = protocol === "https:" ? PROXY_VARIABLES["https:"] : PROXY_VARIABLES["http:"];
  return names.find((name) => process.env[name]);
}

/** Whether NO_PROXY lists the host or one of its domains. undici handles ports in it. */
function isExempt(hostname: string): boolean {
  const entries = (process.env["no_proxy"] ?? process.env["NO_PROXY"] ?? "").split(/[\s,]+/);
  return entries.some((entry) => {
    const domain = entry.toLowerCase().replace(/^\*?\.?/, "");
    return entry === "*" || (domain !== "" && `.${hostname}`.endsWith(`.${domain}`));
  });
}

/** undici rejects such a header too, but blocks its connection with it: every later request would hang. */
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
    if (size > limits.maxResponseBytes) {
      throw new TransportFailure(
        `the response is larger than ${limits.maxResponseBytes} bytes`,
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
    return new TransportFailure(`the response took longer than ${limits.maxElapsedMs} ms`, sent);
  }
  const code = codeOf(error);
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  const message = code !== undefined && !text.includes(code) ? `${text} (${code})` : text;
  return new TransportFailure(message, sent, code);
}

/** For a host with several addresses, Node.js throws one AggregateError with the code of all attempts. */
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
