import {
  account,
  accountKey,
  type ContractCase,
  type Credential,
  EMPTY,
  EVENT_ID,
  type Expected,
  failure,
  field,
  INSUFFICIENT,
  INVALID_TOKEN,
  isRecord,
  NO_ENVIRONMENT,
  NO_ROUTE,
  Placeholder,
  PlainText,
  SECOND_TIME,
  TENANT,
  TEXT,
  UNAUTHORIZED,
} from "../case";

const me = (as: Credential, headers: Record<string, string> = {}) => ({
  method: "GET",
  path: "/users/me",
  as,
  headers,
});
const roles = (query = "", as: Credential = "admin") => ({
  method: "GET",
  path: `/rbac/roles${query}`,
  as,
});

const rejected = (
  title: string,
  as: Credential,
  headers: Record<string, string> = {},
  body: Expected = UNAUTHORIZED,
): ContractCase => ({
  title,
  request: me(as, headers),
  status: 401,
  body,
  headers: { "www-authenticate": null },
});

const OPERATOR = {
  id: "{operator.userId}",
  email: "{operator.email}",
  type: "user",
  roles: ["super_admin"],
  tenant: TENANT,
};
const ACCOUNT = {
  id: "{account.id}",
  name: "ci-bot",
  type: "service_account",
  roles: ["event_ingestor"],
  tenant: TENANT,
};

export const AUTHENTICATION: ContractCase[] = [
  rejected("no credential", "nobody"),
  rejected("an empty key", { key: "" }),
  rejected("an unknown key", { key: "sk_01M85FAKMEBXGA1EGXE598V40Z" }),
  rejected("an API key as Bearer", { token: "sk_01M85FAKMEBXGA1EGXE598V40Z" }, {}, INVALID_TOKEN),
  rejected("a bad token", { token: "a.b.c" }, {}, INVALID_TOKEN),
  rejected(
    "no Bearer before the token",
    "nobody",
    { Authorization: "{operator.accessToken}" },
    { error: "Invalid authorization header format" },
  ),
  {
    title: "a key in lower case",
    given: { account: account(), key: accountKey() },
    request: me({ key: "{key.api_key.lower}" }),
    status: 401,
    body: UNAUTHORIZED,
  },
  {
    title: "an expired key",
    given: { account: account(), key: accountKey({ expires_at: "2020-01-01T00:00:00Z" }) },
    request: me({ key: "{key.api_key}" }),
    status: 401,
    body: UNAUTHORIZED,
  },
  {
    title: "a publishable key",
    given: { account: account(), key: accountKey({ type: "publishable_key" }) },
    request: me({ key: "{key.api_key}" }),
    status: 401,
    body: UNAUTHORIZED,
  },
  {
    title: "a key expiring in the year 1",
    given: { account: account(), key: accountKey({ expires_at: "0001-01-01T00:00:00Z" }) },
    request: me({ key: "{key.api_key}" }),
    status: 401,
    body: UNAUTHORIZED,
  },
  {
    title: "a bad key falls through to a good token",
    request: me(
      { token: "{operator.accessToken}", environment: "{operator.environmentId}" },
      { "x-api-key": "sk_bad" },
    ),
    status: 200,
    body: OPERATOR,
  },
  {
    title: "the header's name in another case",
    given: { account: account(), key: accountKey() },
    request: me("nobody", { "X-API-KEY": "{key.api_key}" }),
    status: 200,
    body: ACCOUNT,
  },
  {
    title: "a key ignores the environment in the header",
    given: { account: account(), key: accountKey() },
    request: me({ key: "{key.api_key}" }, { "X-Environment-ID": "env_nope" }),
    status: 200,
    body: ACCOUNT,
  },
  {
    title: "a token without an environment, where one is needed",
    request: roles("", { token: "{operator.accessToken}" }),
    status: 403,
    body: NO_ENVIRONMENT,
  },
  {
    title: "a token with an unknown environment",
    request: roles("", { token: "{operator.accessToken}", environment: "env_nope" }),
    status: 403,
    body: NO_ENVIRONMENT,
  },
  {
    title: "a token with an unknown environment, where none is needed",
    request: me({ token: "{operator.accessToken}", environment: "env_nope" }),
    status: 403,
    body: NO_ENVIRONMENT,
  },
  {
    title: "a token with another tenant's environment",
    emulatorOnly: "it takes a second tenant",
    request: me({ token: "{operator.accessToken}", environment: "{other.environmentId}" }),
    status: 403,
    body: NO_ENVIRONMENT,
  },
  {
    title: "the configured key without an environment",
    emulatorOnly: "it takes the default configuration",
    request: roles("", { key: "sk_local_flexprice_test_key" }),
    status: 403,
    body: NO_ENVIRONMENT,
  },
  {
    title: "the configured key with an environment of its tenant",
    emulatorOnly: "it takes the default configuration",
    request: {
      method: "POST",
      path: "/events",
      body: { event_name: "call", external_customer_id: "c1" },
      as: { key: "sk_local_flexprice_test_key" },
      headers: { "X-Environment-ID": "00000000-0000-0000-0000-000000000000" },
    },
    status: 202,
    body: { event_id: EVENT_ID, message: "Event accepted for processing" },
  },
  {
    title: "signing up twice",
    emulatorOnly: "it takes the e-mail address of a user",
    request: {
      method: "POST",
      path: "/auth/signup",
      body: { email: "{operator.email}", password: "long enough", tenant_name: "Again" },
      as: "nobody",
    },
    status: 409,
    body: failure("already_exists", "An account with this email already exists", {
      email: "{operator.email}",
    }),
  },
  {
    title: "signing up",
    emulatorOnly: "a real server would keep the tenant",
    request: {
      method: "POST",
      path: "/auth/signup",
      body: { email: "new@example.com", password: "long enough", tenant_name: "New" },
      as: "nobody",
    },
    status: 200,
    body: { token: TEXT, user_id: TEXT, tenant_id: TEXT },
  },
  {
    title: "logging in",
    emulatorOnly: "it takes the password of a user",
    request: {
      method: "POST",
      path: "/auth/login",
      body: { email: "{operator.email}", password: "{operator.password}" },
      as: "nobody",
    },
    status: 200,
    body: { token: TEXT, user_id: "{operator.userId}", tenant_id: "{operator.tenantId}" },
  },
  {
    title: "logging in with a wrong password: one of two statuses, at random",
    emulatorOnly: "it takes the e-mail address of a user",
    request: {
      method: "POST",
      path: "/auth/login",
      body: { email: "{operator.email}", password: "wrong password" },
      as: "nobody",
    },
    status: [400, 403],
    body: {
      code: TEXT,
      message: "Invalid password",
      http_status_code: new Placeholder("400 or 403", (value) => value === 400 || value === 403),
    },
  },
  {
    title: "logging in with an unknown address: one of two statuses, at random",
    request: {
      method: "POST",
      path: "/auth/login",
      body: { email: "nobody@example.com", password: "long enough" },
      as: "nobody",
    },
    status: [403, 404],
    body: {
      code: new Placeholder(
        "a code",
        (value) => `${value}`.match(/^(not_found|permission_denied)$/) !== null,
      ),
      message: "User not found with the provided email",
      http_status_code: new Placeholder("403 or 404", (value) => value === 403 || value === 404),
      details: { email: "nobody@example.com" },
    },
  },
  {
    title: "signing up with what is no e-mail address",
    request: {
      method: "POST",
      path: "/auth/signup",
      body: { email: "nobody", password: "long enough", tenant_name: "New" },
      as: "nobody",
    },
    status: 400,
    body: new Placeholder(
      "a validation error",
      (value) => field(value, "code") === "validation_error",
    ),
  },
];

const INGESTOR = {
  id: "event_ingestor",
  name: "Event Ingestor",
  description:
    "Provides write-only access to event ingestion. Intended for services that only submit events.",
  permissions: { event: ["write"] },
};

const DESCRIPTIONS = {
  super_admin:
    "Provides unrestricted access to all resources, operations, and administrative settings.",
  all_reader: "Provides read-only access to all resources and operations.",
  all_writer:
    "Provides read and write access to all resources and operations, excluding user, role, and administrative management.",
  event_reader:
    "Provides read-only access to events. Intended for services that only consume or inspect events.",
};

/** In any order: the server's own is random. */
const rolesWith = (permissions: Record<string, Record<string, string[]>>): Expected => ({
  roles: new Placeholder(`the roles ${Object.keys(permissions).join(", ")}`, (value) => {
    if (!Array.isArray(value)) return false;
    const shown = Object.fromEntries(value.map((role) => [role.id, role.permissions]));
    const sorted = (record: Record<string, unknown>) =>
      JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
    return (
      value.length === Object.keys(permissions).length && sorted(shown) === sorted(permissions)
    );
  }),
});

const SUPER_ADMIN = { super_admin: { "*": ["*"] } };
const EVENT_ROLES = { event_ingestor: { event: ["write"] }, event_reader: { event: ["read"] } };
const WIDE_ROLES = { all_reader: { "*": ["read"] }, all_writer: { "*": ["read", "write"] } };
const INVALID_USER_TYPE = failure(
  "validation_error",
  "User type must be 'user' or 'service_account'",
);

export const ROLES: ContractCase[] = [
  {
    title: "all of them",
    request: roles(),
    status: 200,
    body: rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES, ...WIDE_ROLES }),
  },
  {
    title: "those of service accounts",
    request: roles("?user_type=service_account"),
    status: 200,
    body: rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES }),
  },
  {
    title: "those of users",
    request: roles("?user_type=user"),
    status: 200,
    body: rolesWith({ ...SUPER_ADMIN, ...WIDE_ROLES }),
  },
  {
    title: "those of a bogus type",
    request: roles("?user_type=robot"),
    status: 400,
    body: INVALID_USER_TYPE,
  },
  {
    title: "those of an empty type",
    request: roles("?user_type="),
    status: 400,
    body: INVALID_USER_TYPE,
  },
  {
    title: "one role",
    request: roles("/event_ingestor"),
    status: 200,
    body: { role: INGESTOR },
  },
  ...Object.entries(DESCRIPTIONS).map(
    ([id, description]): ContractCase => ({
      title: `the description of ${id}`,
      request: roles(`/${id}`),
      status: 200,
      body: {
        role: {
          id,
          name: TEXT,
          description,
          permissions: new Placeholder("permissions", isRecord),
        },
      },
    }),
  ),
  {
    title: "an unknown role",
    request: roles("/custom_role"),
    status: 404,
    body: { error: "Role not found" },
  },
  {
    title: "by an event key",
    given: { account: account(), key: accountKey() },
    request: roles("/event_ingestor", { key: "{key.api_key}" }),
    status: 200,
    body: { role: INGESTOR },
  },
  {
    title: "all of them, by an event key",
    given: { account: account(), key: accountKey() },
    request: roles("", { key: "{key.api_key}" }),
    status: 200,
    body: rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES, ...WIDE_ROLES }),
  },
];

const EVENT = { event_name: "call", external_customer_id: "c1" };
const ingestor = { account: account(), key: accountKey() };
const reader = { account: account({ roles: ["event_reader"] }), key: accountKey() };

const withKey = (method: string, path: string, body?: unknown) => ({
  method,
  path,
  ...(body !== undefined && { body }),
  as: { key: "{key.api_key}" },
});

const forbidden = (
  title: string,
  request: ContractCase["request"],
  given = ingestor,
): ContractCase => ({
  title,
  given,
  request,
  status: 403,
  body: INSUFFICIENT,
});

const EMPTY_PAGE = new Placeholder(
  "a page",
  (value) =>
    typeof value === "object" && value !== null && "items" in value && "pagination" in value,
);
const anyPage = (title: string, path: string, given = ingestor): ContractCase => ({
  title,
  given,
  request: withKey("GET", path),
  status: 200,
  body: EMPTY_PAGE,
});

const badEvent = (what: string, event: unknown): ContractCase => ({
  title: `event_ingestor sends ${what}`,
  given: ingestor,
  request: withKey("POST", "/events", event),
  status: 400,
  body: failure("validation_error", "Invalid request payload"),
});
const badEvents = (what: string, events: unknown): ContractCase => ({
  title: `event_ingestor sends in bulk ${what}`,
  given: ingestor,
  request: withKey("POST", "/events/bulk", events),
  status: 400,
  body: failure(
    "validation_error",
    "Request validation failed",
    new Placeholder("details", isRecord),
  ),
});

export const WHAT_KEYS_MAY_DO: ContractCase[] = [
  {
    title: "event_ingestor sends an event",
    given: ingestor,
    request: withKey("POST", "/events", EVENT),
    status: 202,
    body: { event_id: EVENT_ID, message: "Event accepted for processing" },
  },
  {
    title: "event_ingestor sends several",
    given: ingestor,
    request: withKey("POST", "/events/bulk", { events: [EVENT, EVENT] }),
    status: 202,
    body: { message: "Events accepted for processing" },
  },
  {
    title: "event_ingestor sends a bad event",
    given: ingestor,
    request: withKey("POST", "/events", { event_name: 7 }),
    status: 400,
    body: failure("validation_error", "Invalid request payload"),
  },
  {
    title: "event_ingestor sends an event of nobody",
    given: ingestor,
    request: withKey("POST", "/events", { event_name: "call" }),
    status: 400,
    body: failure("validation_error", "Invalid request payload"),
  },
  badEvent("properties that are a list", { ...EVENT, properties: [] }),
  badEvent("properties that are a text", { ...EVENT, properties: "a" }),
  badEvent("a source that is a number", { ...EVENT, source: 7 }),
  badEvents("an object without events", {}),
  badEvents("a list", []),
  badEvents("null", null),
  badEvents("no events", { events: [] }),
  badEvents("a bad event among them", { events: [EVENT, { event_name: "call" }] }),
  badEvents("more than a thousand events", { events: Array(1_001).fill(EVENT) }),
  {
    title: "event_ingestor sends a thousand",
    given: ingestor,
    request: withKey("POST", "/events/bulk", { events: Array(1_000).fill(EVENT) }),
    status: 202,
    body: { message: "Events accepted for processing" },
  },
  forbidden("event_reader sends no event", withKey("POST", "/events", EVENT), reader),
  forbidden(
    "event_reader sends no events",
    withKey("POST", "/events/bulk", { events: [EVENT] }),
    reader,
  ),
  {
    title: "both roles together send",
    given: {
      account: account({ roles: ["event_reader", "event_ingestor"] }),
      key: accountKey(),
    },
    request: withKey("POST", "/events", EVENT),
    status: 202,
    body: { event_id: EVENT_ID, message: "Event accepted for processing" },
  },
  anyPage("event_ingestor reads customers all the same", "/customers"),
  anyPage("event_ingestor reads plans all the same", "/plans"),
  anyPage("event_reader reads customers", "/customers", reader),
  anyPage("event_ingestor reads invoices", "/invoices"),
  anyPage("event_ingestor reads features", "/features"),
  forbidden(
    "event_ingestor makes no customer",
    withKey("POST", "/customers", { external_id: "c1" }),
  ),
  forbidden(
    "event_reader makes no customer",
    withKey("POST", "/customers", { external_id: "c1" }),
    reader,
  ),
  forbidden("event_ingestor reads no environments", withKey("GET", "/environments")),
  {
    title: "a body of more than 32 MiB is too large for events",
    emulatorOnly: "it is slow",
    given: ingestor,
    request: withKey("POST", "/events", { ...EVENT, padding: "x".repeat(33 * 1024 * 1024) }),
    status: 400,
    body: failure(
      "validation_error",
      "Request body exceeds the maximum size; split the batch into smaller requests",
    ),
  },
];

const ENVIRONMENTS = {
  environments: new Placeholder(
    "environments",
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every(
        ({ id, name, type, created_at, updated_at, ...rest }) =>
          [id, name, type].every((field) => TEXT.test(field)) &&
          [created_at, updated_at].every((time) => SECOND_TIME.test(time)) &&
          Object.keys(rest).length === 0,
      ),
  ),
  total: new Placeholder("a count", Number.isInteger),
  offset: 0,
  limit: 50,
};

const NUL_IN_PATH = new Placeholder(
  "a database error",
  (value) => field(value, "code") === "database_error",
);

const REQUEST_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

export const ENVIRONMENTS_AND_PROTOCOL: ContractCase[] = [
  {
    title: "environments, without one chosen",
    request: { method: "GET", path: "/environments", as: { token: "{operator.accessToken}" } },
    status: 200,
    body: ENVIRONMENTS,
  },
  {
    title: "a production environment",
    request: { method: "POST", path: "/environments", body: { name: "Live", type: "production" } },
    status: 400,
    body: failure(
      "validation_error",
      "You have reached the maximum limit of 0 production environment(s)",
    ),
  },
  {
    title: "a second development environment",
    emulatorOnly: "a real server would keep it",
    request: {
      method: "POST",
      path: "/environments",
      body: { name: "Staging", type: "development" },
    },
    status: 201,
    body: {
      id: TEXT,
      name: "Staging",
      type: "development",
      created_at: SECOND_TIME,
      updated_at: SECOND_TIME,
    },
  },
  {
    title: "an environment of a type that nobody knows",
    emulatorOnly: "a real server would keep it",
    request: { method: "POST", path: "/environments", body: { name: "Odd", type: "bogus" } },
    status: 201,
    body: {
      id: TEXT,
      name: "Odd",
      type: "bogus",
      created_at: SECOND_TIME,
      updated_at: SECOND_TIME,
    },
  },
  ...[{ name: "Odd" }, { type: "development" }].map(
    (body): ContractCase => ({
      title: `an environment with nothing but a ${Object.keys(body)}`,
      request: { method: "POST", path: "/environments", body },
      status: 400,
      body: failure(
        "validation_error",
        "Request validation failed",
        new Placeholder("details", isRecord),
      ),
    }),
  ),
  {
    title: "the caller's tenant, without an environment",
    request: { method: "GET", path: "/tenants/me", as: { token: "{operator.accessToken}" } },
    status: 200,
    body: TENANT,
  },
  {
    title: "an encoded slash parts a path",
    request: { method: "DELETE", path: "/users/x%2Fy" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "an encoded letter is that letter",
    request: { method: "GET", path: "/users/m%65" },
    status: 200,
    body: OPERATOR,
  },
  {
    title: "NUL in the path of a PUT",
    request: { method: "PUT", path: "/users/a%00b", body: { name: "x" } },
    status: 500,
    body: NUL_IN_PATH,
  },
  {
    title: "NUL in the path of a DELETE",
    request: { method: "DELETE", path: "/users/a%00b" },
    status: 500,
    body: NUL_IN_PATH,
  },
  {
    title: "headers that keep browsers from everything",
    request: me("nobody"),
    status: 401,
    body: UNAUTHORIZED,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
      "access-control-allow-headers": "*",
      "access-control-max-age": "86400",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "permissions-policy": "geolocation=(), microphone=(), camera=()",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    },
  },
  {
    title: "a slash behind the path of a GET",
    request: { method: "GET", path: "/users/me/" },
    status: 301,
    body: new PlainText('<a href="/v1/users/me">Moved Permanently</a>.\n\n'),
    headers: { location: "/v1/users/me" },
  },
  {
    title: "a slash behind the path of a POST",
    request: { method: "POST", path: "/users/", body: {} },
    status: 307,
    body: EMPTY,
    headers: { location: "/v1/users" },
  },
  {
    title: "HEAD",
    request: { method: "HEAD", path: "/users/me" },
    status: 404,
    body: new PlainText(""),
  },
  {
    title: "OPTIONS, without a credential",
    request: { method: "OPTIONS", path: "/users", as: "nobody" },
    status: 200,
    body: EMPTY,
  },
  {
    title: "a request id is echoed, on refusals too",
    request: me("nobody", { "X-Request-ID": "my-request-1" }),
    status: 401,
    body: UNAUTHORIZED,
    headers: { "x-request-id": "my-request-1", date: / GMT$/ },
  },
  {
    title: "a request id is made where there is none, on 404 too",
    request: { method: "GET", path: "/nowhere", as: "nobody" },
    status: 404,
    body: NO_ROUTE,
    headers: { "x-request-id": REQUEST_ID },
  },
  {
    title: "and after a panic",
    request: { method: "POST", path: "/users/search", body: {} },
    status: 500,
    body: EMPTY,
    headers: { "x-request-id": REQUEST_ID },
  },
  {
    title: "no caching and no rate limit headers",
    request: me("admin"),
    status: 200,
    body: OPERATOR,
    headers: { etag: null, "cache-control": null, "retry-after": null, "content-encoding": null },
  },
];
