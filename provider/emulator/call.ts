import { type Answer, type Refusal, refuse } from "./answers";
import type { Caller } from "./auth";
import { Body, DecodeError } from "./decoding";
import type { State } from "./state";

/** The input of every route, authenticated or not. */
export interface OpenCall {
  readonly state: State;
  /** The variable parts of the path, in order. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  readonly body: string;
  readonly issueToken: (userId: string, tenantId: string) => string;
}

/** The input of a route with authentication. */
export interface Call extends OpenCall {
  readonly caller: Caller;
}

export type OpenHandler = (call: OpenCall) => Answer;
export type Handler = (call: Call) => Answer;

/** Reads the body with `read`. Any mismatch is a 400 with this message. */
export function bind<T>(call: OpenCall, message: string, read: (body: Body) => T): T {
  try {
    return read(Body.parse(call.body));
  } catch (error) {
    if (error instanceof DecodeError) throw refuse("validation_error", message);
    throw error;
  }
}

/** For fields that must be present and not empty. */
export function required(body: Body, name: string): string {
  const value = body.string(name);
  if (value === "") throw new DecodeError(`${name} is required`);
  return value;
}

export function isEmail(text: string): boolean {
  return /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text);
}

/** The validator's message for a field, with its path. The tag is the violated rule. */
export function invalidField(request: string, path: string, tag: string): Refusal {
  const field = path.split(".").at(-1) ?? path;
  return refuse("validation_error", "Request validation failed", {
    [field]: `Key: '${request}.${path}' Error:Field validation for '${field}' failed on the '${tag}' tag`,
  });
}
