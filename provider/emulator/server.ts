import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, encodeJson } from "./answers";
import type { Authentication } from "./auth";
import type { Fault, FaultPlan, RawResponse } from "./faults";
import { respond } from "./processing";
import { ulid } from "./random";
import { parseBody, type RecordedRequest } from "./recording";
import type { State } from "./state";

/** Headers that the server adds to every response. */
const HEADERS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
  "Access-Control-Allow-Headers": "*",
  "Access-Control-Max-Age": "86400",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** Receives, records and answers requests. */
export class RequestHandler {
  /** All requests, in order of arrival. */
  readonly requests: RecordedRequest[] = [];

  constructor(
    private readonly state: State,
    private readonly authentication: Authentication,
    private readonly faults: FaultPlan,
    private readonly onResponse: ((request: RecordedRequest) => void) | undefined,
  ) {}

  receive(request: IncomingMessage, response: ServerResponse): void {
    const record: RecordedRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: flatHeaders(request),
      body: undefined,
      at: this.state.clock(),
    };
    this.requests.push(record);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      record.body = parseBody(body);
      this.writeHeaders(response, record);
      const { method, path: target } = record;
      const incoming = { method, target, headers: firstHeaders(request), body };
      this.answer(response, record, () => respond(incoming, this.state, this.authentication));
      this.onResponse?.(record);
    });
    request.on("error", () => {}); // The client disconnected before it had sent everything.
  }

  private writeHeaders(response: ServerResponse, { headers }: RecordedRequest): void {
    response.sendDate = false; // Node would use the real clock.
    response.setHeader("Date", this.state.clock().toUTCString());
    const requestId =
      headers["x-request-id"] || ulid(this.state.clock().getTime(), this.state.random);
    response.setHeader("X-Request-Id", requestId);
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  }

  private answer(response: ServerResponse, record: RecordedRequest, process: () => Answer): void {
    const fault = this.faults.take(record);
    if (fault !== undefined) record.fault = `${fault.kind} ${fault.when}`;
    if (fault?.kind === "custom") {
      fault.send(response, () => toRaw(process()));
      if (response.headersSent) record.status = response.statusCode;
      return;
    }
    const answer = fault?.when === "before" ? undefined : process();
    if (fault?.kind === "reset") response.socket?.resetAndDestroy();
    const offered = fault === undefined ? answer : substituteOf(fault);
    if (offered === undefined) return;
    send(response, toRaw(offered));
    record.status = offered.status;
    const content = offered.json ?? offered.text;
    if (content !== undefined) record.responseBody = structuredClone(content);
  }
}

function substituteOf(fault: Fault): Answer | undefined {
  if (fault.kind !== "status") return undefined;
  const { status, body, headers } = fault;
  const content =
    typeof body === "string" ? { text: body, contentType: "text/plain" } : { json: body };
  return { status, ...(body !== undefined && content), ...(headers && { headers }) };
}

function send(response: ServerResponse, { status, headers, body }: RawResponse): void {
  response.writeHead(status, {
    ...headers,
    ...(status !== 204 && { "Content-Length": String(body.length) }),
  });
  response.end(body);
}

function toRaw({ status, json, text, contentType, headers }: Answer): RawResponse {
  const type = json === undefined ? contentType : "application/json; charset=utf-8";
  return {
    status,
    headers: { ...(type !== undefined && { "Content-Type": type }), ...headers },
    body: Buffer.from(json === undefined ? (text ?? "") : encodeJson(json)),
  };
}

/** Go returns the first value of a repeated header. */
function firstHeaders({ headersDistinct }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headersDistinct).map(([name, [first = ""] = []]) => [name, first]),
  );
}

function flatHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}
