import { type Answer, created, noContent, ok, panic, refuse } from "./answers";
import { isAdministrator } from "./auth";
import { bind, type Call, required } from "./call";
import type { Key, KeyType, User } from "./database";
import { isInt64 } from "./decoding";
import {
  asStored,
  formatInstant,
  type Instant,
  isStorableInstant,
  isWritable,
  parseInstant,
  utc,
} from "./instant";
import { displayId, isStorable, type State } from "./state";
import { findUser } from "./users";

const INVALID_PAYLOAD = "Please check the request payload";
const INVALID_QUERY = "Please check the query parameters";
const DEFAULT_LIMIT = 50;
/** Of eight responses measured during an outage, six were 500 and two 404. */
const SHARE_OF_500_IN_OUTAGE = 0.75;

export function createKey(call: Call): Answer {
  const { state, caller } = call;
  const request = bind(call, INVALID_PAYLOAD, (body) => ({
    name: required(body, "name"),
    type: required(body, "type"),
    expiresAt: body.optionalInstant("expires_at"),
    accountId: body.string("service_account_id"),
  }));
  const { name, type, expiresAt, accountId } = request;
  if (!isKeyType(type)) throw refuse("validation_error", "Invalid secret type");
  const owner = accountId === "" ? findOwner(call, caller.userId) : findAccount(call, accountId);
  if (!isStorable(name) || (expiresAt && !isStorableInstant(expiresAt))) {
    throw refuse("database_error", "Failed to create secret", {
      secret_id: state.newId("secret"),
    });
  }
  const key = state.addKey({
    tenantId: caller.tenantId,
    environmentId: caller.environmentId,
    userId: owner.id,
    userType: owner.type,
    roles: owner.roles,
    name,
    type,
    expiresAt,
  });
  const asCreated = (instant: Instant) => formatInstant(instant);
  return created({ secret: keyJson(key, asCreated), api_key: key.value });
}

/** Finds archived accounts too: they get a key that works. */
function findAccount(call: Call, id: string): User {
  if (!isAdministrator(call.caller)) {
    throw refuse(
      "permission_denied",
      "Ask a tenant super_admin to mint or rotate service-account API keys",
    );
  }
  const user = findOwner(call, id);
  if (user.type !== "service_account") {
    throw refuse("validation_error", "Only service account user IDs can be explicitly provided", {
      user_id: id,
      user_type: user.type,
    });
  }
  return user;
}

function findOwner(call: Call, id: string): User {
  const { state, caller } = call;
  const details = { tenant_id: caller.tenantId, user_id: id };
  if (state.isDown()) {
    // The server marks this error as both not_found and database_error, and picks one at random.
    const code = state.random() < SHARE_OF_500_IN_OUTAGE ? "database_error" : "not_found";
    throw refuse(code, "Failed to retrieve user", details);
  }
  if (!isStorable(id)) throw refuse("not_found", "Failed to retrieve user", details);
  return findUser(call, id);
}

function isKeyType(type: string): type is KeyType {
  return type === "private_key" || type === "publishable_key";
}

/** Published private keys of one environment, expired ones included. */
export function listKeys(call: Call): Answer {
  const { state, caller, query } = call;
  const limit = integer(query.get("limit")) ?? DEFAULT_LIMIT;
  const offset = integer(query.get("offset")) ?? 0;
  const from = instant(query.get("start_time"));
  const until = instant(query.get("end_time"));
  const owner = isAdministrator(call.caller) ? query.get("user_id") : caller.userId;
  state.reach("Failed to list secrets", undefined, [owner]);

  const found = [...state.keys.values()].filter((key) => {
    const createdAt = asStored(utc(key.createdAt)).nanos;
    return (
      key.tenantId === caller.tenantId &&
      key.environmentId === caller.environmentId &&
      key.type === "private_key" &&
      key.status === "published" &&
      (owner === null || key.userId === owner) &&
      (!from || createdAt >= from.nanos) &&
      (!until || createdAt <= until.nanos)
    );
  });
  const start = Math.max(offset, 0);
  const page = sorted(found, query).slice(start, limit > 0 ? start + limit : undefined);
  if (page.some(({ expiresAt }) => expiresAt && !isWritable(asStored(expiresAt)))) return panic();
  return ok({
    items: page.map((key) => listedKey(state, key)),
    pagination: { total: found.length, limit, offset: offset + limit },
  });
}

function listedKey(state: State, key: Key): Record<string, unknown> {
  const account = state.user(key.tenantId, key.userId);
  const isNamed =
    account?.type === "service_account" && account.status === "published" && account.name !== "";
  const fromDatabase = (time: Instant) => formatInstant(asStored(time));
  return keyJson(key, fromDatabase, isNamed ? account.name : undefined);
}

/** A new key shows its times verbatim, to the nanosecond. A listed key does not. */
function keyJson(
  key: Key,
  format: (instant: Instant) => string,
  accountName?: string,
): Record<string, unknown> {
  return {
    id: key.id,
    name: key.name,
    type: key.type,
    provider: "flexprice",
    display_id: displayId(key.value),
    roles: key.roles,
    user_type: key.userType,
    user_id: key.userId,
    ...(accountName !== undefined && { service_account_name: accountName }),
    ...(key.expiresAt && { expires_at: format(key.expiresAt) }),
    status: key.status,
    created_at: format(utc(key.createdAt)),
    updated_at: format(utc(key.createdAt)),
  };
}

type SortKey = (key: Key) => string | bigint | undefined;

const SORTABLE: Readonly<Record<string, SortKey>> = {
  id: (key) => key.id,
  name: (key) => key.name,
  created_at: (key) => key.createdAt,
  updated_at: (key) => key.createdAt,
  expires_at: (key) => key.expiresAt?.nanos,
  display_id: (key) => displayId(key.value),
  user_id: (key) => key.userId,
  user_type: (key) => key.userType,
};

/** Any other column has the same value in all rows. An unknown column leaves them unsorted. */
function sorted(keys: Key[], query: URLSearchParams): Key[] {
  const column = query.get("sort") ?? "created_at";
  const value = Object.hasOwn(SORTABLE, column) ? SORTABLE[column] : undefined;
  if (!value) return keys;
  const direction = (query.get("order") ?? "desc") === "desc" ? -1 : 1;
  return keys.sort((a, b) => direction * compare(value(a), value(b)));
}

/** NULL is larger than everything, as in PostgreSQL. */
function compare(a: string | bigint | undefined, b: string | bigint | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -1 : 1;
}

/** Deleting a key again is not an error: the row stays, and its status is not checked. */
export function deleteKey(call: Call): Answer {
  const { state, caller } = call;
  const [id = ""] = call.parameters;
  state.reach("Failed to retrieve secret", { secret_id: id }, [id]);
  const key = state.keys.get(id);
  if (key?.tenantId !== caller.tenantId || key.environmentId !== caller.environmentId) {
    throw refuse("not_found", "Secret not found", { secret_id: id });
  }
  if (!isAdministrator(call.caller) && key.userId !== caller.userId) {
    throw refuse("permission_denied", "Ask a tenant super_admin to revoke this API key");
  }
  state.changeKey(id, { status: "deleted" });
  return noContent();
}

function integer(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^[+-]?\d+$/.test(text) && text !== "") throw refuse("validation_error", INVALID_QUERY);
  const value = Number(text);
  if (!isInt64(value)) throw refuse("validation_error", INVALID_QUERY);
  return value;
}

function instant(text: string | null): Instant | undefined {
  if (text === null || text === "") return undefined;
  const parsed = parseInstant(text);
  if (!parsed) throw refuse("validation_error", INVALID_QUERY);
  return parsed;
}
