import { escapeControl, redact } from "./redaction";

/**
 * What went wrong, for code that handles errors.
 *
 * - `configuration`: a setting is missing or unusable. Nothing was sent.
 * - `invalid`: the server rejected the content of the request (400), or the arguments of a function are invalid.
 * - `unauthenticated`: the server does not accept the credential (401).
 * - `forbidden`: the credential may not do this (403).
 * - `wrong_environment`: the credential's environment is not the resource's, or none is set.
 * - `wrong_tenant`: the credential belongs to another tenant than the resource.
 * - `not_found`: the object does not exist (404 with the server's code for it).
 * - `has_active_keys`: an account cannot be archived while it has active keys.
 * - `conflict`: the object already exists (409), or a list changed while it was read.
 * - `throttled`: the server asks to slow down (429).
 * - `unreachable`: the request did not reach the server.
 * - `server_error`: the server failed (5xx) or the connection broke, on a request that is safe to repeat.
 * - `outcome_unknown`: a create was sent without a usable response. It may or may not have happened.
 * - `malformed_response`: the response is not one of Flexprice.
 * - `refused`: the provider refused to continue, because that could lose or harm something.
 */
export type ErrorKind =
  | "configuration"
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "wrong_environment"
  | "wrong_tenant"
  | "not_found"
  | "has_active_keys"
  | "conflict"
  | "throttled"
  | "unreachable"
  | "server_error"
  | "outcome_unknown"
  | "malformed_response"
  | "refused";

/** Shows a message to the user, each text once per process. Resolves once it is shown, and never rejects. */
export type Warn = (message: string) => Promise<void>;

/** Stands for the stack of an error that the engine shows to the user, see `dropRepeatedErrors`. */
export const SHOWN_BY_ENGINE = "(shown by the engine)";

/** The three parts of every error. */
export interface ErrorParts {
  readonly kind: ErrorKind;
  /**
   * What was attempted, in the infinitive: `create service account "ci"`. Absent: the surrounding {@link operation}
   * names the error.
   */
  readonly operation?: string;
  /** Used instead outside of any operation. */
  readonly defaultOperation?: string;
  /** What the server said, verbatim, or what was found out. */
  readonly reason: string;
  /** What to do now. */
  readonly fix: string;
  /** The HTTP status, if there was a response. */
  readonly status?: number | undefined;
  /** Flexprice's own error code, if the response has one. */
  readonly code?: string | undefined;
}

/** The one error class of this package. Its text never contains a credential. */
export class FlexpriceError extends Error {
  override readonly name = "FlexpriceError";
  readonly kind: ErrorKind;
  readonly operation: string;
  readonly reason: string;
  readonly fix: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly #isNamed: boolean;

  constructor(parts: ErrorParts) {
    const { defaultOperation = "complete the operation" } = parts;
    const operation = escapeControl(redact(parts.operation ?? defaultOperation));
    const reason = escapeControl(redact(parts.reason));
    const fix = escapeControl(redact(parts.fix));
    super(`Could not ${operation}.\n  Reason: ${reason}\n  What to do: ${fix}`);
    this.#isNamed = parts.operation !== undefined;
    this.kind = parts.kind;
    this.operation = operation;
    this.reason = reason;
    this.fix = fix;
    this.status = parts.status;
    this.code = parts.code;
    // Pulumi's dynamic provider host prints the stack next to the message: users would read the message twice, above
    // frames that do not help them.
    this.stack = SHOWN_BY_ENGINE;
  }

  /** A copy with other parts. Callers that share a request share its error, so none of them may change it. */
  with(changes: Partial<ErrorParts>): FlexpriceError {
    const { kind, operation, reason, fix, status, code } = this;
    const name = this.#isNamed ? { operation } : { defaultOperation: operation };
    return new FlexpriceError({ kind, ...name, reason, fix, status, code, ...changes });
  }

  /** The error with the name of this operation, unless it has a name already. */
  within(operation: string): FlexpriceError {
    return this.#isNamed ? this : this.with({ operation });
  }
}

/** A create that succeeded only in part. The engine keeps the object, and calls update in the next `up`. */
export class PartlyCreated extends Error {
  readonly reasons: readonly string[];

  constructor(
    readonly id: string,
    readonly properties: Readonly<Record<string, unknown>>,
    reason: string,
  ) {
    super(reason);
    this.reasons = [reason];
    this.stack = SHOWN_BY_ENGINE;
  }
}

/** The inputs of a component are wrong. The engine shows the message beside the component. */
export class InvalidInputs extends Error {}

/** Names what `run` does, in the infinitive, for errors that it throws without a name. The innermost name counts. */
export async function operation<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw isFailure(error) ? error.within(name) : error;
  }
}

/** The message of a caught value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a caught value, such as "ENOENT". */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** Whether a caught value is a FlexpriceError, of one of these kinds if any are given. */
export function isFailure(error: unknown, ...kinds: ErrorKind[]): error is FlexpriceError {
  return error instanceof FlexpriceError && (kinds.length === 0 || kinds.includes(error.kind));
}
