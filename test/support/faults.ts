import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Fault, FaultKind, RawResponse } from "../../provider/emulator";

/** Faults for the tests of this project, beyond those of the embedded Flexprice. */
type CustomKind =
  /** Content-Length is that of the whole body, but the connection ends after half of it. */
  | { kind: "truncated" }
  /** The body arrives slowly. */
  | { kind: "slow"; bytesPerSecond: number }
  /** The request is processed twice, and the second response is sent. */
  | { kind: "duplicate" }
  /** The right status with an HTML page, as from a proxy. */
  | { kind: "not_json" }
  /** The right status with JSON that is not in Flexprice's format. */
  | { kind: "wrong_shape"; body?: unknown }
  /** Valid JSON with this much padding before the real fields. */
  | { kind: "huge"; mebibytes: number };

export type TestFaultKind = FaultKind | CustomKind;

const SLICE_MS = 50;
const BLOCK = "x".repeat(64 * 1024);
const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };

/** A fault for the embedded Flexprice. With "before", the request has no effect, and a substitute response is spoiled. */
export function testFault(kind: TestFaultKind, when: Fault["when"]): Fault {
  switch (kind.kind) {
    case "reset":
    case "timeout":
    case "status":
    case "custom":
      return { ...kind, when };
    default:
      return {
        kind: "custom",
        when,
        send(response, handleRequest) {
          if (kind.kind === "duplicate") handleRequest();
          const hasEffect = when === "after" || kind.kind === "duplicate";
          spoil(response, kind, hasEffect ? handleRequest() : substituteFor(kind));
        },
      };
  }
}

/** A slow 200 without effect would look like a complete response in the end. */
function substituteFor({ kind }: CustomKind): RawResponse {
  const status = kind === "slow" ? 503 : 200;
  return jsonResponse(status, {
    code: "service_unavailable",
    message: "this request had no effect",
  });
}

function jsonResponse(status: number, body: unknown): RawResponse {
  return { status, headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) };
}

function spoil(response: ServerResponse, kind: CustomKind, raw: RawResponse): void {
  // A status without a body cannot have a spoiled one.
  const status = raw.status === 204 ? 200 : raw.status;
  switch (kind.kind) {
    case "duplicate":
      sendWhole(response, raw);
      return;
    case "not_json": {
      const body = Buffer.from("<html><body><h1>Welcome to nginx!</h1></body></html>");
      sendWhole(response, { status, headers: { "Content-Type": "text/html" }, body });
      return;
    }
    case "wrong_shape":
      sendWhole(response, jsonResponse(status, kind.body ?? { unexpected: ["shape"] }));
      return;
    case "truncated":
      sendHalf(response, raw.body.length > 1 ? raw : jsonResponse(200, { message: "cut short" }));
      return;
    case "slow":
      sendSlowly(response, raw, kind.bytesPerSecond);
      return;
    case "huge":
      sendHuge(response, { ...raw, status }, kind.mebibytes);
  }
}

function writeHead(response: ServerResponse, { status, headers, body }: RawResponse): void {
  response.writeHead(status, { ...headers, "Content-Length": String(body.length) });
}

function sendWhole(response: ServerResponse, raw: RawResponse): void {
  writeHead(response, raw);
  response.end(raw.body);
}

function sendHalf(response: ServerResponse, raw: RawResponse): void {
  writeHead(response, raw);
  response.write(raw.body.subarray(0, Math.floor(raw.body.length / 2)), () => {
    response.socket?.destroy();
  });
}

function sendSlowly(response: ServerResponse, raw: RawResponse, bytesPerSecond: number): void {
  const { body } = raw;
  writeHead(response, raw);
  response.flushHeaders();
  const step = Math.max(1, Math.floor((bytesPerSecond * SLICE_MS) / 1000));
  let sent = 0;
  const timer = setInterval(
    () => {
      response.write(body.subarray(sent, sent + step));
      sent += step;
      if (sent >= body.length) response.end();
    },
    Math.max(SLICE_MS, 1000 / bytesPerSecond),
  );
  response.once("close", () => clearInterval(timer));
}

function sendHuge(
  response: ServerResponse,
  { status, body }: RawResponse,
  mebibytes: number,
): void {
  const fields = /^\{(.+)\}$/s.exec(body.toString())?.[1];
  const blocks = Math.ceil((mebibytes * 1024 * 1024) / BLOCK.length);
  function* parts() {
    yield '{"padding":"';
    for (let i = 0; i < blocks; i++) yield BLOCK;
    yield fields === undefined ? '"}' : `",${fields}}`;
  }
  response.writeHead(status, JSON_TYPE);
  Readable.from(parts()).pipe(response);
}
