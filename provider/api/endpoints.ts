import type { Credential } from "../config/read";
import { isFailure } from "../shared/errors";
import { rememberSecret } from "../shared/redaction";
import type { Attempt, Client } from "./client";
import { createdAt } from "./ids";
import * as wire from "./schemas";

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Of all pages together. */
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

/** The endpoints that this provider uses, one method each. */
export class FlexpriceApi {
  constructor(private readonly client: Client) {}

  /** The same server, asked with another credential. */
  as(credential: Credential): FlexpriceApi {
    return new FlexpriceApi(this.client.as(credential));
  }

  serverNow(): number {
    return this.client.serverNow();
  }

  /** As {@link serverNow}, or by the server's last Date header where that is earlier. */
  earliestNow(): number {
    return this.client.earliestNow();
  }

  /** Says what a long wait is for. */
  notify(message: string): Promise<void> {
    return this.client.notify(message);
  }

  /** GET /users/me: who the credential is; open to every key. */
  async me(operation = "find out who the credential belongs to"): Promise<wire.User> {
    try {
      return await this.client.call({
        method: "GET",
        path: "/users/me",
        safety: "safe",
        operation,
        responseSchema: wire.user,
      });
    } catch (error) {
      if (!isFailure(error, "not_found")) throw error;
      throw error.during(
        operation,
        "the server accepts the credential, but has no user behind it, as with an API key of a self-hosted server's own configuration: sign up there, make an API key in the dashboard, and use that one.",
      );
    }
  }

  /** POST /users/search, newest first. Archived accounts are never shown. */
  async searchAccounts(
    { limit, offset }: PageRequest,
    operation: string,
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
      operation,
      responseSchema: wire.userPage,
    });
    return { items: page.items, total: page.pagination.total };
  }

  /** POST /users, once. */
  async createAccount({ name, roles }: NewAccount, operation: string): Promise<Attempt<wire.User>> {
    const result = await this.client.attempt({
      method: "POST",
      path: "/users",
      body: { type: "service_account", name, roles },
      safety: "unsafe",
      operation,
      responseSchema: wire.user,
    });
    if ("value" in result) this.client.noteCreation(createdAt(result.value.id));
    return result;
  }

  /** PUT /users/{id}: nothing but the name can be changed. */
  renameAccount(id: string, name: string, operation: string): Promise<wire.User> {
    return this.client.call({
      method: "PUT",
      path: `/users/${encodeURIComponent(id)}`,
      body: { name },
      safety: "idempotent",
      operation,
      responseSchema: wire.user,
    });
  }

  /** DELETE /users/{id}: archives; nothing un-archives. */
  async archiveAccount(id: string, operation: string): Promise<void> {
    await this.client.call<undefined>({
      method: "DELETE",
      path: `/users/${encodeURIComponent(id)}`,
      safety: "idempotent",
      operation,
    });
  }

  /** GET /secrets/api/keys, newest first: published private keys of the credential's environment. */
  async listKeys(
    { limit, offset }: PageRequest,
    operation: string,
    userId?: string,
  ): Promise<Page<wire.Key>> {
    const page = await this.client.call({
      method: "GET",
      path: "/secrets/api/keys",
      query: { limit, offset, sort: "created_at", order: "desc", user_id: userId },
      safety: "safe",
      operation,
      responseSchema: wire.keyPage,
    });
    return { items: page.items, total: page.pagination.total };
  }

  /** POST /secrets/api/keys, once: the only answer that holds the key's value. */
  async createKey(key: NewKey, operation: string): Promise<Attempt<wire.CreatedKey>> {
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
      operation,
      responseSchema: wire.createdKey,
    });
    if (!("value" in result)) return result;
    const { secret, api_key } = result.value;
    rememberSecret(api_key);
    this.client.noteCreation(Date.parse(secret.created_at));
    // A server that leaves the name out has taken the one it was given.
    return { value: { api_key, secret: { ...secret, name: secret.name || key.name } } };
  }

  /** DELETE /secrets/api/keys/{id}: revokes; answers 204 for a revoked key as well. */
  async revokeKey(id: string, operation: string): Promise<void> {
    await this.client.call<undefined>({
      method: "DELETE",
      path: `/secrets/api/keys/${encodeURIComponent(id)}`,
      safety: "idempotent",
      operation,
    });
  }

  /** GET /rbac/roles, in no stable order. `assignable`: only what a service account can be given. */
  async roles(which: "all" | "assignable"): Promise<readonly wire.Role[]> {
    const answer = await this.client.call({
      method: "GET",
      path: "/rbac/roles",
      query: { user_type: which === "assignable" ? "service_account" : undefined },
      safety: "safe",
      operation: "ask which roles the server offers",
      responseSchema: wire.roles,
    });
    return answer.roles;
  }
}

/** An instant with the digits that it was given, in UTC: PostgreSQL refuses offsets that are valid elsewhere. */
function inUtc(instant: string): string {
  const time = Date.parse(instant);
  if (Number.isNaN(time)) return instant;
  const [fraction = ""] = /\.\d+/.exec(instant) ?? [];
  return `${new Date(time).toISOString().replace(/\.\d+Z$/, "")}${fraction}Z`;
}
