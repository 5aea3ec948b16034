import {
  ADMIN_KEY,
  ARCHIVED,
  AS_KEY,
  AS_READER,
  AS_TOKEN,
  account,
  COUNT,
  type ContractCase,
  contractCase,
  EMPTY,
  EVENT_KEY,
  type Expected,
  failure,
  http,
  insufficient,
  noRoute,
  OPERATOR,
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
const NO_ITEMS = (limit: number) => ({ items: [], pagination: { total: 0, limit, offset: limit } });

/** `offset` as the server shows it: that of the request plus the limit. */
const pagination = (total: Expected, limit: number, offset = limit) => ({ total, limit, offset });

const found = (
  title: string,
  filter: Record<string, unknown>,
  items: Expected[],
  pagination: Expected,
): ContractCase => contractCase(title, search(filter), 200, { items, pagination }, TWO);

const panics = (title: string, filter: Record<string, unknown>): ContractCase =>
  contractCase(title, search(filter), 500, EMPTY);

const invalid = (title: string, filter: unknown): ContractCase =>
  contractCase(title, search(filter), 400, INVALID);

const LIST_FAILED = failure("database_error", "Failed to list users by filter", {
  tenant_id: "{operator.tenantId}",
});

export const SEARCHING_ACCOUNTS: ContractCase[] = [
  found(
    "newest first, and the offset shown is offset plus limit",
    { user_ids: BOTH, limit: 10 },
    [B, A],
    pagination(2, 10),
  ),
  found(
    "a second page of one account",
    { user_ids: BOTH, limit: 1, offset: 1 },
    [A],
    pagination(2, 1, 2),
  ),
  found(
    "a page beyond the end",
    { user_ids: BOTH, limit: 2, offset: 2000 },
    [],
    pagination(2, 2, 2002),
  ),
  found("only an offset of 0: limit 50", { user_ids: BOTH, offset: 0 }, [B, A], pagination(2, 50)),
  found(
    "only a status: limit 50",
    { user_ids: BOTH, status: "published" },
    [B, A],
    pagination(2, 50),
  ),
  found("limit 0 is limit 50", { user_ids: BOTH, limit: 0 }, [B, A], pagination(2, 50)),
  found(
    "limits are not capped",
    { user_ids: BOTH, limit: 100_000 },
    [B, A],
    pagination(2, 100_000),
  ),
  found(
    "sorted by creation",
    { user_ids: BOTH, limit: 2, sort: [{ field: "created_at", direction: "asc" }] },
    [A, B],
    pagination(2, 2),
  ),
  found(
    "repeated and unknown ids",
    { user_ids: ["{a.id}", "user_nope", "{a.id}"], limit: 5 },
    [A],
    pagination(1, 5),
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
    pagination(2, 2),
  ),
  contractCase(
    "an empty list of ids does not filter",
    search({ user_ids: [], limit: 2 }),
    200,
    { items: [B, A], pagination: pagination(COUNT, 2) },
    TWO,
  ),
  contractCase(
    "an unknown type finds nothing",
    search({ user_ids: BOTH, type: "bogus", limit: 1 }),
    200,
    NO_ITEMS(1),
    TWO,
  ),
  contractCase(
    "a normal user is not found by default",
    search({ user_ids: ["{operator.userId}"], limit: 1 }),
    200,
    NO_ITEMS(1),
  ),
  contractCase(
    "a normal user is found by its type",
    search({ user_ids: ["{operator.userId}"], type: "user", limit: 1 }),
    200,
    {
      items: [OPERATOR],
      pagination: pagination(1, 1),
    },
  ),
  contractCase(
    "an empty type finds both",
    search({ user_ids: ["{a.id}", "{operator.userId}"], type: "", limit: 0, offset: 1 }),
    200,
    {
      items: [OPERATOR],
      pagination: pagination(2, 50, 51),
    },
    { a: account({ name: "a" }) },
  ),
  contractCase(
    "an archived account is not found",
    search({ user_ids: ["{account.id}"], limit: 1 }),
    200,
    NO_ITEMS(1),
    ARCHIVED,
  ),
  contractCase(
    "an archived account is not found by its status",
    search({ user_ids: ["{account.id}"], status: "archived", limit: 1 }),
    200,
    NO_ITEMS(1),
    ARCHIVED,
  ),
  contractCase(
    "an account of another tenant is not found",
    search({ user_ids: ["{other.accountId}"], limit: 1 }),
    200,
    NO_ITEMS(1),
  ),
  panics("an empty filter panics", {}),
  panics("ids and type alone panic", { user_ids: ["user_nope"], type: "service_account" }),
  panics("sort, roles and filters do not prevent the panic", {
    sort: [{ field: "created_at", direction: "asc" }],
    roles: ["event_reader"],
    filters: [],
    start_time: "2030-01-01T00:00:00Z",
  }),
  contractCase(
    "a limit in the query does not prevent the panic",
    http("POST /users/search?limit=5", { body: {} }),
    500,
    EMPTY,
  ),
  invalid("an empty body", ""),
  invalid("a limit in quotes", { limit: "10" }),
  invalid("a sort in words", { limit: 1, sort: "created_at" }),
  contractCase("limit -1", search({ limit: -1 }), 500, LIST_FAILED),
  contractCase("offset -1", search({ offset: -1 }), 500, LIST_FAILED),
  contractCase(
    "65532 ids",
    search({ user_ids: Array(65_532).fill("user_nope"), type: "service_account", limit: 1 }),
    200,
    NO_ITEMS(1),
  ),
  contractCase(
    "65533 ids, more parameters than the database accepts",
    search({ user_ids: Array(65_533).fill("user_nope"), type: "service_account", limit: 1 }),
    500,
    failure("database_error", "Failed to count users", { tenant_id: "{operator.tenantId}" }),
  ),
  contractCase(
    "an id with NUL",
    search({ user_ids: ["a\0b"], limit: 1 }),
    500,
    failure("database_error", "Failed to count users", { tenant_id: "{operator.tenantId}" }),
  ),
  noRoute("GET", http("GET /users/search")),
  insufficient("with an event key", { ...search({ limit: 1 }), as: AS_KEY }, EVENT_KEY),
  contractCase(
    "with the key of a super_admin account",
    { ...search({ user_ids: ["{account.id}"], limit: 1 }), as: AS_KEY },
    200,
    { items: [item("{account.id}", { roles: ["super_admin"] })], pagination: pagination(1, 1) },
    ADMIN_KEY,
  ),
  contractCase(
    "with all_reader",
    { ...search({ user_ids: ["user_nope"], limit: 1 }), as: AS_READER },
    200,
    NO_ITEMS(1),
  ),
  contractCase(
    "with a token without an environment",
    { ...search({ user_ids: ["user_nope"], limit: 1 }), as: AS_TOKEN },
    200,
    NO_ITEMS(1),
  ),
];
