/** One HTTP response, with `json`, with `text`, or with an empty body. */
export interface Answer {
  status: number;
  json?: unknown;
  text?: string;
  contentType?: string;
  headers?: Record<string, string>;
}

/** Thrown to end a request early with this response. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super(`refused with ${answer.status}`);
  }
}

const STATUS_OF_CODE = {
  not_found: 404,
  already_exists: 409,
  validation_error: 400,
  permission_denied: 403,
  database_error: 500,
  not_implemented: 501,
  service_unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS_OF_CODE;

export function ok(json: unknown): Answer {
  return { status: 200, json };
}

export function created(json: unknown): Answer {
  return { status: 201, json };
}

export function accepted(json: unknown): Answer {
  return { status: 202, json };
}

export function noContent(): Answer {
  return { status: 204 };
}

/** The format of errors from a handler. */
export function failure(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): Answer {
  const status = STATUS_OF_CODE[code];
  return {
    status,
    json: { code, message, http_status_code: status, ...(details && { details }) },
  };
}

export function refuse(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): Refusal {
  return new Refusal(failure(code, message, details));
}

/** The format of errors about roles, which have no code. */
export function forbidden(message = "insufficient permissions"): Answer {
  return { status: 403, json: { message } };
}

/** The format of authentication errors. */
export function unauthorized(error = "Unauthorized"): Answer {
  return { status: 401, json: { error } };
}

export function inaccessibleEnvironment(): Answer {
  return {
    status: 403,
    json: { error: "Access denied", message: "Invalid or inaccessible environment" },
  };
}

/** The response for a path or method without a route. It comes before authentication. */
export function noRoute(): Answer {
  return { status: 404, text: "404 page not found", contentType: "text/plain" };
}

/** The response of Go's server to an invalid request target, which no handler sees. */
export function malformed(): Answer {
  return {
    status: 400,
    text: "400 Bad Request",
    contentType: "text/plain; charset=utf-8",
    headers: { Connection: "close" },
  };
}

/** The response of a handler that panicked: no body, no content type. */
export function panic(): Answer {
  return { status: 500 };
}

/** JSON as Go writes it: these characters are escaped although JSON does not require it. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
