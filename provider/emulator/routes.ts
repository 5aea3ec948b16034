import { createKey, deleteKey, listKeys } from "./api-keys";
import type { Handler, OpenHandler } from "./call";
import { createEnvironment, getEnvironment, listEnvironments } from "./environments";
import { emptyPage, ingestEvent, ingestEvents, notEmbedded, queryEvents } from "./events";
import { getRole, listRoles } from "./rbac";
import { logIn, signUp } from "./sign-in";
import {
  createUser,
  deleteAccount,
  getMe,
  getTenant,
  searchUsers,
  updateAccount,
  updateMe,
  updateRoles,
} from "./users";

export interface Gate {
  readonly entity: string;
  readonly action: "read" | "write";
  /** The caller must also be a person with super_admin. */
  readonly administratorOnly?: boolean;
}

type Route =
  | { readonly isOpen: true; readonly handle: OpenHandler }
  | {
      readonly isOpen?: false;
      readonly handle: Handler;
      readonly gate: Gate | undefined;
      /** A token and the configured key need X-Environment-ID unless this is false. */
      readonly needsEnvironment: boolean;
    };

const read = (entity: string): Gate => ({ entity, action: "read" });
const write = (entity: string): Gate => ({ entity, action: "write" });
const open = (handle: OpenHandler): Route => ({ isOpen: true, handle });

const guarded =
  (needsEnvironment: boolean) =>
  (handle: Handler, gate?: Gate): Route => ({ handle, gate, needsEnvironment });
const tenantWide = guarded(false);
const inEnvironment = guarded(true);

/** `:id` stands for one part of the path. Literal paths come before patterns that match them too. */
const ROUTES: ReadonlyMap<string, Route> = new Map([
  ["POST /v1/auth/signup", open(signUp)],
  ["POST /v1/auth/login", open(logIn)],

  ["GET /v1/users/me", tenantWide(getMe)],
  ["PUT /v1/users/me", tenantWide(updateMe, write("user"))],
  ["POST /v1/users", tenantWide(createUser, write("user"))],
  ["POST /v1/users/search", tenantWide(searchUsers, read("user"))],
  ["PUT /v1/users/:id", tenantWide(updateAccount, write("user"))],
  ["DELETE /v1/users/:id", tenantWide(deleteAccount, write("user"))],
  [
    "PUT /v1/users/:id/roles",
    tenantWide(updateRoles, { ...write("user"), administratorOnly: true }),
  ],

  ["POST /v1/users/chat/verify", tenantWide(notEmbedded)],
  ["GET /v1/tenants/me", tenantWide(getTenant)],

  ["GET /v1/environments", tenantWide(listEnvironments, read("environment"))],
  ["POST /v1/environments", tenantWide(createEnvironment, write("environment"))],
  ["GET /v1/environments/:id", tenantWide(getEnvironment, read("environment"))],

  ["GET /v1/rbac/roles", inEnvironment(listRoles)],
  ["GET /v1/rbac/roles/:id", inEnvironment(getRole)],

  ["POST /v1/secrets/api/keys", inEnvironment(createKey, write("secret"))],
  ["GET /v1/secrets/api/keys", inEnvironment(listKeys, read("secret"))],
  ["DELETE /v1/secrets/api/keys/:id", inEnvironment(deleteKey, write("secret"))],

  ["POST /v1/events", inEnvironment(ingestEvent, write("event"))],
  ["POST /v1/events/bulk", inEnvironment(ingestEvents, write("event"))],
  ["POST /v1/events/raw/bulk", inEnvironment(notEmbedded, write("event"))],
  ["POST /v1/events/query", inEnvironment(queryEvents)],
  ["GET /v1/events", inEnvironment(queryEvents)],
  ["GET /v1/customers", inEnvironment(emptyPage)],
  ["POST /v1/customers/search", inEnvironment(emptyPage)],
  ["POST /v1/customers", inEnvironment(notEmbedded, write("customer"))],
  ["GET /v1/plans", inEnvironment(emptyPage)],
  ["POST /v1/plans/search", inEnvironment(emptyPage)],
  ["POST /v1/plans", inEnvironment(notEmbedded, write("plan"))],
  ["GET /v1/features", inEnvironment(emptyPage)],
  ["GET /v1/invoices", inEnvironment(emptyPage)],
  ["GET /v1/subscriptions", inEnvironment(emptyPage)],
]);

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: readonly string[];
}

export function findRoute(method: string, path: string): RouteMatch | undefined {
  const parts = path.split("/");
  for (const [pattern, route] of ROUTES) {
    const [routeMethod, routePath = ""] = pattern.split(" ");
    const parameters = routeMethod === method ? matchPath(routePath.split("/"), parts) : undefined;
    if (parameters) return { route, parameters };
  }
  return undefined;
}

function matchPath(pattern: string[], parts: string[]): string[] | undefined {
  if (pattern.length !== parts.length) return undefined;
  const parameters: string[] = [];
  for (const [i, expected] of pattern.entries()) {
    const part = parts[i] ?? "";
    if (expected.startsWith(":") && part !== "") parameters.push(part);
    else if (expected !== part) return undefined;
  }
  return parameters;
}
