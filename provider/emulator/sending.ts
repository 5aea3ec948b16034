import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type Answer, encodeJson, failure, ok } from "./answers";
import type { Fault } from "./faults";

const DEFAULT_BYTES_PER_SECOND = 20;
const SLICE_MS = 50;
const BLOCK = "x".repeat(64 * 1024);

/** What goes over the wire of an answer. */
interface Wire {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly headers: Record<string, string>;
}

export function send(response: ServerResponse, answer: Answer): void {
  const wire = toWire(answer);
  writeHead(response, wire, wire.body.length);
  response.end(wire.body);
}

/** What a fault before the effect spoils in place of the true answer. */
export function substitute(fault: Fault): Answer {
  return fault.kind === "slow"
    ? failure("service_unavailable", "The service is temporarily unavailable")
    : ok({ message: "this request had no effect" });
}

/**
 * Sends the answer as the fault wants it. Returns the answer that the client was offered;
 * undefined when it was offered none.
 */
export function sendSpoilt(
  response: ServerResponse,
  answer: Answer,
  fault: Fault,
): Answer | undefined {
  switch (fault.kind) {
    case "reset":
      response.socket?.resetAndDestroy();
      return undefined;
    case "timeout":
      return undefined;
    case "status":
      return sendAs(response, statusAnswer(fault));
    case "not_json":
      return sendAs(response, {
        status: withBody(answer.status),
        text: fault.body ?? "<html><body><h1>Welcome to nginx!</h1></body></html>",
        contentType: "text/html",
      });
    case "wrong_shape":
      return sendAs(response, {
        status: withBody(answer.status),
        json: fault.body ?? { unexpected: ["shape"] },
      });
    case "truncated":
      return sendTruncated(response, answer);
    case "slow":
      return sendSlowly(response, answer, fault.bytesPerSecond ?? DEFAULT_BYTES_PER_SECOND);
    case "huge":
      return sendHuge(response, answer, fault.mebibytes);
    case "duplicate":
      return sendAs(response, answer);
  }
}

function sendAs(response: ServerResponse, answer: Answer): Answer {
  send(response, answer);
  return answer;
}

function statusAnswer({ status, body, headers }: Extract<Fault, { kind: "status" }>): Answer {
  const content =
    typeof body === "string" ? { text: body, contentType: "text/plain" } : { json: body };
  return { status, ...(body !== undefined && content), ...(headers && { headers }) };
}

/** A status that may not carry a body cannot carry a spoilt one. */
function withBody(status: number): number {
  return status === 204 ? 200 : status;
}

function sendTruncated(response: ServerResponse, answer: Answer): Answer {
  const whole = toWire(answer);
  const wire = whole.body.length > 1 ? whole : toWire(ok({ message: "cut short" }));
  writeHead(response, wire, wire.body.length);
  response.write(wire.body.subarray(0, Math.floor(wire.body.length / 2)), () => {
    response.socket?.destroy();
  });
  return answer;
}

function sendSlowly(response: ServerResponse, answer: Answer, bytesPerSecond: number): Answer {
  const wire = toWire(answer);
  writeHead(response, wire, wire.body.length);
  response.flushHeaders();
  const step = Math.max(1, Math.floor((bytesPerSecond * SLICE_MS) / 1000));
  const pause = Math.max(SLICE_MS, 1000 / bytesPerSecond);
  let sent = 0;
  const timer = setInterval(() => {
    response.write(wire.body.subarray(sent, sent + step));
    sent += step;
    if (sent >= wire.body.length) response.end();
  }, pause);
  response.once("finish", () => clearInterval(timer));
  response.once("close", () => clearInterval(timer));
  return answer;
}

function sendHuge(response: ServerResponse, answer: Answer, mebibytes: number): Answer {
  const { body, headers } = toWire(answer);
  const fields = /^\{(.+)\}$/s.exec(body.toString())?.[1];
  const blocks = Math.ceil((mebibytes * 1024 * 1024) / BLOCK.length);
  function* parts() {
    yield '{"padding":"';
    for (let i = 0; i < blocks; i++) yield BLOCK;
    yield fields === undefined ? '"}' : `",${fields}}`;
  }
  const contentType = "application/json; charset=utf-8";
  const status = withBody(answer.status);
  writeHead(response, { status, body, contentType, headers });
  Readable.from(parts()).pipe(response);
  return { status, text: `${mebibytes} MiB` };
}

function writeHead(response: ServerResponse, wire: Wire, length?: number): void {
  response.writeHead(wire.status, {
    ...(wire.contentType !== undefined && { "Content-Type": wire.contentType }),
    ...(length !== undefined && wire.status !== 204 && { "Content-Length": String(length) }),
    ...wire.headers,
  });
}

function toWire({ status, json, text, contentType, headers = {} }: Answer): Wire {
  if (json === undefined) {
    return { status, body: Buffer.from(text ?? ""), contentType, headers };
  }
  const body = Buffer.from(encodeJson(json));
  return { status, body, contentType: "application/json; charset=utf-8", headers };
}
