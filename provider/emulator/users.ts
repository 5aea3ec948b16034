import { type Answer, created, noContent, ok, panic, refuse } from "./answers";
import { bind, type Call, invalidField, isEmail, required } from "./call";
import type { Tenant, User } from "./database";
import type { Body } from "./decoding";
import { formatSeconds } from "./instant";
import { checkAssignable, checkGrantable, INVALID_USER_TYPE, isUserType } from "./rbac";
import { isStorable, type NewUser, type State, storedName } from "./state";

const INVALID_CREATE =
  "Invalid request. For user: type and email required. For service_account: type and roles required.";
const MAX_PRINCIPALS = 10;
const DEFAULT_LIMIT = 50;
/** PostgreSQL accepts 65,535 parameters; tenant and status are two of them. */
const MAX_PARAMETERS = 65_535;

export function getMe(call: Call): Answer {
  return ok(userJson(call.state, retrieveUser(call, call.caller.userId)));
}

export function getTenant({ state, caller }: Call): Answer {
  state.reach("Failed to retrieve tenant");
  return ok(tenantJson(state.tenantOf(caller.tenantId)));
}

/** Sets the caller's own name and adds to its metadata. */
export function updateMe(call: Call): Answer {
  const { state, caller } = call;
  const { name, metadata } = bind(call, "Invalid request body", (body) => ({
    name: body.string("name"),
    metadata: body.optionalStringMap("metadata"),
  }));
  state.reach("Failed to retrieve user");
  const user = findUser(call, caller.userId);
  const stored = storedName(name);
  const isKept = Object.entries(metadata ?? {})
    .flat()
    .every(isStorable);
  if (stored === undefined || !isKept) throw cannotUpdate(user);
  const updated = state.changeUser(user.id, {
    ...(name !== "" && { name: stored }),
    ...(metadata && { metadata: { ...user.metadata, ...metadata } }),
  });
  return ok(userJson(state, updated));
}

export function createUser(call: Call): Answer {
  const request = bind(call, INVALID_CREATE, (body) => ({
    type: required(body, "type"),
    name: body.string("name"),
    roles: body.strings("roles"),
    email: body.string("email"),
  }));
  if (request.email !== "" && !isEmail(request.email)) {
    throw invalidField("CreateUserRequest", "Email", "email");
  }
  if (!isUserType(request.type)) throw refuse("validation_error", INVALID_USER_TYPE);
  return request.type === "user" ? inviteUser(call, request) : createAccount(call, request);
}

type CreateRequest = Required<Pick<NewUser, "name" | "email" | "roles">>;

function createAccount({ state, caller }: Call, { name, email, roles }: CreateRequest): Answer {
  if (roles.length === 0) {
    throw refuse("validation_error", "Service accounts require role assignment");
  }
  if (email !== "") {
    throw refuse("validation_error", "Omit email when creating a service account");
  }
  checkAssignable("service_account", roles);
  checkGrantable(caller.roles, roles);
  const { tenantId } = caller;
  const stored = storedName(name);
  if (stored === undefined || state.isDown()) {
    throw refuse("database_error", "Failed to create user", {
      email: "",
      tenant_id: tenantId,
      user_id: state.newId("user"),
    });
  }
  const account = state.addUser({ tenantId, type: "service_account", name: stored, roles });
  return created(userJson(state, { ...account, name }));
}

function inviteUser({ state, caller }: Call, { email, roles }: CreateRequest): Answer {
  const { tenantId } = caller;
  if (email === "") {
    throw refuse("validation_error", "Provide a valid email when creating a user (type='user')");
  }
  if (!caller.roles.includes("super_admin")) {
    throw refuse("permission_denied", "Ask a tenant super_admin to invite this user");
  }
  checkAssignable("user", roles);
  state.reach("Failed to retrieve user by email");
  const principals = published(state, tenantId);
  if (principals.some((user) => user.email === email)) {
    throw refuse("already_exists", "A user with this email already exists in this tenant", {
      email,
    });
  }
  if (principals.length >= MAX_PRINCIPALS) {
    throw refuse(
      "validation_error",
      `Maximum ${MAX_PRINCIPALS} user(s) allowed for this tenant. Limit reached.`,
      {
        current_active_users: principals.length,
        max_users: MAX_PRINCIPALS,
      },
    );
  }
  const password = state.newId("pw");
  const invited = roles.length > 0 ? roles : ["super_admin"];
  const user = state.addUser({ tenantId, type: "user", email, password, roles: invited });
  return created({ ...userJson(state, user), password });
}

export function searchUsers(call: Call): Answer {
  const { state, caller } = call;
  const filter = bind(call, "Invalid filter parameters", readFilter);
  // The embedded filter is a nil pointer until one of its fields is named, and it is dereferenced.
  if (!filter.hasPage) return panic();
  const { type, ids, sort, offset = 0 } = filter;
  const limit = filter.limit || DEFAULT_LIMIT;
  const parameters = 2 + ids.length + (type === "" ? 0 : 1);
  const details = { tenant_id: caller.tenantId };
  if (state.isDown() || parameters > MAX_PARAMETERS || ![type, ...ids].every(isStorable)) {
    throw refuse("database_error", "Failed to count users", details);
  }
  if (limit < 0 || offset < 0) {
    throw refuse("database_error", "Failed to list users by filter", details);
  }
  const wanted = new Set(ids);
  const found = published(state, caller.tenantId)
    .filter((user) => type === "" || user.type === type)
    .filter((user) => wanted.size === 0 || wanted.has(user.id));
  const page = sorted(found, sort).slice(offset, offset + limit);
  return ok({
    items: page.map((user) => userJson(state, user)),
    pagination: { total: found.length, limit, offset: offset + limit },
  });
}

interface Sort {
  readonly field: string;
  readonly direction: string;
}

function readFilter(body: Body) {
  // All fields are read, even without effect: a value of the wrong type is rejected.
  body.strings("roles");
  body.objects("filters");
  for (const name of ["status", "order", "expand"]) body.optionalString(name);
  for (const name of ["start_time", "end_time"]) body.optionalInstant(name);
  const sort: Sort[] = body.objects("sort").map((condition) => ({
    field: condition.string("field"),
    direction: condition.string("direction"),
  }));
  return {
    hasPage: ["limit", "offset", "status", "order", "expand"].some((name) => body.has(name)),
    limit: body.optionalInteger("limit"),
    offset: body.optionalInteger("offset"),
    type: body.optionalString("type") ?? "service_account",
    ids: body.strings("user_ids"),
    sort,
  };
}

function sorted(users: User[], conditions: Sort[]): User[] {
  const order = conditions.length > 0 ? conditions : [{ field: "created_at", direction: "desc" }];
  return users.sort((a, b) => {
    for (const { field, direction } of order) {
      const [x, y] = [sortValue(a, field), sortValue(b, field)];
      if (x !== y) return x < y === (direction === "desc") ? 1 : -1;
    }
    return 0;
  });
}

function sortValue(user: User, field: string): bigint | string {
  if (field === "created_at") return user.createdAt;
  if (field === "email") return user.email;
  return field === "type" ? user.type : "";
}

export function updateAccount(call: Call): Answer {
  const { state } = call;
  const [id = ""] = call.parameters;
  const name = bind(call, "Invalid request body", (body) => required(body, "name"));
  const user = retrieveUser(call, id);
  if (user.type !== "service_account") {
    throw refuse("not_found", "The provided ID does not belong to a service account", { id });
  }
  if (user.status === "archived") {
    throw refuse("validation_error", "Archived service accounts cannot be updated", { id });
  }
  const stored = storedName(name);
  if (stored === undefined) throw cannotUpdate(user);
  return ok(userJson(state, { ...state.changeUser(id, { name: stored }), name }));
}

export function updateRoles(call: Call): Answer {
  const { state, caller } = call;
  const [id = ""] = call.parameters;
  const roles = bind(call, "Invalid request body", (body) => body.strings("roles"));
  if (roles.length === 0) throw refuse("validation_error", "Provide at least one role");
  if (roles.includes("")) throw refuse("validation_error", "Remove empty entries from roles");
  if (id === caller.userId) {
    throw refuse("permission_denied", "Ask another super_admin to change your roles");
  }
  const user = retrieveUser(call, id);
  if (user.type !== "user") {
    throw refuse(
      "validation_error",
      "Service account roles are fixed at creation and cannot be changed",
      { id, type: user.type },
    );
  }
  checkAssignable("user", roles);
  if (state.hasActiveKeys(id)) {
    throw refuse(
      "validation_error",
      "Expire this user's existing API keys before changing their role",
      { id },
    );
  }
  return ok(userJson(state, state.changeUser(id, { roles })));
}

export function deleteAccount(call: Call): Answer {
  const { state } = call;
  const [id = ""] = call.parameters;
  const user = retrieveUser(call, id);
  if (user.type !== "service_account") {
    throw refuse("validation_error", "Deletion is supported for service accounts only");
  }
  if (state.hasActiveKeys(id)) {
    throw refuse("validation_error", "Revoke all API keys before archiving this service account");
  }
  if (user.status === "archived") {
    throw refuse("not_found", "User not found or already archived", detailsOf(user));
  }
  state.changeUser(id, { status: "archived" });
  return noContent();
}

function retrieveUser(call: Call, id: string): User {
  const details = { tenant_id: call.caller.tenantId, user_id: id };
  call.state.reach("Failed to retrieve user", details, [id]);
  return findUser(call, id);
}

export function findUser({ state, caller: { tenantId } }: Call, id: string): User {
  const user = state.user(tenantId, id);
  if (!user) throw refuse("not_found", "User not found", { tenant_id: tenantId, user_id: id });
  return user;
}

function cannotUpdate(user: User) {
  return refuse("database_error", "Failed to update user", detailsOf(user));
}

function detailsOf({ id, tenantId }: User): Record<string, unknown> {
  return { tenant_id: tenantId, user_id: id };
}

function published(state: State, tenantId: string): User[] {
  return [...state.users.values()].filter(
    (user) => user.tenantId === tenantId && user.status === "published",
  );
}

/** Without times, and without empty fields. */
function userJson(state: State, user: User): Record<string, unknown> {
  const { id, name, email, type, roles, metadata } = user;
  return {
    id,
    ...(name !== "" && { name }),
    ...(email !== "" && { email }),
    type,
    ...(roles.length > 0 && { roles }),
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
    tenant: tenantJson(state.tenantOf(user.tenantId)),
  };
}

function tenantJson({ id, name, createdAt }: Tenant): Record<string, unknown> {
  const time = formatSeconds(createdAt);
  return {
    id,
    name,
    billing_details: {
      address: {
        address_line1: "",
        address_line2: "",
        address_city: "",
        address_state: "",
        address_postal_code: "",
        address_country: "",
      },
    },
    status: "published",
    created_at: time,
    updated_at: time,
    metadata: null,
  };
}
