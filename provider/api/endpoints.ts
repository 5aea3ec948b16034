import type { Credential } from "../config/read";
import { isFailure } from "../shared/errors";
import { quoted, rememberSecret } from "../shared/redaction";
import type { Attempt, Client } from "./client";
import { createdAt } from "./ids";
import * as wire from "./schemas";

export interface Page<Item> {
  readonly items: readonly Item[];
  /** The number of items on all pages. */
  readonly total: number;
}

export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
}

export interface NewAccount {
  readonly name: string;
  readonly roles: readonly string[];
}

export interface NewKey {
  readonly name: string;
  readonly type: string;
  /** RFC 3339. */
  readonly expiresAt?: string | undefined;
  /** The account that the key acts for; absent: the caller. */
  readonly accountId?: string | undefined;
}

/** The most ids that one search takes: its placeholders must fit PostgreSQL's 65,535. */
export const MAX_SEARCH_IDS = 60_000;

/** The endpoints that this provider uses, one method each. Errors of any of them can be renamed by an operation. */
export class FlexpriceApi {
  constructor(private readonly client: Client) {}

  /** The same server with another credential. */
  as(credential: Credential): FlexpriceApi {
    return new FlexpriceApi(this.client.as(credential));
  }

  serverNow(): number {
    return this.client.serverNow();
  }

  /** As {@link serverNow}, or by the last Date header if that is earlier. */
  earliestNow(): number {
    return this.client.earliestNow();
  }

  /** Tells the user what a long wait is for. */
  notify(message: string): Promise<void> {
    return this.client.notify(message);
  }

  /** GET /users/me: who the credential belongs to. Every key can call this. */
  async me(): Promise<wire.User> {
    try {
      return await this.client.call({
        method: "GET",
        path: "/users/me",
        safety: "safe",
        label: "find out who the credential belongs to",
        responseSchema: wire.user,
      });
    } catch (error) {
      if (!isFailure(error, "not_found")) throw error;
      throw error.with({
        fix: "the server accepts the credential, but has no user behind it, as with an API key of a self-hosted server's own configuration: sign up there, create an API key in the dashboard, and use that one.",
      });
    }
  }

  /** POST /users/search, newest first, without archived accounts. */
  async searchAccounts(
    { limit, offset }: PageRequest,
    ids?: readonly string[],
  ): Promise<Page<wire.User>> {
    const page = await this.client.call({
      method: "POST",
      path: "/users/search",
      // Without a limit or offset in the body the server fails with an empty 500.
      body: {
        type: "service_account",
        limit,
        offset,
        sort: [{ field: "created_at", direction: "desc" }],
        ...(ids === undefined ? {} : { user_ids: ids }),
      },
      safety: "safe",
      label: ids === undefined ? "list the service accounts" : `look up ${accountsLabel(ids)}`,
      responseSchema: wire.userPage,
    });
    return { items: page.items, total: page.pagination.total };
  }

  /** POST /users, once. */
  async createAccount({ name, roles }: NewAccount): Promise<Attempt<wire.User>> {
    const result = await this.client.attempt({
      method: "POST",
      path: "/users",
      body: { type: "service_account", name, roles },
      safety: "unsafe",
      label: `create service account ${quoted(name)}`,
      responseSchema: wire.user,
    });
    if ("value" in result) this.client.observeCreation(createdAt(result.value.id));
    return result;
  }

  /** PUT /users/{id}: only the name can be changed. */
  renameAccount(id: string, name: string): Promise<wire.User> {
    return this.client.call({
      method: "PUT",
      path: `/users/${encodeURIComponent(id)}`,
      body: { name },
      safety: "idempotent",
      label: `rename service account ${id} to ${quoted(name)}`,
      responseSchema: wire.user,
    });
  }

  /** DELETE /users/{id}: archives the account, for good. */
  async archiveAccount(id: string): Promise<void> {
    await this.client.call<undefined>({
      method: "DELETE",
      path: `/users/${encodeURIComponent(id)}`,
      safety: "idempotent",
      label: `archive service account ${id}`,
    });
  }

  /** GET /secrets/api/keys, newest first: published private keys of the credential's environment. */
  async listKeys({ limit, offset }: PageRequest, userId?: string): Promise<Page<wire.Key>> {
    const page = await this.client.call({
      method: "GET",
      path: "/secrets/api/keys",
      query: { limit, offset, sort: "created_at", order: "desc", user_id: userId },
      safety: "safe",
      label: `list the API keys${userId === undefined ? "" : ` of ${userId}`}`,
      responseSchema: wire.keyPage,
    });
    return { items: page.items, total: page.pagination.total };
  }

  /** POST /secrets/api/keys, once. Only this response has the key's value. */
  async createKey(key: NewKey): Promise<Attempt<wire.CreatedKey>> {
    const result = await this.client.attempt({
      method: "POST",
      path: "/secrets/api/keys",
      body: {
        name: key.name,
        type: key.type,
        ...(key.expiresAt === undefined ? {} : { expires_at: inUtc(key.expiresAt) }),
        ...(key.accountId === undefined ? {} : { service_account_id: key.accountId }),
      },
      safety: "unsafe",
      label: `create API key ${quoted(key.name)}`,
      responseSchema: wire.createdKey,
    });
    if (!("value" in result)) return result;
    const { secret, api_key } = result.value;
    rememberSecret(api_key);
    this.client.observeCreation(Date.parse(secret.created_at));
    // A server that leaves the name out has used the given one.
    return { value: { api_key, secret: { ...secret, name: secret.name || key.name } } };
  }

  /** DELETE /secrets/api/keys/{id}: revokes the key. For a revoked key the server answers 204 too. */
  async revokeKey(id: string): Promise<void> {
    await this.client.call<undefined>({
      method: "DELETE",
      path: `/secrets/api/keys/${encodeURIComponent(id)}`,
      safety: "idempotent",
      label: `revoke API key ${id}`,
    });
  }

  /** GET /rbac/roles, in no stable order. `assignable`: only the roles that a service account can have. */
  async roles(which: "all" | "assignable"): Promise<readonly wire.Role[]> {
    const { roles } = await this.client.call({
      method: "GET",
      path: "/rbac/roles",
      query: { user_type: which === "assignable" ? "service_account" : undefined },
      safety: "safe",
      label: "list the roles that the server offers",
      responseSchema: wire.roles,
    });
    return roles;
  }
}

/** The accounts, for the label of a call. */
function accountsLabel([id, ...others]: readonly string[]): string {
  return others.length === 0 ? `service account ${id}` : `${others.length + 1} service accounts`;
}

/** The instant in UTC, with its original digits: PostgreSQL rejects some offsets that are valid in RFC 3339. */
function inUtc(instant: string): string {
  const time = Date.parse(instant);
  if (Number.isNaN(time)) return instant;
  const [fraction = ""] = /\.\d+/.exec(instant) ?? [];
  return `${new Date(time).toISOString().replace(/\.\d+Z$/, "")}${fraction}Z`;
}
