/** A request and its response. */
export interface RecordedRequest {
  /** In upper case. */
  method: string;
  /** With the query, starting with /v1. */
  path: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Parsed JSON, or the text if it is not JSON; undefined without a body. */
  body: unknown;
  /** By the emulator's clock. */
  at: Date;
  /** Absent until the response is sent, or if a fault prevents it. */
  status?: number;
  /** As `body`; absent if nothing was sent. */
  responseBody?: unknown;
  /** The fault that affected the request, e.g. "reset before" or "status after". */
  fault?: string;
}

const CHANGING = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Whether a request requests a change, successful or not. */
export function isWrite({ method, path }: RecordedRequest): boolean {
  const isQuestion = /^\/v1\/(auth\/login|[a-z]+\/(search|query))(\?|$)/.test(path);
  return CHANGING.has(method) && !isQuestion;
}

export function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
