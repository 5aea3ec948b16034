import {
  ACCOUNT_ONLY,
  ADMIN_KEY,
  ARCHIVED,
  AS_KEY,
  AS_READER,
  AS_SECOND,
  AS_TOKEN,
  AS_WRITER,
  account,
  accountKey,
  archiveAccount,
  type ContractCase,
  contractCase,
  EVENT_KEY,
  type Expected,
  failure,
  http,
  insufficient,
  key,
  noContent,
  noRoute,
  OPERATOR,
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

const create = (body: unknown) => http("POST /users", { body });

const accepted = (title: string, fields: Record<string, unknown>, body: Expected): ContractCase =>
  contractCase(title, account(fields), 201, body);

/** A name that the server stores unchanged. */
const named = (title: string, name: string): ContractCase =>
  accepted(title, { name }, created({ name }));

const refused = (title: string, fields: Record<string, unknown>, body: Expected): ContractCase =>
  contractCase(title, account(fields), 400, body);

const malformed = (title: string, body: unknown): ContractCase =>
  contractCase(title, create(body), 400, MALFORMED);

const unstorable = (title: string, name: string): ContractCase =>
  contractCase(title, account({ name }), 500, NAME_TOO_LONG);

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
  contractCase(
    "roles missing",
    create({ type: "service_account", name: "ci-bot" }),
    400,
    NEEDS_ROLES,
  ),
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
  contractCase(
    "a missing name is left out",
    create({ type: "service_account", roles: ["event_ingestor"] }),
    201,
    unnamed,
  ),
  named("a blank name", "   "),
  named("a name with newline and tab", "a\n\tb"),
  named("a name with an emoji", "ci 🤖 ü"),
  named("a name with markup", "<b>&</b>"),
  named("a name of 255 characters", "x".repeat(255)),
  named("a name of 255 characters and 510 bytes", "é".repeat(255)),
  unstorable("a name of 256 characters", "x".repeat(256)),
  unstorable("a name of 5000 characters", "x".repeat(5000)),
  unstorable("a name with NUL", "a\0b"),
  contractCase(
    "names are not unique, and Idempotency-Key is ignored",
    { ...account(), headers: { "Idempotency-Key": "one" } },
    201,
    created(),
    { account: { ...account(), headers: { "Idempotency-Key": "one" } } },
  ),
  contractCase(
    "the content type does not matter",
    { ...account(), headers: { "Content-Type": "text/plain" } },
    201,
    created(),
  ),
  contractCase(
    "data after the object is ignored",
    create('{"type":"service_account","name":"ci-bot","roles":["event_ingestor"]} trailing'),
    201,
    created(),
  ),
  contractCase("a body of 20 MB", account({ padding: "x".repeat(20_000_000) }), 201, created()),
  contractCase(
    "a service account with super_admin creates an account",
    { ...account(), as: AS_KEY },
    201,
    created(),
    ADMIN_KEY,
  ),
  insufficient("an event key creates an account", { ...account(), as: AS_KEY }, EVENT_KEY),
  contractCase(
    "all_writer grants a role that it covers",
    { ...account(), as: AS_WRITER },
    201,
    created(),
  ),
  contractCase(
    "all_writer grants super_admin",
    { ...account({ roles: ["super_admin"] }), as: AS_WRITER },
    403,
    failure("permission_denied", "Role 'super_admin' grants '*' on '*', which you do not have", {
      action: "*",
      caller_roles: ["all_writer"],
      entity: "*",
      role: "super_admin",
    }),
  ),
  insufficient("all_reader creates an account", { ...account(), as: AS_READER }),
];

const rename = (body: unknown, id = "{account.id}") => http(`PUT /users/${id}`, { body });
const INVALID_BODY = failure("validation_error", "Invalid request body");
const userNotFound = (id: string) =>
  failure("not_found", "User not found", { tenant_id: "{operator.tenantId}", user_id: id });

const renamed = (title: string, body: { name: string } & Record<string, unknown>): ContractCase =>
  contractCase(
    title,
    rename(body),
    200,
    created({ id: "{account.id}", name: body.name }),
    ACCOUNT_ONLY,
  );

const notRenamed = (title: string, body: unknown): ContractCase =>
  contractCase(title, rename(body), 400, INVALID_BODY, ACCOUNT_ONLY);

export const READING_AND_RENAMING_ACCOUNTS: ContractCase[] = [
  noRoute("there is no route to one account", http("GET /users/{account.id}"), ACCOUNT_ONLY),
  noRoute(
    "there is no route to an account without a credential",
    http("GET /users/user_nope", { as: "nobody" }),
  ),
  noRoute("there is no route to list accounts", http("GET /users")),
  noRoute("there is no route to an account with POST", http("POST /users/user_nope", { body: {} })),
  noRoute(
    "there is no route to an account with PATCH",
    http("PATCH /users/user_nope", { body: {} }),
  ),
  contractCase(
    "an account's key reads the account",
    http("GET /users/me", { as: AS_KEY }),
    200,
    created({ id: "{account.id}" }),
    EVENT_KEY,
  ),
  contractCase(
    "a token reads its user, without an environment",
    http("GET /users/me", { as: AS_TOKEN }),
    200,
    OPERATOR,
  ),
  renamed("an account gets a new name", { name: "renamed" }),
  renamed("the same name again", { name: "ci-bot" }),
  renamed("a blank name is allowed", { name: "   " }),
  renamed("everything except the name is ignored", {
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
  contractCase(
    "a new name of 300 characters",
    rename({ name: "x".repeat(300) }),
    500,
    failure("database_error", "Failed to update user", {
      tenant_id: "{operator.tenantId}",
      user_id: "{account.id}",
    }),
    ACCOUNT_ONLY,
  ),
  contractCase(
    "renaming an unknown account",
    rename({ name: "renamed" }, "user_nope"),
    404,
    userNotFound("user_nope"),
  ),
  contractCase(
    "renaming an account of another tenant",
    rename({ name: "renamed" }, "{other.userId}"),
    404,
    userNotFound("{other.userId}"),
  ),
  contractCase(
    "renaming an archived account",
    rename({ name: "renamed" }),
    400,
    failure("validation_error", "Archived service accounts cannot be updated", {
      id: "{account.id}",
    }),
    ARCHIVED,
  ),
  contractCase(
    "renaming a normal user",
    rename({ name: "renamed" }, "{operator.userId}"),
    404,
    failure("not_found", "The provided ID does not belong to a service account", {
      id: "{operator.userId}",
    }),
  ),
  insufficient(
    "an event key renames its own account",
    { ...rename({ name: "renamed" }), as: AS_KEY },
    EVENT_KEY,
  ),
  contractCase(
    "all_writer renames an account",
    { ...rename({ name: "renamed" }), as: AS_WRITER },
    200,
    created({ id: "{account.id}", name: "renamed" }),
    ACCOUNT_ONLY,
  ),
  contractCase(
    "the roles of an account are fixed",
    http("PUT /users/{account.id}/roles", { body: { roles: ["event_reader"] } }),
    400,
    failure(
      "validation_error",
      "Service account roles are fixed at creation and cannot be changed",
      { id: "{account.id}", type: "service_account" },
    ),
    ACCOUNT_ONLY,
  ),
  contractCase(
    "only a person may change roles",
    http("PUT /users/{account.id}/roles", { body: { roles: ["event_reader"] }, as: AS_KEY }),
    403,
    { message: "This action requires a user account with Super Admin access" },
    ADMIN_KEY,
  ),
  contractCase(
    "a super_admin account sets its own name and metadata",
    http("PUT /users/me", {
      body: { name: "self-made", metadata: { team: "billing" } },
      as: AS_KEY,
    }),
    200,
    created({
      id: "{account.id}",
      name: "self-made",
      roles: ["super_admin"],
      metadata: { team: "billing" },
    }),
    ADMIN_KEY,
  ),
  contractCase(
    "metadata shows in the search",
    search({ user_ids: ["{account.id}"], limit: 1 }),
    200,
    {
      items: [
        created({ id: "{account.id}", roles: ["super_admin"], metadata: { team: "billing" } }),
      ],
      pagination: { total: 1, limit: 1, offset: 1 },
    },
    {
      account: account({ roles: ["super_admin"] }),
      key: accountKey(),
      self: http("PUT /users/me", { body: { metadata: { team: "billing" } }, as: AS_KEY }),
    },
  ),
];

const REVOKE_FIRST = failure(
  "validation_error",
  "Revoke all API keys before archiving this service account",
);
const LONG_AGO = "2020-01-01T00:00:00Z";

export const ARCHIVING_ACCOUNTS: ContractCase[] = [
  noContent("an account without keys", archiveAccount, ACCOUNT_ONLY),
  contractCase("an account with a private key", archiveAccount, 400, REVOKE_FIRST, EVENT_KEY),
  contractCase("an account with a publishable key", archiveAccount, 400, REVOKE_FIRST, {
    account: account(),
    key: accountKey({ type: "publishable_key" }),
  }),
  contractCase("an account with a key in another environment", archiveAccount, 400, REVOKE_FIRST, {
    account: account(),
    key: { ...accountKey(), as: AS_SECOND },
  }),
  noContent("an account whose key has expired", archiveAccount, {
    account: account(),
    key: accountKey({ expires_at: LONG_AGO }),
  }),
  noContent("an account whose key was revoked", archiveAccount, {
    account: account(),
    key: accountKey(),
    revoked: revokeKey,
  }),
  contractCase(
    "an account that is already archived",
    archiveAccount,
    404,
    failure("not_found", "User not found or already archived", {
      tenant_id: "{operator.tenantId}",
      user_id: "{account.id}",
    }),
    ARCHIVED,
  ),
  contractCase(
    "an archived account that received a key afterwards",
    archiveAccount,
    400,
    REVOKE_FIRST,
    {
      account: account(),
      archived: archiveAccount,
      key: accountKey(),
    },
  ),
  contractCase(
    "an unknown account",
    http("DELETE /users/user_nope"),
    404,
    userNotFound("user_nope"),
  ),
  contractCase(
    "a normal user",
    http("DELETE /users/{operator.userId}"),
    400,
    failure("validation_error", "Deletion is supported for service accounts only"),
  ),
  insufficient("an account, with an event key", { ...archiveAccount, as: AS_KEY }, EVENT_KEY),
  insufficient("an account, with all_reader", { ...archiveAccount, as: AS_READER }, ACCOUNT_ONLY),
  noContent("an account, with all_writer", { ...archiveAccount, as: AS_WRITER }, ACCOUNT_ONLY),
  noRoute("without an id", http("DELETE /users/")),
  contractCase(
    "inviting a user counts service accounts, and stops at ten",
    http("POST /users", {
      body: { type: "user", email: "new@example.com", roles: ["all_reader"] },
    }),
    400,
    failure("validation_error", "Maximum 10 user(s) allowed for this tenant. Limit reached.", {
      current_active_users: 13,
      max_users: 10,
    }),
    Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`account${i}`, account({ name: `bot ${i}` })]),
    ),
    { emulatorOnly: "on a real server it would invite somebody, or fail by what else is there" },
  ),
  noContent("an account, while the caller has a key", archiveAccount, {
    account: account(),
    key: key(),
  }),
];
