import {
  account,
  accountKey,
  archiveAccount,
  type ContractCase,
  EMPTY,
  type Expected,
  failure,
  INSUFFICIENT,
  key,
  NO_ROUTE,
  revokeKey,
  search,
  TENANT,
  USER_ID,
} from "../case";

const created = (fields: Record<string, unknown> = {}): Expected => ({
  id: USER_ID,
  name: "ci-bot",
  type: "service_account",
  roles: ["event_ingestor"],
  tenant: TENANT,
  ...fields,
});

const unnamed = { id: USER_ID, type: "service_account", roles: ["event_ingestor"], tenant: TENANT };

const MALFORMED = failure(
  "validation_error",
  "Invalid request. For user: type and email required. For service_account: type and roles required.",
);
const NEEDS_ROLES = failure("validation_error", "Service accounts require role assignment");
const ONLY_SUPER_ADMIN = failure(
  "validation_error",
  "When super_admin is selected, no other roles need to be assigned",
);
const unknownRole = (role: string) =>
  failure("validation_error", `Role '${role}' does not exist`, { role });
const notForAccounts = (role: string) =>
  failure("validation_error", `Role '${role}' cannot be assigned to a 'service_account' account`, {
    allowed_roles: ["super_admin", "event_ingestor", "event_reader"],
    role,
    user_type: "service_account",
  });
const NAME_TOO_LONG = failure("database_error", "Failed to create user", {
  email: "",
  tenant_id: "{operator.tenantId}",
  user_id: USER_ID,
});

const create = (body: unknown) => ({ method: "POST", path: "/users", body });

const accepted = (
  title: string,
  fields: Record<string, unknown>,
  body: Expected,
): ContractCase => ({
  title,
  request: account(fields),
  status: 201,
  body,
});

const refused = (title: string, fields: Record<string, unknown>, body: Expected): ContractCase => ({
  title,
  request: account(fields),
  status: 400,
  body,
});

const malformed = (title: string, body: unknown): ContractCase => ({
  title,
  request: create(body),
  status: 400,
  body: MALFORMED,
});

const unstorable = (title: string, name: string): ContractCase => ({
  title,
  request: account({ name }),
  status: 500,
  body: NAME_TOO_LONG,
});

export const CREATING_ACCOUNTS: ContractCase[] = [
  accepted("an account with one role", {}, created()),
  accepted(
    "two roles keep their order",
    { roles: ["event_reader", "event_ingestor"] },
    created({ roles: ["event_reader", "event_ingestor"] }),
  ),
  accepted(
    "a role given twice is stored twice",
    { roles: ["event_ingestor", "event_ingestor"] },
    created({ roles: ["event_ingestor", "event_ingestor"] }),
  ),
  accepted("super_admin alone", { roles: ["super_admin"] }, created({ roles: ["super_admin"] })),
  refused("no roles", { roles: [] }, NEEDS_ROLES),
  refused("roles null", { roles: null }, NEEDS_ROLES),
  {
    title: "roles missing",
    request: create({ type: "service_account", name: "ci-bot" }),
    status: 400,
    body: NEEDS_ROLES,
  },
  refused("an empty role", { roles: [""] }, unknownRole("")),
  refused("an unknown role", { roles: ["custom_role"] }, unknownRole("custom_role")),
  refused(
    "super_admin with another role",
    { roles: ["super_admin", "event_ingestor"] },
    ONLY_SUPER_ADMIN,
  ),
  refused("super_admin twice", { roles: ["super_admin", "super_admin"] }, ONLY_SUPER_ADMIN),
  refused("all_reader", { roles: ["all_reader"] }, notForAccounts("all_reader")),
  refused("all_writer", { roles: ["all_writer"] }, notForAccounts("all_writer")),
  malformed("roles as a string", { type: "service_account", roles: "event_reader" }),
  malformed("bad JSON", '{"type":'),
  malformed("an empty body", ""),
  malformed("an array", []),
  malformed("no type", { name: "ci-bot", roles: ["event_ingestor"] }),
  refused(
    "email on an account",
    { email: "a@b.co" },
    failure("validation_error", "Omit email when creating a service account"),
  ),
  accepted("an empty email", { email: "" }, created()),
  refused(
    "an invalid email",
    { email: "nope" },
    failure("validation_error", "Request validation failed", {
      Email:
        "Key: 'CreateUserRequest.Email' Error:Field validation for 'Email' failed on the 'email' tag",
    }),
  ),
  refused(
    "an unknown type",
    { type: "robot" },
    failure("validation_error", "User type must be 'user' or 'service_account'"),
  ),
  accepted(
    "unknown fields and metadata are ignored",
    { foo: 1, id: "user_mine", tenant_id: "tenant_mine", metadata: { a: "b" } },
    created(),
  ),
  accepted("an empty name is left out", { name: "" }, unnamed),
  accepted("a null name is left out", { name: null }, unnamed),
  {
    title: "a missing name is left out",
    request: create({ type: "service_account", roles: ["event_ingestor"] }),
    status: 201,
    body: unnamed,
  },
  accepted("a blank name", { name: "   " }, created({ name: "   " })),
  accepted("a name with newline and tab", { name: "a\n\tb" }, created({ name: "a\n\tb" })),
  accepted("a name with an emoji", { name: "ci 🤖 ü" }, created({ name: "ci 🤖 ü" })),
  accepted("a name with markup", { name: "<b>&</b>" }, created({ name: "<b>&</b>" })),
  accepted(
    "a name of 255 characters",
    { name: "x".repeat(255) },
    created({ name: "x".repeat(255) }),
  ),
  accepted(
    "a name of 255 characters and 510 bytes",
    { name: "é".repeat(255) },
    created({ name: "é".repeat(255) }),
  ),
  unstorable("a name of 256 characters", "x".repeat(256)),
  unstorable("a name of 5000 characters", "x".repeat(5000)),
  unstorable("a name with NUL", "a\0b"),
  {
    title: "names are not unique, and Idempotency-Key is ignored",
    given: { account: { ...account(), headers: { "Idempotency-Key": "one" } } },
    request: { ...account(), headers: { "Idempotency-Key": "one" } },
    status: 201,
    body: created(),
  },
  {
    title: "the content type does not matter",
    request: { ...account(), headers: { "Content-Type": "text/plain" } },
    status: 201,
    body: created(),
  },
  {
    title: "what follows the object is not read",
    request: create(
      '{"type":"service_account","name":"ci-bot","roles":["event_ingestor"]} trailing',
    ),
    status: 201,
    body: created(),
  },
  {
    title: "a body of 20 MB",
    request: account({ padding: "x".repeat(20_000_000) }),
    status: 201,
    body: created(),
  },
  {
    title: "a service account with super_admin makes accounts",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: { ...account(), as: { key: "{key.api_key}" } },
    status: 201,
    body: created(),
  },
  {
    title: "an event key makes no accounts",
    given: { account: account(), key: accountKey() },
    request: { ...account(), as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "all_writer grants what it holds",
    emulatorOnly: "it takes a user with all_writer",
    request: { ...account(), as: { token: "{writer.accessToken}" } },
    status: 201,
    body: created(),
  },
  {
    title: "all_writer does not grant super_admin",
    emulatorOnly: "it takes a user with all_writer",
    request: { ...account({ roles: ["super_admin"] }), as: { token: "{writer.accessToken}" } },
    status: 403,
    body: failure(
      "permission_denied",
      "Role 'super_admin' grants '*' on '*', which you do not have",
      {
        action: "*",
        caller_roles: ["all_writer"],
        entity: "*",
        role: "super_admin",
      },
    ),
  },
  {
    title: "all_reader makes no accounts",
    emulatorOnly: "it takes a user with all_reader",
    request: { ...account(), as: { token: "{reader.accessToken}" } },
    status: 403,
    body: INSUFFICIENT,
  },
];

const rename = (body: unknown, id = "{account.id}") => ({
  method: "PUT",
  path: `/users/${id}`,
  body,
});
const INVALID_BODY = failure("validation_error", "Invalid request body");
const userNotFound = (id: string) =>
  failure("not_found", "User not found", { tenant_id: "{operator.tenantId}", user_id: id });

const renamed = (
  title: string,
  body: { name: string } & Record<string, unknown>,
): ContractCase => ({
  title,
  given: { account: account() },
  request: rename(body),
  status: 200,
  body: created({ id: "{account.id}", name: body.name }),
});

const notRenamed = (title: string, body: unknown): ContractCase => ({
  title,
  given: { account: account() },
  request: rename(body),
  status: 400,
  body: INVALID_BODY,
});

export const READING_AND_RENAMING_ACCOUNTS: ContractCase[] = [
  {
    title: "there is no route to one account",
    given: { account: account() },
    request: { method: "GET", path: "/users/{account.id}" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor without a credential",
    request: { method: "GET", path: "/users/user_nope", as: "nobody" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor to a list",
    request: { method: "GET", path: "/users" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor with POST",
    request: { method: "POST", path: "/users/user_nope", body: {} },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "nor with PATCH",
    request: { method: "PATCH", path: "/users/user_nope", body: {} },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "an account's key reads the account",
    given: { account: account(), key: accountKey() },
    request: { method: "GET", path: "/users/me", as: { key: "{key.api_key}" } },
    status: 200,
    body: created({ id: "{account.id}" }),
  },
  {
    title: "a token reads its user, without an environment",
    request: { method: "GET", path: "/users/me", as: { token: "{operator.accessToken}" } },
    status: 200,
    body: {
      id: "{operator.userId}",
      email: "{operator.email}",
      type: "user",
      roles: ["super_admin"],
      tenant: TENANT,
    },
  },
  renamed("an account gets a new name", { name: "renamed" }),
  renamed("the same name again", { name: "ci-bot" }),
  renamed("a blank name is allowed", { name: "   " }),
  renamed("everything but the name is ignored", {
    name: "renamed",
    roles: ["super_admin"],
    type: "user",
    email: "a@b.co",
    metadata: { a: "b" },
    status: "archived",
  }),
  notRenamed("an empty new name", { name: "" }),
  notRenamed("no new name", {}),
  notRenamed("a null as new name", { name: null }),
  notRenamed("a number as new name", { name: 7 }),
  notRenamed("bad JSON on renaming", "{"),
  {
    title: "a new name of 300 characters",
    given: { account: account() },
    request: rename({ name: "x".repeat(300) }),
    status: 500,
    body: failure("database_error", "Failed to update user", {
      tenant_id: "{operator.tenantId}",
      user_id: "{account.id}",
    }),
  },
  {
    title: "renaming an unknown account",
    request: rename({ name: "renamed" }, "user_nope"),
    status: 404,
    body: userNotFound("user_nope"),
  },
  {
    title: "renaming an account of another tenant",
    emulatorOnly: "it takes a second tenant",
    request: rename({ name: "renamed" }, "{other.userId}"),
    status: 404,
    body: userNotFound("{other.userId}"),
  },
  {
    title: "renaming an archived account",
    given: { account: account(), archived: archiveAccount },
    request: rename({ name: "renamed" }),
    status: 400,
    body: failure("validation_error", "Archived service accounts cannot be updated", {
      id: "{account.id}",
    }),
  },
  {
    title: "renaming a normal user",
    request: rename({ name: "renamed" }, "{operator.userId}"),
    status: 404,
    body: failure("not_found", "The provided ID does not belong to a service account", {
      id: "{operator.userId}",
    }),
  },
  {
    title: "an event key renames nothing, not even itself",
    given: { account: account(), key: accountKey() },
    request: { ...rename({ name: "renamed" }), as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "all_writer renames",
    emulatorOnly: "it takes a user with all_writer",
    given: { account: account() },
    request: { ...rename({ name: "renamed" }), as: { token: "{writer.accessToken}" } },
    status: 200,
    body: created({ id: "{account.id}", name: "renamed" }),
  },
  {
    title: "the roles of an account are fixed",
    given: { account: account() },
    request: {
      method: "PUT",
      path: "/users/{account.id}/roles",
      body: { roles: ["event_reader"] },
    },
    status: 400,
    body: failure(
      "validation_error",
      "Service account roles are fixed at creation and cannot be changed",
      { id: "{account.id}", type: "service_account" },
    ),
  },
  {
    title: "only a person may change roles",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: {
      method: "PUT",
      path: "/users/{account.id}/roles",
      body: { roles: ["event_reader"] },
      as: { key: "{key.api_key}" },
    },
    status: 403,
    body: { message: "This action requires a user account with Super Admin access" },
  },
  {
    title: "a super_admin account sets its own name and metadata",
    given: { account: account({ roles: ["super_admin"] }), key: accountKey() },
    request: {
      method: "PUT",
      path: "/users/me",
      body: { name: "self-made", metadata: { team: "billing" } },
      as: { key: "{key.api_key}" },
    },
    status: 200,
    body: created({
      id: "{account.id}",
      name: "self-made",
      roles: ["super_admin"],
      metadata: { team: "billing" },
    }),
  },
  {
    title: "and the metadata shows in the search",
    given: {
      account: account({ roles: ["super_admin"] }),
      key: accountKey(),
      self: {
        method: "PUT",
        path: "/users/me",
        body: { metadata: { team: "billing" } },
        as: { key: "{key.api_key}" },
      },
    },
    request: search({ user_ids: ["{account.id}"], limit: 1 }),
    status: 200,
    body: {
      items: [
        created({ id: "{account.id}", roles: ["super_admin"], metadata: { team: "billing" } }),
      ],
      pagination: { total: 1, limit: 1, offset: 1 },
    },
  },
];

const REVOKE_FIRST = failure(
  "validation_error",
  "Revoke all API keys before archiving this service account",
);
const LONG_AGO = "2020-01-01T00:00:00Z";

export const ARCHIVING_ACCOUNTS: ContractCase[] = [
  {
    title: "an account without keys",
    given: { account: account() },
    request: archiveAccount,
    status: 204,
    body: EMPTY,
  },
  {
    title: "an account with a private key",
    given: { account: account(), key: accountKey() },
    request: archiveAccount,
    status: 400,
    body: REVOKE_FIRST,
  },
  {
    title: "an account with a publishable key",
    given: { account: account(), key: accountKey({ type: "publishable_key" }) },
    request: archiveAccount,
    status: 400,
    body: REVOKE_FIRST,
  },
  {
    title: "an account with a key in another environment",
    emulatorOnly: "it takes a second environment",
    given: {
      account: account(),
      key: {
        ...accountKey(),
        as: { token: "{operator.accessToken}", environment: "{second.environmentId}" },
      },
    },
    request: archiveAccount,
    status: 400,
    body: REVOKE_FIRST,
  },
  {
    title: "an account whose key has expired",
    given: { account: account(), key: accountKey({ expires_at: LONG_AGO }) },
    request: archiveAccount,
    status: 204,
    body: EMPTY,
  },
  {
    title: "an account whose key was revoked",
    given: { account: account(), key: accountKey(), revoked: revokeKey },
    request: archiveAccount,
    status: 204,
    body: EMPTY,
  },
  {
    title: "an account that is archived already",
    given: { account: account(), archived: archiveAccount },
    request: archiveAccount,
    status: 404,
    body: failure("not_found", "User not found or already archived", {
      tenant_id: "{operator.tenantId}",
      user_id: "{account.id}",
    }),
  },
  {
    title: "an archived account that got a key since",
    given: { account: account(), archived: archiveAccount, key: accountKey() },
    request: archiveAccount,
    status: 400,
    body: REVOKE_FIRST,
  },
  {
    title: "an unknown account",
    request: { method: "DELETE", path: "/users/user_nope" },
    status: 404,
    body: userNotFound("user_nope"),
  },
  {
    title: "a normal user",
    request: { method: "DELETE", path: "/users/{operator.userId}" },
    status: 400,
    body: failure("validation_error", "Deletion is supported for service accounts only"),
  },
  {
    title: "by an event key",
    given: { account: account(), key: accountKey() },
    request: { ...archiveAccount, as: { key: "{key.api_key}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "by all_reader",
    emulatorOnly: "it takes a user with all_reader",
    given: { account: account() },
    request: { ...archiveAccount, as: { token: "{reader.accessToken}" } },
    status: 403,
    body: INSUFFICIENT,
  },
  {
    title: "by all_writer",
    emulatorOnly: "it takes a user with all_writer",
    given: { account: account() },
    request: { ...archiveAccount, as: { token: "{writer.accessToken}" } },
    status: 204,
    body: EMPTY,
  },
  {
    title: "without an id",
    request: { method: "DELETE", path: "/users/" },
    status: 404,
    body: NO_ROUTE,
  },
  {
    title: "inviting a user counts service accounts, and stops at ten",
    emulatorOnly: "on a real server it would invite somebody, or fail by what else is there",
    given: Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`account${i}`, account({ name: `bot ${i}` })]),
    ),
    request: {
      method: "POST",
      path: "/users",
      body: { type: "user", email: "new@example.com", roles: ["all_reader"] },
    },
    status: 400,
    body: failure(
      "validation_error",
      "Maximum 10 user(s) allowed for this tenant. Limit reached.",
      { current_active_users: 13, max_users: 10 },
    ),
  },
  {
    title: "a key of the caller does not come in the way of anything else",
    given: { account: account(), key: key() },
    request: archiveAccount,
    status: 204,
    body: EMPTY,
  },
];
