/** One request and the response that a Flexprice server must return. */
export interface ContractCase {
  title: string;
  /** Steps that must succeed first. Their responses have names for use in "{name.field}". */
  given?: Record<string, ContractRequest>;
  request: ContractRequest;
  status: number | number[];
  /** Compared as a whole: no field may be missing, and none may be added. */
  body: Expected;
  /** Response headers, names in lower case; null: absent. */
  headers?: Record<string, string | RegExp | null>;
  /** Why this cannot run against a real server. Not needed for cases with names that only the emulator has. */
  emulatorOnly?: string;
}

export function contractCase(
  title: string,
  request: ContractRequest,
  status: ContractCase["status"],
  body: Expected,
  given: Given = {},
  more: Pick<ContractCase, "headers" | "emulatorOnly"> = {},
): ContractCase {
  return { title, request, status, body, given, ...more };
}

type Given = ContractCase["given"];

export function noContent(title: string, request: ContractRequest, given?: Given): ContractCase {
  return contractCase(title, request, 204, EMPTY, given);
}

export function noRoute(title: string, request: ContractRequest, given?: Given): ContractCase {
  return contractCase(title, request, 404, NO_ROUTE, given);
}

/** The caller's role does not allow the request. */
export function insufficient(title: string, request: ContractRequest, given?: Given): ContractCase {
  return contractCase(title, request, 403, INSUFFICIENT, given);
}

export interface ContractRequest {
  method: string;
  path: string;
  /** An object is sent as JSON, a string as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Default: "admin", a super_admin's token with an environment. */
  as?: Credential;
}

/** A request by its route, such as "GET /users/me". */
export function http(route: string, more: Partial<ContractRequest> = {}): ContractRequest {
  const [method = "", path = ""] = route.split(" ");
  return { method, path, ...more };
}

/** "{name.field}" is replaced in these too, as everywhere in a request. */
export type Credential =
  | "admin"
  | "nobody"
  | { key: string }
  | { token: string; environment?: string };

/**
 * A JSON value in which strings may hold "{name.field}" and {@link Placeholder}s may stand for
 * what differs from run to run.
 */
export type Expected = unknown;

/** Stands for any value that passes the test. */
export class Placeholder {
  constructor(
    readonly description: string,
    readonly test: (value: unknown) => boolean,
  ) {}
}

const text = (description: string, pattern: RegExp) =>
  new Placeholder(description, (value) => typeof value === "string" && pattern.test(value));

const ULID = "[0-9A-HJKMNP-TV-Z]{26}";
const DATE_TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d";

export const USER_ID = text("a user id", new RegExp(`^user_${ULID}$`));
export const SECRET_ID = text("a secret id", new RegExp(`^secret_${ULID}$`));
export const EVENT_ID = text("an event id", new RegExp(`^event_${ULID}$`));
export const PRIVATE_KEY = text("a private key", new RegExp(`^sk_${ULID}$`));
export const PUBLISHABLE_KEY = text("a publishable key", new RegExp(`^pk_${ULID}$`));
export const DISPLAY_ID = text("a display id", /^[sp]k_01\*\*\*[0-9A-Z]{2}$/);
export const NANOSECOND_TIME = text(
  "a time to the nanosecond",
  new RegExp(`^${DATE_TIME}(\\.\\d{0,8}[1-9])?Z$`),
);
export const MICROSECOND_TIME = text(
  "a time to the microsecond",
  new RegExp(`^${DATE_TIME}(\\.\\d{0,5}[1-9])?Z$`),
);
export const SECOND_TIME = text("a time to the second", new RegExp(`^${DATE_TIME}Z$`));
export const TEXT = text("any text", /^/);
export const COUNT = new Placeholder("a count", Number.isInteger);

const NO_ADDRESS = {
  address_line1: "",
  address_line2: "",
  address_city: "",
  address_state: "",
  address_postal_code: "",
  address_country: "",
};

/** The tenant in every user. */
export const TENANT = new Placeholder(
  "a tenant",
  (value) =>
    ["id", "name", "status"].every((name) => typeof field(value, name) === "string") &&
    ["created_at", "updated_at"].every((name) => SECOND_TIME.test(field(value, name))) &&
    field(value, "metadata") === null &&
    JSON.stringify(field(value, "billing_details")) === JSON.stringify({ address: NO_ADDRESS }),
);

/** The super_admin, and the account of {@link account}, as the API shows them. */
export const OPERATOR = {
  ...{ id: "{operator.userId}", email: "{operator.email}", type: "user", roles: ["super_admin"] },
  tenant: TENANT,
};
export const ACCOUNT = {
  ...{ id: "{account.id}", name: "ci-bot", type: "service_account", roles: ["event_ingestor"] },
  tenant: TENANT,
};

/** An empty body without a content type. */
export const EMPTY = Symbol("empty body");

/** A body that is not JSON. */
export class PlainText {
  constructor(readonly text: string) {}
}

/** The response to anything without a route. */
export const NO_ROUTE = new PlainText("404 page not found");

export function account(fields: Record<string, unknown> = {}): ContractRequest {
  return {
    method: "POST",
    path: "/users",
    body: { type: "service_account", name: "ci-bot", roles: ["event_ingestor"], ...fields },
  };
}

/** A key of the account named "account" among the given steps. */
export function accountKey(fields: Record<string, unknown> = {}): ContractRequest {
  return key({ service_account_id: "{account.id}", ...fields });
}

/** A key of the caller. */
export function key(fields: Record<string, unknown> = {}): ContractRequest {
  return {
    method: "POST",
    path: "/secrets/api/keys",
    body: { name: "p1", type: "private_key", ...fields },
  };
}

export function search(filter: unknown): ContractRequest {
  return { method: "POST", path: "/users/search", body: filter };
}

/** Accounts that cases begin with, the key of the account included. */
export const ACCOUNT_ONLY = { account: account() };
export const EVENT_KEY = { account: account(), key: accountKey() };
export const ADMIN_KEY = { account: account({ roles: ["super_admin"] }), key: accountKey() };

export const AS_KEY = { key: "{key.api_key}" };
export const AS_TOKEN = { token: "{operator.accessToken}" };
export const AS_SECOND = { ...AS_TOKEN, environment: "{second.environmentId}" };
export const AS_WRITER = {
  token: "{writer.accessToken}",
  environment: "{operator.environmentId}",
};
export const AS_READER = { ...AS_WRITER, token: "{reader.accessToken}" };

export const revokeKey: ContractRequest = {
  method: "DELETE",
  path: "/secrets/api/keys/{key.secret.id}",
};
export const archiveAccount: ContractRequest = { method: "DELETE", path: "/users/{account.id}" };
export const ARCHIVED = { account: account(), archived: archiveAccount };

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  not_found: 404,
  already_exists: 409,
  validation_error: 400,
  permission_denied: 403,
  database_error: 500,
};

/** The error shape of the handlers. */
export function failure(code: string, message: string, details?: Expected): Expected {
  const error = { code, message, http_status_code: STATUS_OF_CODE[code] };
  return details === undefined ? error : { ...error, details };
}

export const INSUFFICIENT = { message: "insufficient permissions" };
export const UNAUTHORIZED = { error: "Unauthorized" };
export const INVALID_TOKEN = { error: "Invalid token" };
export const NO_ENVIRONMENT = {
  error: "Access denied",
  message: "Invalid or inaccessible environment",
};

/** A field of what should be an object; undefined if it is not one. */
export function field(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
