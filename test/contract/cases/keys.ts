import {
  account,
  accountKey,
  archiveAccount,
  COUNT,
  type ContractCase,
  DISPLAY_ID,
  EMPTY,
  type Expected,
  failure,
  INSUFFICIENT,
  key,
  MICROSECOND_TIME,
  NANOSECOND_TIME,
  NO_ROUTE,
  PRIVATE_KEY,
  PUBLISHABLE_KEY,
  revokeKey,
  SECRET_ID,
  TENANT,
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

const accepted = (
  title: string,
  fields: Record<string, unknown>,
  body: Expected,
): ContractCase => ({
  title,
  given: { account: account() },
  request: accountKey(fields),
  status: 201,
  body,
});

const refused = (
  title: string,
  body: unknown,
  expected: Expected = CHECK_PAYLOAD,
): ContractCase => ({
  title,
  request: { method: "POST", path: "/secrets/api/keys", body },
  status: 400,
  body: expected,
});

export const CREATING_KEYS: ContractCase[] = [
  accepted("a private key of an account", {}, created()),
  accepted(
    "a publishable key",
    { type: "publishable_key" },
    {
      secret: secret({ type: "publishable_key" }),
      api_key: PUBLISHABLE_KEY,
    },
  ),
  {
    title: "a key of the caller",
    request: key(),
    status: 201,
    body: created(ofOperator),
  },
  {
    title: "an empty service_account_id is the caller",
    request: key({ service_account_id: "" }),
    status: 201,
    body: created(ofOperator),
  },
  {
    title: "a key of an unknown account",
    request: key({ service_account_id: "user_nope" }),
    status: 404,
    body: userNotFound("user_nope"),
  },
  {
    title: "a key of another tenant's account",
    emulatorOnly: "it takes a second tenant",
    request: key({ service_account_id: "{other.accountId}" }),
    status: 404,
    body: userNotFound("{other.accountId}"),
  },
  {
    title: "a key of a normal user by id",
    request: key({ service_account_id: "{operator.userId}" }),
    status: 400,
    body: failure("validation_error", "Only service account user IDs can be explicitly provided", {
      user_id: "{operator.userId}",
      user_type: "user",
    }),
  },
  {
    title: "a key of an archived account",
    given: { account: account(), archived: archiveAccount },
    request: accountKey(),
    status: 201,
    body: created(),
  },
  {
    title: "and that key works",
    given: { account: account(), archived: archiveAccount, key: accountKey() },
    request: { method: "GET", path: "/users/me", as: { key: "{key.api_key}" } },
    status: 200,
    body: {
      id: "{account.id}",
      name: "ci-bot",
      type: "service_account",
      roles: ["event_ingestor"],
      tenant: TENANT,
    },
  },
  refused("type integration", { name: "p1", type: "integration" }, INVALID_TYPE),
  refused("an unknown type", { name: "p1", type: "bogus" }, INVALID_TYPE),
  refused("no type", { name: "p1" }),
  refused("no name", { type: "private_key" }),
  refused("an empty name", { name: "", type: "private_key" }),
  refused("an empty body", ""),
  refused("bad JSON", '{"name":'),
  refused("expiry as a date", { name: "p1", type: "private_key", expires_at: "2030-06-01" }),
  refused("expiry as garbage", { name: "p1", type: "private_key", expires_at: "soon" }),
  refused("expiry as a number", { name: "p1", type: "private_key", expires_at: 1_900_000_000 }),
  refused("an empty expiry", { name: "p1", type: "private_key", expires_at: "" }),
  accepted("a null expiry is none", { expires_at: null }, created()),
  accepted(
    "an expiry",
    { expires_at: "2030-06-01T12:00:00Z" },
    created({ expires_at: "2030-06-01T12:00:00Z" }),
  ),
  accepted(
    "an expiry in the past",
    { expires_at: "2020-01-01T00:00:00Z" },
    created({ expires_at: "2020-01-01T00:00:00Z" }),
  ),
  accepted(
    "an expiry in the year 1",
    { expires_at: "0001-01-01T00:00:00Z" },
    created({ expires_at: "0001-01-01T00:00:00Z" }),
  ),
  accepted(
    "an expiry in the year 9999",
    { expires_at: "9999-12-31T23:59:59Z" },
    created({ expires_at: "9999-12-31T23:59:59Z" }),
  ),
  accepted(
    "an expiry with an offset keeps it",
    { expires_at: "2030-06-01T12:00:00+05:30" },
    created({ expires_at: "2030-06-01T12:00:00+05:30" }),
  ),
  accepted(
    "an expiry to the nanosecond keeps it",
    { expires_at: "2030-06-01T12:00:00.123456789Z" },
    created({ expires_at: "2030-06-01T12:00:00.123456789Z" }),
  ),
  accepted(
    "an expiry with a comma before its fraction",
    { expires_at: "2030-06-01T12:00:00,5Z" },
    created({ expires_at: "2030-06-01T12:00:00.5Z" }),
  ),
  accepted(
    "an expiry with the widest offset that PostgreSQL knows",
    { expires_at: "2030-06-01T12:00:00+15:59" },
    created({ expires_at: "2030-06-01T12:00:00+15:59" }),
  ),
  ...["+16:00", "-16:00", "+23:59", "+24:00"].map(
    (offset): ContractCase => ({
      title: `an expiry with the offset ${offset}`,
      given: { account: account() },
      request: accountKey({ expires_at: `2030-06-01T12:00:00${offset}` }),
      status: 500,
      body: failure("database_error", "Failed to create secret", { secret_id: SECRET_ID }),
    }),
  ),
  accepted(
    "an expiry that rounds to the year 10000",
    { expires_at: "9999-12-31T23:59:59.9999999Z" },
    created({ expires_at: "9999-12-31T23:59:59.9999999Z" }),
  ),
  {
    title: "an account id with NUL",
    request: key({ service_account_id: "a\0b" }),
    status: 404,
    body: failure("not_found", "Failed to retrieve user", {
      tenant_id: "{operator.tenantId}",
      user_id: "a\0b",
    }),
  },
  accepted("a blank name", { name: "  " }, created({ name: "  " })),
  accepted(
    "a name of 100000 characters",
    { name: "x".repeat(100_000) },
    created({ name: "x".repeat(100_000) }),
  ),
  {
    title: "a name with NUL",
    request: key({ name: "a\0b" }),
    status: 500,
    body: failure("database_error", "Failed to create secret", { secret_id: SECRET_ID }),
  },
  {
    title: "names are not unique",
    given: { account: account(), key: accountKey() },
    request: accountKey(),
    status: 201,
    body: created(),
  },
  accepted(
    "unknown fields are ignored",
    { roles: ["super_admin"], user_id: "user_x", environment_id: "env_x", permissions: ["*"] },
    created(),
  ),
  {
    title: "by an event key",
    given: { account: account(), key: accountKey() },
    request: { ...key(), as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "by a super_admin account, for itself",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: { ...key(), as: { key: "{key.api_key}" } },
    status: 201,
    body: created({ roles: ["super_admin"] }),
  },
  {
    title: "by a super_admin account, naming itself",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: { ...accountKey(), as: { key: "{key.api_key}" } },
    status: 403,
    body: ASK_TO_MINT,
  },
  {
    title: "by all_writer, for itself",
    emulatorOnly: "it takes a user with all_writer",
    request: {
      ...key(),
      as: { token: "{writer.accessToken}", environment: "{operator.environmentId}" },
    },
    status: 201,
    body: created({ user_type: "user", user_id: "{writer.userId}", roles: ["all_writer"] }),
  },
  {
    title: "by all_writer, for an account",
    emulatorOnly: "it takes a user with all_writer",
    given: { account: account() },
    request: {
      ...accountKey(),
      as: { token: "{writer.accessToken}", environment: "{operator.environmentId}" },
    },
    status: 403,
    body: ASK_TO_MINT,
  },
  {
    title: "by all_reader",
    emulatorOnly: "it takes a user with all_reader",
    request: {
      ...key(),
      as: { token: "{reader.accessToken}", environment: "{operator.environmentId}" },
    },
    status: 403,
    body: INSUFFICIENT,
  },
];

const listed = (fields: Record<string, unknown> = {}): Record<string, unknown> =>
  secret({
    id: "{key.secret.id}",
    service_account_name: "ci-bot",
    created_at: MICROSECOND_TIME,
    updated_at: MICROSECOND_TIME,
    ...fields,
  });

const list = (query = "user_id={account.id}") => ({
  method: "GET",
  path: `/secrets/api/keys?${query}`,
});

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
  pagination: Record<string, number>,
): ContractCase => ({
  title,
  given: THREE,
  request: list(`user_id={account.id}${query}`),
  status: 200,
  body: { items, pagination },
});

const expiring = (title: string, expires_at: string, shown: string): ContractCase => ({
  title,
  given: { account: account(), key: accountKey({ expires_at }) },
  request: list(),
  status: 200,
  body: page([listed({ expires_at: shown })]),
});

const CHECK_QUERY = failure("validation_error", "Please check the query parameters");

export const LISTING_KEYS: ContractCase[] = [
  {
    title: "the keys of one account",
    given: { account: account(), key: accountKey() },
    request: list(),
    status: 200,
    body: page([listed()]),
  },
  expiring("offsets become UTC", "2030-06-01T12:00:00+05:30", "2030-06-01T06:30:00Z"),
  expiring(
    "nanoseconds are rounded to microseconds",
    "2030-06-01T12:00:00.123456789Z",
    "2030-06-01T12:00:00.123457Z",
  ),
  {
    title: "a key whose expiry has become the year 10000 spoils every list with it",
    emulatorOnly: "it would spoil the lists of others, were it left behind",
    given: {
      account: account(),
      key: accountKey({ expires_at: "9999-12-31T23:59:59.9999999Z" }),
    },
    request: list(),
    status: 500,
    body: EMPTY,
  },
  {
    title: "a key whose expiry has become the year 10000 is revoked like any other",
    emulatorOnly: "it would spoil the lists of others, were it left behind",
    given: {
      account: account(),
      key: accountKey({ expires_at: "9999-12-31T23:59:59.9999999Z" }),
      revoked: revokeKey,
    },
    request: list(),
    status: 200,
    body: page([]),
  },
  expiring("an expired key is listed", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
  {
    title: "a publishable key is not listed",
    given: { account: account(), key: accountKey({ type: "publishable_key" }) },
    request: list(),
    status: 200,
    body: page([]),
  },
  {
    title: "a revoked key is not listed",
    given: { account: account(), key: accountKey(), revoked: revokeKey },
    request: list(),
    status: 200,
    body: page([]),
  },
  {
    title: "the key of an archived account is listed without its name",
    given: { account: account(), archived: archiveAccount, key: accountKey() },
    request: list(),
    status: 200,
    body: page([
      secret({
        id: "{key.secret.id}",
        created_at: MICROSECOND_TIME,
        updated_at: MICROSECOND_TIME,
      }),
    ]),
  },
  {
    title: "the account's name follows a renaming",
    given: {
      account: account(),
      key: accountKey(),
      renamed: { method: "PUT", path: "/users/{account.id}", body: { name: "renamed" } },
    },
    request: list(),
    status: 200,
    body: page([listed({ service_account_name: "renamed" })]),
  },
  {
    title: "a key in another environment is not listed",
    emulatorOnly: "it takes a second environment",
    given: {
      account: account(),
      key: {
        ...accountKey(),
        as: { token: "{operator.accessToken}", environment: "{second.environmentId}" },
      },
    },
    request: list(),
    status: 200,
    body: page([]),
  },
  listing("newest first", "", [nth("three"), nth("two"), nth("one")], {
    total: 3,
    limit: 50,
    offset: 50,
  }),
  listing("a page", "&limit=1&offset=1", [nth("two")], { total: 3, limit: 1, offset: 2 }),
  listing("limit 0 is everything", "&limit=0", [nth("three"), nth("two"), nth("one")], {
    total: 3,
    limit: 0,
    offset: 0,
  }),
  listing("limit -1 is everything", "&limit=-1", [nth("three"), nth("two"), nth("one")], {
    total: 3,
    limit: -1,
    offset: -1,
  }),
  listing("limits are not capped", "&limit=1001", [nth("three"), nth("two"), nth("one")], {
    total: 3,
    limit: 1001,
    offset: 1001,
  }),
  listing("sorted by name", "&sort=name&order=asc", [nth("one"), nth("three"), nth("two")], {
    total: 3,
    limit: 50,
    offset: 50,
  }),
  listing("a bogus order is ascending", "&order=bogus", [nth("one"), nth("two"), nth("three")], {
    total: 3,
    limit: 50,
    offset: 50,
  }),
  listing("from a time on", "&start_time=2099-01-01T00:00:00Z", [], {
    total: 0,
    limit: 50,
    offset: 50,
  }),
  listing(
    "type, status, provider, prefix and expand are ignored",
    "&type=publishable_key&status=archived&provider=x&prefix=x&expand=x&limit=1",
    [nth("three")],
    { total: 3, limit: 1, offset: 1 },
  ),
  {
    title: "service_account_id is no filter",
    given: { account: account(), key: accountKey() },
    request: list("service_account_id=user_nope&limit=1"),
    status: 200,
    body: { items: [listed()], pagination: { total: COUNT, limit: 1, offset: 1 } },
  },
  {
    title: "an empty user_id finds nothing",
    given: { account: account(), key: accountKey() },
    request: list("user_id="),
    status: 200,
    body: page([]),
  },
  {
    title: "a limit in words",
    request: list("limit=abc"),
    status: 400,
    body: CHECK_QUERY,
  },
  {
    title: "a super_admin account sees its own keys only",
    given: {
      account: account({ roles: ["super_admin"] }),
      key: accountKey(),
      stranger: account(),
    },
    request: { ...list("user_id={stranger.id}"), as: { key: "{key.api_key}" } },
    status: 200,
    body: page([listed({ roles: ["super_admin"] })]),
  },
  {
    title: "all_reader sees none",
    emulatorOnly: "it takes a user with all_reader",
    given: { account: account(), key: accountKey() },
    request: {
      ...list(),
      as: { token: "{reader.accessToken}", environment: "{operator.environmentId}" },
    },
    status: 200,
    body: page([]),
  },
  {
    title: "by an event key",
    given: { account: account(), key: accountKey() },
    request: { ...list(), as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "there is no route to read one key",
    request: { method: "GET", path: "/secrets/api/keys/secret_nope" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor to change one",
    request: { method: "PUT", path: "/secrets/api/keys/secret_nope", body: {} },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor to search",
    request: { method: "POST", path: "/secrets/api/keys/search", body: {} },
    status: 404,
    body: NO_ROUTE,
  },
];

const notFound = (id: string) => failure("not_found", "Secret not found", { secret_id: id });

export const REVOKING_KEYS: ContractCase[] = [
  {
    title: "a private key",
    given: { account: account(), key: accountKey() },
    request: revokeKey,
    status: 204,
    body: EMPTY,
  },
  {
    title: "a publishable key",
    given: { account: account(), key: accountKey({ type: "publishable_key" }) },
    request: revokeKey,
    status: 204,
    body: EMPTY,
  },
  {
    title: "an expired key",
    given: { account: account(), key: accountKey({ expires_at: "2020-01-01T00:00:00Z" }) },
    request: revokeKey,
    status: 204,
    body: EMPTY,
  },
  {
    title: "a revoked key, again and again",
    given: { account: account(), key: accountKey(), once: revokeKey, twice: revokeKey },
    request: revokeKey,
    status: 204,
    body: EMPTY,
  },
  {
    title: "an unknown key",
    request: { method: "DELETE", path: "/secrets/api/keys/secret_nope" },
    status: 404,
    body: notFound("secret_nope"),
  },
  {
    title: "a key of another environment",
    emulatorOnly: "it takes a second environment",
    given: { account: account(), key: accountKey() },
    request: {
      ...revokeKey,
      as: { token: "{operator.accessToken}", environment: "{second.environmentId}" },
    },
    status: 404,
    body: notFound("{key.secret.id}"),
  },
  {
    title: "a key of another environment, with a pinned key and the header",
    emulatorOnly: "it takes a second environment",
    given: {
      account: account(),
      key: {
        ...accountKey(),
        as: { token: "{operator.accessToken}", environment: "{second.environmentId}" },
      },
    },
    request: {
      ...revokeKey,
      as: { key: "{operator.apiKey}" },
      headers: { "X-Environment-ID": "{second.environmentId}" },
    },
    status: 404,
    body: notFound("{key.secret.id}"),
  },
  {
    title: "a key of another tenant",
    emulatorOnly: "it takes a second tenant",
    request: { method: "DELETE", path: "/secrets/api/keys/{other.secretId}" },
    status: 404,
    body: notFound("{other.secretId}"),
  },
  {
    title: "somebody else's key, by a super_admin account",
    given: {
      account: account({ roles: ["super_admin"] }),
      own: accountKey(),
      key: key(),
    },
    request: { ...revokeKey, as: { key: "{own.api_key}" } },
    status: 403,
    body: ASK_TO_REVOKE,
  },
  {
    title: "somebody else's key, by all_writer",
    emulatorOnly: "it takes a user with all_writer",
    given: { account: account(), key: accountKey() },
    request: {
      ...revokeKey,
      as: { token: "{writer.accessToken}", environment: "{operator.environmentId}" },
    },
    status: 403,
    body: ASK_TO_REVOKE,
  },
  {
    title: "its own key, by a super_admin account",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: { ...revokeKey, as: { key: "{key.api_key}" } },
    status: 204,
    body: EMPTY,
  },
  {
    title: "its own key, by an event key",
    given: { account: account(), key: accountKey() },
    request: { ...revokeKey, as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "a revoked key that was never used is refused at once",
    given: { account: account(), key: accountKey(), revoked: revokeKey },
    request: { method: "GET", path: "/users/me", as: { key: "{key.api_key}" } },
    status: 401,
    body: UNAUTHORIZED,
  },
];
