import {
  account,
  accountKey,
  archiveAccount,
  COUNT,
  type ContractCase,
  EMPTY,
  type Expected,
  failure,
  INSUFFICIENT,
  NO_ROUTE,
  search,
  TENANT,
} from "../case";

const item = (id: string, fields: Record<string, unknown> = {}): Expected => ({
  id,
  name: "ci-bot",
  type: "service_account",
  roles: ["event_ingestor"],
  tenant: TENANT,
  ...fields,
});

const A = item("{a.id}", { name: "a" });
const B = item("{b.id}", { name: "b", roles: ["event_reader"] });
const TWO = { a: account({ name: "a" }), b: account({ name: "b", roles: ["event_reader"] }) };
const BOTH = ["{a.id}", "{b.id}"];

const INVALID = failure("validation_error", "Invalid filter parameters");
const NO_ITEMS = (limit: number) => ({
  items: [],
  pagination: { total: 0, limit, offset: limit },
});

const found = (
  title: string,
  filter: Record<string, unknown>,
  items: Expected[],
  pagination: Record<string, unknown>,
): ContractCase => ({
  title,
  given: TWO,
  request: search(filter),
  status: 200,
  body: { items, pagination },
});

const panics = (title: string, filter: Record<string, unknown>): ContractCase => ({
  title,
  request: search(filter),
  status: 500,
  body: EMPTY,
});

const invalid = (title: string, filter: unknown): ContractCase => ({
  title,
  request: search(filter),
  status: 400,
  body: INVALID,
});

const LIST_FAILED = failure("database_error", "Failed to list users by filter", {
  tenant_id: "{operator.tenantId}",
});

export const SEARCHING_ACCOUNTS: ContractCase[] = [
  found(
    "newest first, and the offset shown is offset plus limit",
    { user_ids: BOTH, limit: 10 },
    [B, A],
    {
      total: 2,
      limit: 10,
      offset: 10,
    },
  ),
  found("the second page of one", { user_ids: BOTH, limit: 1, offset: 1 }, [A], {
    total: 2,
    limit: 1,
    offset: 2,
  }),
  found("a page behind the end", { user_ids: BOTH, limit: 2, offset: 2000 }, [], {
    total: 2,
    limit: 2,
    offset: 2002,
  }),
  found("only an offset of 0: limit 50", { user_ids: BOTH, offset: 0 }, [B, A], {
    total: 2,
    limit: 50,
    offset: 50,
  }),
  found("only a status: limit 50", { user_ids: BOTH, status: "published" }, [B, A], {
    total: 2,
    limit: 50,
    offset: 50,
  }),
  found("limit 0 is limit 50", { user_ids: BOTH, limit: 0 }, [B, A], {
    total: 2,
    limit: 50,
    offset: 50,
  }),
  found("limits are not capped", { user_ids: BOTH, limit: 100_000 }, [B, A], {
    total: 2,
    limit: 100_000,
    offset: 100_000,
  }),
  found(
    "sorted by creation",
    { user_ids: BOTH, limit: 2, sort: [{ field: "created_at", direction: "asc" }] },
    [A, B],
    {
      total: 2,
      limit: 2,
      offset: 2,
    },
  ),
  found(
    "repeated and unknown ids",
    { user_ids: ["{a.id}", "user_nope", "{a.id}"], limit: 5 },
    [A],
    {
      total: 1,
      limit: 5,
      offset: 5,
    },
  ),
  found(
    "roles, filters, times and order are ignored",
    {
      user_ids: BOTH,
      limit: 2,
      roles: ["event_ingestor"],
      filters: [{ field: "name", operator: "eq", data_type: "string", value: { string: "a" } }],
      start_time: "2030-01-01T00:00:00Z",
      order: "asc",
    },
    [B, A],
    { total: 2, limit: 2, offset: 2 },
  ),
  {
    title: "no ids is no filter",
    given: TWO,
    request: search({ user_ids: [], limit: 2 }),
    status: 200,
    body: { items: [B, A], pagination: { total: COUNT, limit: 2, offset: 2 } },
  },
  {
    title: "an unknown type finds nothing",
    given: TWO,
    request: search({ user_ids: BOTH, type: "bogus", limit: 1 }),
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "a normal user is not found by default",
    request: search({ user_ids: ["{operator.userId}"], limit: 1 }),
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "but with its type",
    request: search({ user_ids: ["{operator.userId}"], type: "user", limit: 1 }),
    status: 200,
    body: {
      items: [
        {
          id: "{operator.userId}",
          email: "{operator.email}",
          type: "user",
          roles: ["super_admin"],
          tenant: TENANT,
        },
      ],
      pagination: { total: 1, limit: 1, offset: 1 },
    },
  },
  {
    title: "an empty type finds both",
    given: { a: account({ name: "a" }) },
    request: search({ user_ids: ["{a.id}", "{operator.userId}"], type: "", limit: 0, offset: 1 }),
    status: 200,
    body: {
      items: [
        {
          id: "{operator.userId}",
          email: "{operator.email}",
          type: "user",
          roles: ["super_admin"],
          tenant: TENANT,
        },
      ],
      pagination: { total: 2, limit: 50, offset: 51 },
    },
  },
  {
    title: "an archived account is not found",
    given: { account: account(), archived: archiveAccount },
    request: search({ user_ids: ["{account.id}"], limit: 1 }),
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "not even by its status",
    given: { account: account(), archived: archiveAccount },
    request: search({ user_ids: ["{account.id}"], status: "archived", limit: 1 }),
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "an account of another tenant is not found",
    emulatorOnly: "it takes a second tenant",
    request: search({ user_ids: ["{other.accountId}"], limit: 1 }),
    status: 200,
    body: NO_ITEMS(1),
  },
  panics("an empty filter panics", {}),
  panics("ids and type alone panic", { user_ids: ["user_nope"], type: "service_account" }),
  panics("sort, roles and filters do not save it", {
    sort: [{ field: "created_at", direction: "asc" }],
    roles: ["event_reader"],
    filters: [],
    start_time: "2030-01-01T00:00:00Z",
  }),
  {
    title: "nor does a limit in the query",
    request: { method: "POST", path: "/users/search?limit=5", body: {} },
    status: 500,
    body: EMPTY,
  },
  invalid("an empty body", ""),
  invalid("a limit in quotes", { limit: "10" }),
  invalid("a sort in words", { limit: 1, sort: "created_at" }),
  {
    title: "limit -1",
    request: search({ limit: -1 }),
    status: 500,
    body: LIST_FAILED,
  },
  {
    title: "offset -1",
    request: search({ offset: -1 }),
    status: 500,
    body: LIST_FAILED,
  },
  {
    title: "65532 ids",
    request: search({
      user_ids: Array(65_532).fill("user_nope"),
      type: "service_account",
      limit: 1,
    }),
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "65533 ids are more parameters than the database takes",
    request: search({
      user_ids: Array(65_533).fill("user_nope"),
      type: "service_account",
      limit: 1,
    }),
    status: 500,
    body: failure("database_error", "Failed to count users", {
      tenant_id: "{operator.tenantId}",
    }),
  },
  {
    title: "an id with NUL",
    request: search({ user_ids: ["a\0b"], limit: 1 }),
    status: 500,
    body: failure("database_error", "Failed to count users", {
      tenant_id: "{operator.tenantId}",
    }),
  },
  { title: "GET", request: { method: "GET", path: "/users/search" }, status: 404, body: NO_ROUTE },
  {
    title: "by an event key",
    given: { account: account(), key: accountKey() },
    request: { ...search({ limit: 1 }), as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "by a super_admin account",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: { ...search({ user_ids: ["{account.id}"], limit: 1 }), as: { key: "{key.api_key}" } },
    status: 200,
    body: {
      items: [item("{account.id}", { roles: ["super_admin"] })],
      pagination: { total: 1, limit: 1, offset: 1 },
    },
  },
  {
    title: "by all_reader",
    emulatorOnly: "it takes a user with all_reader",
    request: {
      ...search({ user_ids: ["user_nope"], limit: 1 }),
      as: { token: "{reader.accessToken}" },
    },
    status: 200,
    body: NO_ITEMS(1),
  },
  {
    title: "by a token without an environment",
    request: {
      ...search({ user_ids: ["user_nope"], limit: 1 }),
      as: { token: "{operator.accessToken}" },
    },
    status: 200,
    body: NO_ITEMS(1),
  },
];
