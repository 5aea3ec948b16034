import {
  ACCOUNT,
  ACCOUNT_ONLY,
  ADMIN_KEY,
  ARCHIVED,
  AS_KEY,
  AS_READER,
  AS_SECOND,
  AS_WRITER,
  account,
  accountKey,
  archiveAccount,
  COUNT,
  type ContractCase,
  contractCase,
  DISPLAY_ID,
  EMPTY,
  EVENT_KEY,
  type Expected,
  failure,
  http,
  insufficient,
  key,
  MICROSECOND_TIME,
  NANOSECOND_TIME,
  noContent,
  noRoute,
  PRIVATE_KEY,
  PUBLISHABLE_KEY,
  revokeKey,
  SECRET_ID,
  UNAUTHORIZED,
} from "../case";

const secret = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: SECRET_ID,
  name: "p1",
  type: "private_key",
  provider: "flexprice",
  display_id: DISPLAY_ID,
  roles: ["event_ingestor"],
  user_type: "service_account",
  user_id: "{account.id}",
  status: "published",
  created_at: NANOSECOND_TIME,
  updated_at: NANOSECOND_TIME,
  ...fields,
});

const created = (fields: Record<string, unknown> = {}): Expected => ({
  secret: secret(fields),
  api_key: PRIVATE_KEY,
});

const ofOperator = { user_type: "user", user_id: "{operator.userId}", roles: ["super_admin"] };

const CHECK_PAYLOAD = failure("validation_error", "Please check the request payload");
const INVALID_TYPE = failure("validation_error", "Invalid secret type");
const ASK_TO_MINT = failure(
  "permission_denied",
  "Ask a tenant super_admin to mint or rotate service-account API keys",
);
const ASK_TO_REVOKE = failure(
  "permission_denied",
  "Ask a tenant super_admin to revoke this API key",
);
const userNotFound = (id: string) =>
  failure("not_found", "User not found", { tenant_id: "{operator.tenantId}", user_id: id });

const accepted = (title: string, fields: Record<string, unknown>, body: Expected): ContractCase =>
  contractCase(title, accountKey(fields), 201, body, ACCOUNT_ONLY);

/** Fields that the server stores unchanged. */
const stored = (title: string, fields: Record<string, unknown>): ContractCase =>
  accepted(title, fields, created(fields));

const rejected = (title: string, body: unknown, expected: Expected = CHECK_PAYLOAD): ContractCase =>
  contractCase(title, http("POST /secrets/api/keys", { body }), 400, expected);

export const CREATING_KEYS: ContractCase[] = [
  accepted("a private key of an account", {}, created()),
  accepted(
    "a publishable key",
    { type: "publishable_key" },
    { secret: secret({ type: "publishable_key" }), api_key: PUBLISHABLE_KEY },
  ),
  contractCase("a key of the caller", key(), 201, created(ofOperator)),
  contractCase(
    "an empty service_account_id stands for the caller",
    key({ service_account_id: "" }),
    201,
    created(ofOperator),
  ),
  contractCase(
    "a key of an unknown account",
    key({ service_account_id: "user_nope" }),
    404,
    userNotFound("user_nope"),
  ),
  contractCase(
    "a key of another tenant's account",
    key({ service_account_id: "{other.accountId}" }),
    404,
    userNotFound("{other.accountId}"),
  ),
  contractCase(
    "a key of a normal user by id",
    key({ service_account_id: "{operator.userId}" }),
    400,
    failure("validation_error", "Only service account user IDs can be explicitly provided", {
      user_id: "{operator.userId}",
      user_type: "user",
    }),
  ),
  contractCase("a key of an archived account", accountKey(), 201, created(), ARCHIVED),
  contractCase(
    "the key of an archived account works",
    http("GET /users/me", { as: AS_KEY }),
    200,
    ACCOUNT,
    { account: account(), archived: archiveAccount, key: accountKey() },
  ),
  rejected("type integration", { name: "p1", type: "integration" }, INVALID_TYPE),
  rejected("an unknown type", { name: "p1", type: "bogus" }, INVALID_TYPE),
  rejected("no type", { name: "p1" }),
  rejected("no name", { type: "private_key" }),
  rejected("an empty name", { name: "", type: "private_key" }),
  rejected("an empty body", ""),
  rejected("bad JSON", '{"name":'),
  rejected("expiry as a date", { name: "p1", type: "private_key", expires_at: "2030-06-01" }),
  rejected("expiry as any text", { name: "p1", type: "private_key", expires_at: "soon" }),
  rejected("expiry as a number", { name: "p1", type: "private_key", expires_at: 1_900_000_000 }),
  rejected("an empty expiry", { name: "p1", type: "private_key", expires_at: "" }),
  accepted("a null expiry", { expires_at: null }, created()),
  stored("an expiry", { expires_at: "2030-06-01T12:00:00Z" }),
  stored("an expiry in the past", { expires_at: "2020-01-01T00:00:00Z" }),
  stored("an expiry in the year 1", { expires_at: "0001-01-01T00:00:00Z" }),
  stored("an expiry in the year 9999", { expires_at: "9999-12-31T23:59:59Z" }),
  stored("an expiry with an offset keeps it", { expires_at: "2030-06-01T12:00:00+05:30" }),
  stored("an expiry to the nanosecond keeps it", { expires_at: "2030-06-01T12:00:00.123456789Z" }),
  accepted(
    "an expiry with a comma before its fraction",
    { expires_at: "2030-06-01T12:00:00,5Z" },
    created({ expires_at: "2030-06-01T12:00:00.5Z" }),
  ),
  stored("an expiry with the largest offset of PostgreSQL", {
    expires_at: "2030-06-01T12:00:00+15:59",
  }),
  ...["+16:00", "-16:00", "+23:59", "+24:00"].map(
    (offset): ContractCase =>
      contractCase(
        `an expiry with the offset ${offset}`,
        accountKey({ expires_at: `2030-06-01T12:00:00${offset}` }),
        500,
        failure("database_error", "Failed to create secret", { secret_id: SECRET_ID }),
        ACCOUNT_ONLY,
      ),
  ),
  stored("an expiry that rounds to the year 10000", { expires_at: "9999-12-31T23:59:59.9999999Z" }),
  contractCase(
    "an account id with NUL",
    key({ service_account_id: "a\0b" }),
    404,
    failure("not_found", "Failed to retrieve user", {
      tenant_id: "{operator.tenantId}",
      user_id: "a\0b",
    }),
  ),
  stored("a blank name", { name: "  " }),
  stored("a name of 100000 characters", { name: "x".repeat(100_000) }),
  contractCase(
    "a name with NUL",
    key({ name: "a\0b" }),
    500,
    failure("database_error", "Failed to create secret", { secret_id: SECRET_ID }),
  ),
  contractCase("names are not unique", accountKey(), 201, created(), EVENT_KEY),
  accepted(
    "unknown fields are ignored",
    { roles: ["super_admin"], user_id: "user_x", environment_id: "env_x", permissions: ["*"] },
    created(),
  ),
  insufficient("an event key creates a key", { ...key(), as: AS_KEY }, EVENT_KEY),
  contractCase(
    "a super_admin account creates a key for itself",
    { ...key(), as: AS_KEY },
    201,
    created({ roles: ["super_admin"] }),
    ADMIN_KEY,
  ),
  contractCase(
    "a super_admin account creates a key with its own id",
    { ...accountKey(), as: AS_KEY },
    403,
    ASK_TO_MINT,
    ADMIN_KEY,
  ),
  contractCase(
    "all_writer creates a key for itself",
    { ...key(), as: AS_WRITER },
    201,
    created({ user_type: "user", user_id: "{writer.userId}", roles: ["all_writer"] }),
  ),
  contractCase(
    "all_writer creates a key for an account",
    { ...accountKey(), as: AS_WRITER },
    403,
    ASK_TO_MINT,
    ACCOUNT_ONLY,
  ),
  insufficient("all_reader creates a key", { ...key(), as: AS_READER }),
];

const listed = (fields: Record<string, unknown> = {}): Record<string, unknown> =>
  secret({
    id: "{key.secret.id}",
    service_account_name: "ci-bot",
    created_at: MICROSECOND_TIME,
    updated_at: MICROSECOND_TIME,
    ...fields,
  });

const list = (query = "user_id={account.id}") => http(`GET /secrets/api/keys?${query}`);

const page = (items: Expected[], limit = 50, offset = 0, total = items.length): Expected => ({
  items,
  pagination: { total, limit, offset: offset + limit },
});

const THREE = {
  account: account(),
  one: accountKey({ name: "one" }),
  two: accountKey({ name: "two" }),
  three: accountKey({ name: "three" }),
};
const nth = (name: string) => listed({ id: `{${name}.secret.id}`, name });

const listing = (
  title: string,
  query: string,
  items: Expected[],
  [total, limit, offset]: [number, number, number],
): ContractCase =>
  contractCase(
    title,
    list(`user_id={account.id}${query}`),
    200,
    { items, pagination: { total, limit, offset } },
    THREE,
  );

const expiring = (title: string, expires_at: string, shown: string): ContractCase =>
  contractCase(title, list(), 200, page([listed({ expires_at: shown })]), {
    account: account(),
    key: accountKey({ expires_at }),
  });

const CHECK_QUERY = failure("validation_error", "Please check the query parameters");

export const LISTING_KEYS: ContractCase[] = [
  contractCase("the keys of one account", list(), 200, page([listed()]), EVENT_KEY),
  expiring("offsets become UTC", "2030-06-01T12:00:00+05:30", "2030-06-01T06:30:00Z"),
  expiring(
    "nanoseconds are rounded to microseconds",
    "2030-06-01T12:00:00.123456789Z",
    "2030-06-01T12:00:00.123457Z",
  ),
  contractCase(
    "a key that expires in the year 10000 breaks every list that contains it",
    list(),
    500,
    EMPTY,
    { account: account(), key: accountKey({ expires_at: "9999-12-31T23:59:59.9999999Z" }) },
    { emulatorOnly: "it would spoil the lists of others, were it left behind" },
  ),
  contractCase(
    "a key that expires in the year 10000 can be revoked",
    list(),
    200,
    page([]),
    {
      account: account(),
      key: accountKey({ expires_at: "9999-12-31T23:59:59.9999999Z" }),
      revoked: revokeKey,
    },
    { emulatorOnly: "it would spoil the lists of others, were it left behind" },
  ),
  expiring("an expired key is listed", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
  contractCase("a publishable key is not listed", list(), 200, page([]), {
    account: account(),
    key: accountKey({ type: "publishable_key" }),
  }),
  contractCase("a revoked key is not listed", list(), 200, page([]), {
    account: account(),
    key: accountKey(),
    revoked: revokeKey,
  }),
  contractCase(
    "the key of an archived account is listed without its name",
    list(),
    200,
    page([
      secret({ id: "{key.secret.id}", created_at: MICROSECOND_TIME, updated_at: MICROSECOND_TIME }),
    ]),
    { account: account(), archived: archiveAccount, key: accountKey() },
  ),
  contractCase(
    "the account's name follows a renaming",
    list(),
    200,
    page([listed({ service_account_name: "renamed" })]),
    {
      account: account(),
      key: accountKey(),
      renamed: http("PUT /users/{account.id}", { body: { name: "renamed" } }),
    },
  ),
  contractCase("a key in another environment is not listed", list(), 200, page([]), {
    account: account(),
    key: { ...accountKey(), as: AS_SECOND },
  }),
  listing("newest first", "", [nth("three"), nth("two"), nth("one")], [3, 50, 50]),
  listing("a page", "&limit=1&offset=1", [nth("two")], [3, 1, 2]),
  listing(
    "limit 0 lists everything",
    "&limit=0",
    [nth("three"), nth("two"), nth("one")],
    [3, 0, 0],
  ),
  listing(
    "limit -1 lists everything",
    "&limit=-1",
    [nth("three"), nth("two"), nth("one")],
    [3, -1, -1],
  ),
  listing(
    "limits are not capped",
    "&limit=1001",
    [nth("three"), nth("two"), nth("one")],
    [3, 1001, 1001],
  ),
  listing(
    "sorted by name",
    "&sort=name&order=asc",
    [nth("one"), nth("three"), nth("two")],
    [3, 50, 50],
  ),
  listing(
    "a bogus order is ascending",
    "&order=bogus",
    [nth("one"), nth("two"), nth("three")],
    [3, 50, 50],
  ),
  listing("with a start time", "&start_time=2099-01-01T00:00:00Z", [], [0, 50, 50]),
  listing(
    "type, status, provider, prefix and expand are ignored",
    "&type=publishable_key&status=archived&provider=x&prefix=x&expand=x&limit=1",
    [nth("three")],
    [3, 1, 1],
  ),
  contractCase(
    "service_account_id does not filter",
    list("service_account_id=user_nope&limit=1"),
    200,
    { items: [listed()], pagination: { total: COUNT, limit: 1, offset: 1 } },
    EVENT_KEY,
  ),
  contractCase("an empty user_id finds nothing", list("user_id="), 200, page([]), EVENT_KEY),
  contractCase("a limit in words", list("limit=abc"), 400, CHECK_QUERY),
  contractCase(
    "a super_admin account sees its own keys only",
    { ...list("user_id={stranger.id}"), as: AS_KEY },
    200,
    page([listed({ roles: ["super_admin"] })]),
    { account: account({ roles: ["super_admin"] }), key: accountKey(), stranger: account() },
  ),
  contractCase("all_reader sees no keys", { ...list(), as: AS_READER }, 200, page([]), EVENT_KEY),
  insufficient("an event key lists keys", { ...list(), as: AS_KEY }, EVENT_KEY),
  noRoute("there is no route to read a key", http("GET /secrets/api/keys/secret_nope")),
  noRoute(
    "there is no route to change a key",
    http("PUT /secrets/api/keys/secret_nope", { body: {} }),
  ),
  noRoute("there is no route to search keys", http("POST /secrets/api/keys/search", { body: {} })),
];

const notFound = (id: string) => failure("not_found", "Secret not found", { secret_id: id });

export const REVOKING_KEYS: ContractCase[] = [
  noContent("a private key", revokeKey, EVENT_KEY),
  noContent("a publishable key", revokeKey, {
    account: account(),
    key: accountKey({ type: "publishable_key" }),
  }),
  noContent("an expired key", revokeKey, {
    account: account(),
    key: accountKey({ expires_at: "2020-01-01T00:00:00Z" }),
  }),
  noContent("a revoked key, repeatedly", revokeKey, {
    account: account(),
    key: accountKey(),
    once: revokeKey,
    twice: revokeKey,
  }),
  contractCase(
    "an unknown key",
    http("DELETE /secrets/api/keys/secret_nope"),
    404,
    notFound("secret_nope"),
  ),
  contractCase(
    "a key of another environment",
    { ...revokeKey, as: AS_SECOND },
    404,
    notFound("{key.secret.id}"),
    EVENT_KEY,
  ),
  contractCase(
    "a key of another environment, with a pinned key and the header",
    {
      ...revokeKey,
      as: { key: "{operator.apiKey}" },
      headers: { "X-Environment-ID": "{second.environmentId}" },
    },
    404,
    notFound("{key.secret.id}"),
    { account: account(), key: { ...accountKey(), as: AS_SECOND } },
  ),
  contractCase(
    "a key of another tenant",
    http("DELETE /secrets/api/keys/{other.secretId}"),
    404,
    notFound("{other.secretId}"),
  ),
  contractCase(
    "a super_admin account revokes a key of another account",
    { ...revokeKey, as: { key: "{own.api_key}" } },
    403,
    ASK_TO_REVOKE,
    { account: account({ roles: ["super_admin"] }), own: accountKey(), key: key() },
  ),
  contractCase(
    "all_writer revokes a key of an account",
    { ...revokeKey, as: AS_WRITER },
    403,
    ASK_TO_REVOKE,
    EVENT_KEY,
  ),
  noContent("a super_admin account revokes its own key", { ...revokeKey, as: AS_KEY }, ADMIN_KEY),
  insufficient("an event key revokes itself", { ...revokeKey, as: AS_KEY }, EVENT_KEY),
  contractCase(
    "a revoked key that was never used",
    http("GET /users/me", { as: AS_KEY }),
    401,
    UNAUTHORIZED,
    { account: account(), key: accountKey(), revoked: revokeKey },
  ),
];
