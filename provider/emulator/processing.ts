import { type Answer, forbidden, malformed, noRoute, Refusal } from "./answers";
import { type Authentication, type Caller, isAdministrator, type RequestHeaders } from "./auth";
import { decodePercent, decodeQuery } from "./decoding";
import { isAllowed } from "./rbac";
import { findRoute, type Gate } from "./routes";
import type { State } from "./state";

export interface Incoming {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly body: string;
}

/** Processes one request on the state, without HTTP. */
export function respond(incoming: Incoming, state: State, authentication: Authentication): Answer {
  return state.serve(() => answerTo(incoming, state, authentication));
}

function answerTo(incoming: Incoming, state: State, authentication: Authentication): Answer {
  const { method, target, headers, body } = incoming;
  const [encoded = "", ...query] = target.split("?");
  const path = decodePercent(encoded);
  if (path === undefined) return malformed();
  if (method === "OPTIONS") return { status: 200 };
  const found = findRoute(method, path);
  if (!found) return redirect(method, encoded, query.join("?")) ?? noRoute();

  const { route, parameters } = found;
  const open = {
    state,
    parameters,
    query: decodeQuery(query.join("?")),
    body,
    issueToken: (userId: string, tenantId: string) => authentication.issueToken(userId, tenantId),
  };
  try {
    if (route.isOpen) return route.handle(open);
    const caller = authentication.authenticate(headers, route.needsEnvironment);
    const refusal = route.gate && checkGate(route.gate, caller, state);
    return refusal ?? route.handle({ ...open, caller });
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    return bug(error);
  }
}

function checkGate(gate: Gate, caller: Caller, state: State): Answer | undefined {
  const { entity, action, administratorOnly = false } = gate;
  if (action === "write" && state.tenantOf(caller.tenantId).isSuspended) {
    return forbidden("tenant account is suspended");
  }
  if (administratorOnly && !isAdministrator(caller)) {
    return forbidden("This action requires a user account with Super Admin access");
  }
  return isAllowed(caller.roles, entity, action) ? undefined : forbidden();
}

/** Redirects only to a path that has this method: DELETE /v1/users/ does not. */
function redirect(method: string, path: string, query: string): Answer | undefined {
  const target = path.slice(0, -1);
  if (!path.endsWith("/") || !findRoute(method, target)) return undefined;
  const location = query === "" ? target : `${target}?${query}`;
  if (method !== "GET") return { status: 307, headers: { Location: location } };
  return {
    status: 301,
    text: `<a href="${location.replaceAll("&", "&amp;")}">Moved Permanently</a>.\n\n`,
    contentType: "text/html; charset=utf-8",
    headers: { Location: location },
  };
}

/** A bug of the emulator, with its message: an empty 500 would look like a panic of the server. */
function bug(error: unknown): Answer {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: 500, json: { code: "internal_error", message: `emulator bug: ${message}` } };
}
