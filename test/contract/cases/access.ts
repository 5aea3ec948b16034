import {
  ACCOUNT,
  AS_KEY,
  AS_TOKEN,
  account,
  accountKey,
  type ContractCase,
  type ContractRequest,
  type Credential,
  contractCase,
  EMPTY,
  EVENT_ID,
  EVENT_KEY,
  type Expected,
  failure,
  field,
  http,
  INSUFFICIENT,
  INVALID_TOKEN,
  isRecord,
  NO_ENVIRONMENT,
  NO_ROUTE,
  noRoute,
  OPERATOR,
  Placeholder,
  PlainText,
  SECOND_TIME,
  TENANT,
  TEXT,
  UNAUTHORIZED,
} from "../case";

const me = (as: Credential, headers: Record<string, string> = {}) =>
  http("GET /users/me", { as, headers });
const roles = (query = "", as: Credential = "admin") => http(`GET /rbac/roles${query}`, { as });

const rejected = (
  title: string,
  as: Credential,
  headers: Record<string, string> = {},
  body: Expected = UNAUTHORIZED,
): ContractCase =>
  contractCase(title, me(as, headers), 401, body, {}, { headers: { "www-authenticate": null } });

const signIn = (route: "signup" | "login", body: object): ContractRequest =>
  http(`POST /auth/${route}`, { body, as: "nobody" });

export const AUTHENTICATION: ContractCase[] = [
  rejected("no credential", "nobody"),
  rejected("an empty key", { key: "" }),
  rejected("an unknown key", { key: "sk_01M85FAKMEBXGA1EGXE598V40Z" }),
  rejected("an API key as Bearer", { token: "sk_01M85FAKMEBXGA1EGXE598V40Z" }, {}, INVALID_TOKEN),
  rejected("a bad token", { token: "a.b.c" }, {}, INVALID_TOKEN),
  rejected(
    "a token without Bearer",
    "nobody",
    { Authorization: "{operator.accessToken}" },
    { error: "Invalid authorization header format" },
  ),
  contractCase(
    "a key in lower case",
    me({ key: "{key.api_key.lower}" }),
    401,
    UNAUTHORIZED,
    EVENT_KEY,
  ),
  contractCase("an expired key", me(AS_KEY), 401, UNAUTHORIZED, {
    account: account(),
    key: accountKey({ expires_at: "2020-01-01T00:00:00Z" }),
  }),
  contractCase("a publishable key", me(AS_KEY), 401, UNAUTHORIZED, {
    account: account(),
    key: accountKey({ type: "publishable_key" }),
  }),
  contractCase("a key expiring in the year 1", me(AS_KEY), 401, UNAUTHORIZED, {
    account: account(),
    key: accountKey({ expires_at: "0001-01-01T00:00:00Z" }),
  }),
  contractCase(
    "an invalid key with a valid token",
    me(
      { token: "{operator.accessToken}", environment: "{operator.environmentId}" },
      { "x-api-key": "sk_bad" },
    ),
    200,
    OPERATOR,
  ),
  contractCase(
    "the header's name in another case",
    me("nobody", { "X-API-KEY": "{key.api_key}" }),
    200,
    ACCOUNT,
    EVENT_KEY,
  ),
  contractCase(
    "a key ignores the environment in the header",
    me(AS_KEY, { "X-Environment-ID": "env_nope" }),
    200,
    ACCOUNT,
    EVENT_KEY,
  ),
  contractCase(
    "a token without an environment, for a route that needs one",
    roles("", AS_TOKEN),
    403,
    NO_ENVIRONMENT,
  ),
  contractCase(
    "a token with an unknown environment",
    roles("", { token: "{operator.accessToken}", environment: "env_nope" }),
    403,
    NO_ENVIRONMENT,
  ),
  contractCase(
    "a token with an unknown environment, for a route that needs none",
    me({ token: "{operator.accessToken}", environment: "env_nope" }),
    403,
    NO_ENVIRONMENT,
  ),
  contractCase(
    "a token with another tenant's environment",
    me({ token: "{operator.accessToken}", environment: "{other.environmentId}" }),
    403,
    NO_ENVIRONMENT,
  ),
  contractCase(
    "the configured key without an environment",
    roles("", { key: "sk_local_flexprice_test_key" }),
    403,
    NO_ENVIRONMENT,
    {},
    { emulatorOnly: "it takes the default configuration" },
  ),
  contractCase(
    "the configured key with an environment of its tenant",
    http("POST /events", {
      body: { event_name: "call", external_customer_id: "c1" },
      as: { key: "sk_local_flexprice_test_key" },
      headers: { "X-Environment-ID": "00000000-0000-0000-0000-000000000000" },
    }),
    202,
    { event_id: EVENT_ID, message: "Event accepted for processing" },
    {},
    { emulatorOnly: "it takes the default configuration" },
  ),
  contractCase(
    "signing up twice",
    signIn("signup", { email: "{operator.email}", password: "long enough", tenant_name: "Again" }),
    409,
    failure("already_exists", "An account with this email already exists", {
      email: "{operator.email}",
    }),
    {},
    { emulatorOnly: "it takes the e-mail address of a user" },
  ),
  contractCase(
    "signing up",
    signIn("signup", { email: "new@example.com", password: "long enough", tenant_name: "New" }),
    200,
    { token: TEXT, user_id: TEXT, tenant_id: TEXT },
    {},
    { emulatorOnly: "a real server would keep the tenant" },
  ),
  contractCase(
    "logging in",
    signIn("login", { email: "{operator.email}", password: "{operator.password}" }),
    200,
    { token: TEXT, user_id: "{operator.userId}", tenant_id: "{operator.tenantId}" },
    {},
    { emulatorOnly: "it takes the password of a user" },
  ),
  contractCase(
    "logging in with a wrong password: one of two statuses, at random",
    signIn("login", { email: "{operator.email}", password: "wrong password" }),
    [400, 403],
    {
      code: TEXT,
      message: "Invalid password",
      http_status_code: new Placeholder("400 or 403", (value) => value === 400 || value === 403),
    },
    {},
    { emulatorOnly: "it takes the e-mail address of a user" },
  ),
  contractCase(
    "logging in with an unknown address: one of two statuses, at random",
    signIn("login", { email: "nobody@example.com", password: "long enough" }),
    [403, 404],
    {
      code: new Placeholder(
        "a code",
        (value) => `${value}`.match(/^(not_found|permission_denied)$/) !== null,
      ),
      message: "User not found with the provided email",
      http_status_code: new Placeholder("403 or 404", (value) => value === 403 || value === 404),
      details: { email: "nobody@example.com" },
    },
  ),
  contractCase(
    "signing up without a valid e-mail address",
    signIn("signup", { email: "nobody", password: "long enough", tenant_name: "New" }),
    400,
    new Placeholder("a validation error", (value) => field(value, "code") === "validation_error"),
  ),
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

/** In any order: the server's order is random. */
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
  contractCase(
    "all roles",
    roles(),
    200,
    rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES, ...WIDE_ROLES }),
  ),
  contractCase(
    "the roles of service accounts",
    roles("?user_type=service_account"),
    200,
    rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES }),
  ),
  contractCase(
    "the roles of users",
    roles("?user_type=user"),
    200,
    rolesWith({ ...SUPER_ADMIN, ...WIDE_ROLES }),
  ),
  contractCase("the roles of an unknown type", roles("?user_type=robot"), 400, INVALID_USER_TYPE),
  contractCase("the roles of an empty type", roles("?user_type="), 400, INVALID_USER_TYPE),
  contractCase("one role", roles("/event_ingestor"), 200, { role: INGESTOR }),
  ...Object.entries(DESCRIPTIONS).map(
    ([id, description]): ContractCase =>
      contractCase(`the description of ${id}`, roles(`/${id}`), 200, {
        role: {
          id,
          name: TEXT,
          description,
          permissions: new Placeholder("permissions", isRecord),
        },
      }),
  ),
  contractCase("an unknown role", roles("/custom_role"), 404, { error: "Role not found" }),
  contractCase(
    "one role, with an event key",
    roles("/event_ingestor", AS_KEY),
    200,
    { role: INGESTOR },
    EVENT_KEY,
  ),
  contractCase(
    "all roles, with an event key",
    roles("", AS_KEY),
    200,
    rolesWith({ ...SUPER_ADMIN, ...EVENT_ROLES, ...WIDE_ROLES }),
    EVENT_KEY,
  ),
];

const EVENT = { event_name: "call", external_customer_id: "c1" };
const ingestor = EVENT_KEY;
const reader = { account: account({ roles: ["event_reader"] }), key: accountKey() };

const withKey = (method: string, path: string, body?: unknown) => ({
  method,
  path,
  ...(body !== undefined && { body }),
  as: AS_KEY,
});

const forbidden = (
  title: string,
  request: ContractCase["request"],
  given = ingestor,
): ContractCase => contractCase(title, request, 403, INSUFFICIENT, given);

const EMPTY_PAGE = new Placeholder(
  "a page",
  (value) =>
    typeof value === "object" && value !== null && "items" in value && "pagination" in value,
);
const anyPage = (title: string, path: string, given = ingestor): ContractCase =>
  contractCase(title, withKey("GET", path), 200, EMPTY_PAGE, given);

const badEvent = (what: string, event: unknown): ContractCase =>
  contractCase(
    `event_ingestor sends ${what}`,
    withKey("POST", "/events", event),
    400,
    failure("validation_error", "Invalid request payload"),
    ingestor,
  );
const badEvents = (what: string, events: unknown): ContractCase =>
  contractCase(
    `event_ingestor sends in bulk ${what}`,
    withKey("POST", "/events/bulk", events),
    400,
    failure("validation_error", "Request validation failed", new Placeholder("details", isRecord)),
    ingestor,
  );

export const PERMISSIONS_OF_KEYS: ContractCase[] = [
  contractCase(
    "event_ingestor sends an event",
    withKey("POST", "/events", EVENT),
    202,
    { event_id: EVENT_ID, message: "Event accepted for processing" },
    ingestor,
  ),
  contractCase(
    "event_ingestor sends several events",
    withKey("POST", "/events/bulk", { events: [EVENT, EVENT] }),
    202,
    { message: "Events accepted for processing" },
    ingestor,
  ),
  contractCase(
    "event_ingestor sends a bad event",
    withKey("POST", "/events", { event_name: 7 }),
    400,
    failure("validation_error", "Invalid request payload"),
    ingestor,
  ),
  contractCase(
    "event_ingestor sends an event without a customer",
    withKey("POST", "/events", { event_name: "call" }),
    400,
    failure("validation_error", "Invalid request payload"),
    ingestor,
  ),
  badEvent("properties that are a list", { ...EVENT, properties: [] }),
  badEvent("properties that are a text", { ...EVENT, properties: "a" }),
  badEvent("a source that is a number", { ...EVENT, source: 7 }),
  badEvents("an object without events", {}),
  badEvents("a list", []),
  badEvents("null", null),
  badEvents("no events", { events: [] }),
  badEvents("a bad event among them", { events: [EVENT, { event_name: "call" }] }),
  badEvents("more than a thousand events", { events: Array(1_001).fill(EVENT) }),
  contractCase(
    "event_ingestor sends a thousand events",
    withKey("POST", "/events/bulk", { events: Array(1_000).fill(EVENT) }),
    202,
    { message: "Events accepted for processing" },
    ingestor,
  ),
  forbidden("event_reader sends an event", withKey("POST", "/events", EVENT), reader),
  forbidden(
    "event_reader sends several events",
    withKey("POST", "/events/bulk", { events: [EVENT] }),
    reader,
  ),
  contractCase(
    "event_reader with event_ingestor sends an event",
    withKey("POST", "/events", EVENT),
    202,
    { event_id: EVENT_ID, message: "Event accepted for processing" },
    { account: account({ roles: ["event_reader", "event_ingestor"] }), key: accountKey() },
  ),
  anyPage("event_ingestor reads customers", "/customers"),
  anyPage("event_ingestor reads plans", "/plans"),
  anyPage("event_reader reads customers", "/customers", reader),
  anyPage("event_ingestor reads invoices", "/invoices"),
  anyPage("event_ingestor reads features", "/features"),
  forbidden(
    "event_ingestor creates a customer",
    withKey("POST", "/customers", { external_id: "c1" }),
  ),
  forbidden(
    "event_reader creates a customer",
    withKey("POST", "/customers", { external_id: "c1" }),
    reader,
  ),
  forbidden("event_ingestor reads environments", withKey("GET", "/environments")),
  contractCase(
    "a body of more than 32 MiB is too large for events",
    withKey("POST", "/events", { ...EVENT, padding: "x".repeat(33 * 1024 * 1024) }),
    400,
    failure(
      "validation_error",
      "Request body exceeds the maximum size; split the batch into smaller requests",
    ),
    ingestor,
    { emulatorOnly: "it is slow" },
  ),
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
  contractCase(
    "environments, without a selected one",
    http("GET /environments", { as: AS_TOKEN }),
    200,
    ENVIRONMENTS,
  ),
  contractCase(
    "a production environment",
    http("POST /environments", { body: { name: "Live", type: "production" } }),
    400,
    failure(
      "validation_error",
      "You have reached the maximum limit of 0 production environment(s)",
    ),
  ),
  contractCase(
    "a second development environment",
    http("POST /environments", { body: { name: "Staging", type: "development" } }),
    201,
    {
      id: TEXT,
      name: "Staging",
      type: "development",
      created_at: SECOND_TIME,
      updated_at: SECOND_TIME,
    },
    {},
    { emulatorOnly: "a real server would keep it" },
  ),
  contractCase(
    "an environment of an unknown type",
    http("POST /environments", { body: { name: "Odd", type: "bogus" } }),
    201,
    { id: TEXT, name: "Odd", type: "bogus", created_at: SECOND_TIME, updated_at: SECOND_TIME },
    {},
    { emulatorOnly: "a real server would keep it" },
  ),
  ...[{ name: "Odd" }, { type: "development" }].map(
    (body): ContractCase =>
      contractCase(
        `an environment with only a ${Object.keys(body)}`,
        http("POST /environments", { body }),
        400,
        failure(
          "validation_error",
          "Request validation failed",
          new Placeholder("details", isRecord),
        ),
      ),
  ),
  contractCase(
    "the caller's tenant, without an environment",
    http("GET /tenants/me", { as: AS_TOKEN }),
    200,
    TENANT,
  ),
  noRoute("an encoded slash separates path segments", http("DELETE /users/x%2Fy")),
  contractCase("an encoded letter equals that letter", http("GET /users/m%65"), 200, OPERATOR),
  contractCase(
    "NUL in the path of a PUT",
    http("PUT /users/a%00b", { body: { name: "x" } }),
    500,
    NUL_IN_PATH,
  ),
  contractCase("NUL in the path of a DELETE", http("DELETE /users/a%00b"), 500, NUL_IN_PATH),
  contractCase(
    "security headers for browsers",
    me("nobody"),
    401,
    UNAUTHORIZED,
    {},
    {
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
  ),
  contractCase(
    "a trailing slash in a GET",
    http("GET /users/me/"),
    301,
    new PlainText('<a href="/v1/users/me">Moved Permanently</a>.\n\n'),
    {},
    { headers: { location: "/v1/users/me" } },
  ),
  contractCase(
    "a trailing slash in a POST",
    http("POST /users/", { body: {} }),
    307,
    EMPTY,
    {},
    { headers: { location: "/v1/users" } },
  ),
  contractCase("HEAD", http("HEAD /users/me"), 404, new PlainText("")),
  contractCase(
    "OPTIONS, without a credential",
    http("OPTIONS /users", { as: "nobody" }),
    200,
    EMPTY,
  ),
  contractCase(
    "a request id is echoed, even in an error",
    me("nobody", { "X-Request-ID": "my-request-1" }),
    401,
    UNAUTHORIZED,
    {},
    { headers: { "x-request-id": "my-request-1", date: / GMT$/ } },
  ),
  contractCase(
    "a request id is generated if it is missing, even in an error",
    http("GET /nowhere", { as: "nobody" }),
    404,
    NO_ROUTE,
    {},
    { headers: { "x-request-id": REQUEST_ID } },
  ),
  contractCase(
    "a request id is generated after a panic",
    http("POST /users/search", { body: {} }),
    500,
    EMPTY,
    {},
    { headers: { "x-request-id": REQUEST_ID } },
  ),
  contractCase(
    "no headers for caching and rate limits",
    me("admin"),
    200,
    OPERATOR,
    {},
    {
      headers: { etag: null, "cache-control": null, "retry-after": null, "content-encoding": null },
    },
  ),
];
