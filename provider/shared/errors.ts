import { escapeControl, escapeControlByLine, redact } from "./redaction";

/**
 * What went wrong, for code that has to decide; people read the message.
 *
 * - `configuration`: a setting is missing or unusable; nothing was sent.
 * - `invalid`: the server refused the request's content (400), or the arguments of a function mean nothing.
 * - `unauthenticated`: the server does not accept the credential (401).
 * - `forbidden`: the credential may not do this (403).
 * - `wrong_environment`: the credential's environment is not the resource's, or none was named.
 * - `wrong_tenant`: the credential belongs to another tenant than the resource.
 * - `not_found`: the server does not know the object (404 with its code).
 * - `has_active_keys`: an account cannot be archived while keys of it are active.
 * - `conflict`: the object exists already (409), or what was read changed meanwhile.
 * - `throttled`: the server asked to slow down (429).
 * - `unreachable`: the request surely never reached the server.
 * - `server_error`: the server failed (5xx), or the connection broke, on a request that changes nothing twice.
 * - `outcome_unknown`: a create was sent and no usable answer came: it may or may not have happened.
 * - `malformed_answer`: something answered, but not as Flexprice does.
 * - `refused`: the provider itself declined, because going on could lose or harm something.
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
  | "malformed_answer"
  | "refused";

/** Shows a line to the user, the same one only once a process; resolves once it is there, and never rejects. */
export type Warn = (message: string) => Promise<void>;

/** Stands for the stack of an error that the engine shows to the user, see `dropRepeatedErrors`. */
export const SHOWN_BY_ENGINE = "(shown by the engine)";

/** The three parts of every error. */
export interface ErrorParts {
  readonly kind: ErrorKind;
  /** What was attempted on which named thing, in the infinitive: `create service account "ci"`. */
  readonly operation: string;
  /** What the server said, verbatim, or what was found. */
  readonly reason: string;
  /** What to do now. */
  readonly fix: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** Flexprice's own error code, where the answer carried one. */
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

  constructor(parts: ErrorParts) {
    const operation = escapeControl(redact(parts.operation));
    const answer = escapeControl(redact(parts.reason));
    const fix = escapeControl(redact(parts.fix));
    super(`Could not ${operation}.\n  Reason: ${answer}\n  What to do: ${fix}`);
    this.kind = parts.kind;
    this.operation = operation;
    this.reason = answer;
    this.fix = fix;
    this.status = parts.status;
    this.code = parts.code;
    // Pulumi's dynamic provider host prints the stack beside the message: what users should read would stand
    // there twice, above frames that tell them nothing.
    this.stack = SHOWN_BY_ENGINE;
  }

  /** The same failure, told as part of a larger attempt. */
  during(operation: string, fix?: string): FlexpriceError {
    return new FlexpriceError({ ...this.parts, operation, fix: fix ?? this.fix });
  }

  private get parts(): ErrorParts {
    const { kind, operation, reason, fix, status, code } = this;
    return { kind, operation, reason, fix, status, code };
  }
}

/** Whether a caught value is a failure of one of these kinds. */
export function isFailure(error: unknown, ...kinds: ErrorKind[]): error is FlexpriceError {
  return error instanceof FlexpriceError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** Any caught value as readable, redacted text. */
export function describe(error: unknown): string {
  return escapeControlByLine(redact(error instanceof Error ? error.message : String(error)));
}
