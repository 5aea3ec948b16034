import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Fault, FaultKind, RawAnswer } from "../../provider/emulator";

/** What this project's own tests do to answers, beyond the faults of the embedded Flexprice. */
type CustomKind =
  /** Content-Length promises the whole body, half of it comes, and the connection ends. */
  | { kind: "truncated" }
  /** The body trickles. */
  | { kind: "slow"; bytesPerSecond: number }
  /** The request is processed twice and the second answer is sent. */
  | { kind: "duplicate" }
  /** The right status with an HTML page, as a proxy would send it. */
  | { kind: "not_json" }
  /** The right status with JSON that the API does not speak. */
  | { kind: "wrong_shape"; body?: unknown }
  /** Valid JSON with this much padding in front of the true fields. */
  | { kind: "huge"; mebibytes: number };

export type TestFaultKind = FaultKind | CustomKind;

const SLICE_MS = 50;
const BLOCK = "x".repeat(64 * 1024);
const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };

/** A fault for the embedded Flexprice. "before" spoils a substitute for the answer, and the request has no effect. */
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
        send(response, process) {
          if (kind.kind === "duplicate") process();
          const hasEffect = when === "after" || kind.kind === "duplicate";
          spoil(response, kind, hasEffect ? process() : substituteFor(kind));
        },
      };
  }
}

/** A slow 200 without effect would pass for a complete answer in the end. */
function substituteFor({ kind }: CustomKind): RawAnswer {
  const status = kind === "slow" ? 503 : 200;
  return jsonAnswer(status, { code: "service_unavailable", message: "this request had no effect" });
}

function jsonAnswer(status: number, body: unknown): RawAnswer {
  return { status, headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) };
}

function spoil(response: ServerResponse, kind: CustomKind, answer: RawAnswer): void {
  // A status that may not carry a body cannot carry a spoilt one.
  const status = answer.status === 204 ? 200 : answer.status;
  switch (kind.kind) {
    case "duplicate":
      sendWhole(response, answer);
      return;
    case "not_json": {
      const body = Buffer.from("<html><body><h1>Welcome to nginx!</h1></body></html>");
      sendWhole(response, { status, headers: { "Content-Type": "text/html" }, body });
      return;
    }
    case "wrong_shape":
      sendWhole(response, jsonAnswer(status, kind.body ?? { unexpected: ["shape"] }));
      return;
    case "truncated":
      sendHalf(
        response,
        answer.body.length > 1 ? answer : jsonAnswer(200, { message: "cut short" }),
      );
      return;
    case "slow":
      sendSlowly(response, answer, kind.bytesPerSecond);
      return;
    case "huge":
      sendHuge(response, { ...answer, status }, kind.mebibytes);
  }
}

function writeHead(response: ServerResponse, { status, headers, body }: RawAnswer): void {
  response.writeHead(status, { ...headers, "Content-Length": String(body.length) });
}

function sendWhole(response: ServerResponse, answer: RawAnswer): void {
  writeHead(response, answer);
  response.end(answer.body);
}

function sendHalf(response: ServerResponse, answer: RawAnswer): void {
  writeHead(response, answer);
  response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => {
    response.socket?.destroy();
  });
}

function sendSlowly(response: ServerResponse, answer: RawAnswer, bytesPerSecond: number): void {
  const { body } = answer;
  writeHead(response, answer);
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

function sendHuge(response: ServerResponse, { status, body }: RawAnswer, mebibytes: number): void {
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
