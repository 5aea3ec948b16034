import { once } from "../once";

/** One HTTP request, ready to send. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** What came back. Header names are in lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Sends a request; fails with a {@link TransportFailure} and nothing else. */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>;

/** No whole answer came. `sent` tells whether the server may have seen the request. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  constructor(
    message: string,
    readonly sent: "surely not" | "maybe",
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
  readonly totalMs: number;
  /** Largest answer that is read, in bytes. A page of 1,000 keys is about 0.5 MB. */
  readonly answerBytes: number;
  /** Connections, and so requests under way at once. */
  readonly connections: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 30_000,
  totalMs: 60_000,
  answerBytes: 32 * 1024 * 1024,
  connections: 10,
};

/** Codes of failures that happen before a byte of the request leaves. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Loaded by the first request: a process that makes none starts faster. `import()` would take a third longer. */
const undici = once((): typeof import("undici") => require("undici"));

/** Real HTTP over kept-alive connections. Redirects are not followed: a credential goes to the configured host only. */
export function httpTransport(limits: TransportLimits = DEFAULT_TRANSPORT_LIMITS): Transport {
  const agent = once(() => {
    const { Agent } = undici();
    return new Agent({
      connections: limits.connections,
      pipelining: 1,
      connect: { timeout: limits.connectMs },
      headersTimeout: limits.headersMs,
      bodyTimeout: limits.bodyMs,
    });
  });
  return async ({ method, url, headers, body }) => {
    refuseUnsendable(headers);
    const { request } = undici();
    const dispatcher = agent();
    try {
      const answer = await request(url, {
        dispatcher,
        method,
        headers: { ...headers },
        body: body ?? null,
      });
      const text = await readBody(answer.body, limits);
      return { status: answer.statusCode, headers: plainHeaders(answer.headers), body: text };
    } catch (error) {
      throw asTransportFailure(error);
    }
  };
}

/** undici refuses such a header too, but its connection is of no use afterwards: every later request waits for ever. */
function refuseUnsendable(headers: HttpRequest["headers"]): void {
  const [name] =
    Object.entries(headers).find(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value)) ?? [];
  if (name === undefined) return;
  throw new TransportFailure(
    `the value of ${name} has a line break or another character that HTTP cannot carry`,
    "surely not",
  );
}

async function readBody(
  body: AsyncIterable<Buffer> & { destroy(error?: Error): unknown },
  limits: TransportLimits,
): Promise<string> {
  const late = setTimeout(() => {
    body.destroy(new TransportFailure(`the answer took longer than ${limits.totalMs} ms`, "maybe"));
  }, limits.totalMs);
  try {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of body) {
      size += piece.length;
      if (size > limits.answerBytes) {
        throw new TransportFailure(
          `the answer is larger than ${limits.answerBytes} bytes`,
          "maybe",
        );
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString("utf8");
  } finally {
    clearTimeout(late);
  }
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

function asTransportFailure(error: unknown): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const code = codeOf(error);
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  const told = code !== undefined && !text.includes(code) ? `${text} (${code})` : text;
  const unsent = code !== undefined && NOT_SENT.has(code);
  return new TransportFailure(told, unsent ? "surely not" : "maybe");
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
