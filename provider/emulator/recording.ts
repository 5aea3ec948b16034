/** One request as it arrived, and what it was answered. */
export interface RecordedRequest {
  /** In capitals. */
  method: string;
  /** With the query, starting with /v1. */
  path: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Parsed JSON, or the text when it is none; undefined when there was no body. */
  body: unknown;
  /** By the emulator's clock. */
  at: Date;
  /** Absent while there is no answer, and for good when a fault prevents one. */
  status?: number;
  /** As `body`; absent when nothing was sent. */
  responseBody?: unknown;
  /** The fault that the request met, e.g. "reset before" or "truncated after". */
  fault?: string;
}

const CHANGING = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** True for requests that ask for a change, whether or not it was granted. */
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
