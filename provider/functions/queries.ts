import { z } from "zod";
import type { Key, User } from "../api/schemas";
import { toCheckFailures } from "../lifecycle/validation";
import { isUniqueNameOf } from "../session/auto-name";
import type { Connection } from "../session/connection";
import type { ConnectionPool } from "../session/connection-pool";
import { describeCaller } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { FlexpriceError, isFailure, operation } from "../shared/errors";
import { quoted } from "../shared/redaction";
import { closestMatch, roleProblems, uniqueSorted } from "../shared/roles";
import type { ApiKeyInfo, CallerInfo, RoleInfo, ServiceAccountInfo } from "./types";

/** How many accounts an error lists. */
const MAX_NAMED = 10;

const text = z.string("must be a string");
const connection = text.min(1, "must name a connection").optional();

const serviceAccountArgs = z
  .strictObject({ id: text.optional(), name: text.optional(), connection })
  .refine(
    ({ id, name }) => (id === undefined) !== (name === undefined),
    "either id or name is needed, and not both",
  );
const serviceAccountsArgs = z.strictObject({
  role: text.optional(),
  name: text.optional(),
  connection,
});
const apiKeysArgs = z.strictObject({ serviceAccountId: text.optional(), connection });
const onlyConnectionArgs = z.strictObject({ connection });

/** Implements the functions over one pool of connections. Each checks its arguments. */
export class FlexpriceQueries {
  /** @param onUse - Called with the connection that a function uses, and the fingerprint of its settings. */
  constructor(
    private readonly connections: ConnectionPool,
    private readonly onUse: (
      connection: string | undefined,
      fingerprint: string,
    ) => void = () => {},
  ) {}

  async serviceAccount(args: object): Promise<ServiceAccountInfo> {
    const { id, name, connection } = checked(serviceAccountArgs, args, "look up a service account");
    const title = `look up service account ${id ?? JSON.stringify(name)}`;
    return await this.run(connection, title, "users", async ({ credentialSource, reads }) => {
      if (id === undefined) return accountInfo(onlyOne(await reads.freshAccounts(), name));
      const found = await reads.freshAccount(id);
      if (found !== undefined) return accountInfo(found);
      throw new FlexpriceError({
        kind: "not_found",
        reason: `the tenant of the credential from ${credentialSource} has no service account with this id, or it is archived`,
        fix: "correct the id, or the credential if the account belongs to another tenant.",
      });
    });
  }

  async serviceAccounts(args: object): Promise<ServiceAccountInfo[]> {
    const title = "look up service accounts";
    const { role, name, connection } = checked(serviceAccountsArgs, args, title);
    return await this.run(connection, title, "users", async (connection) => {
      const found = (await connection.reads.freshAccounts())
        .filter((account) => role === undefined || account.roles.includes(role))
        .filter((account) => name === undefined || account.name === name);
      if (found.length === 0 && role !== undefined) await requireRole(connection, role);
      return found.map(accountInfo);
    });
  }

  async apiKeys(args: object): Promise<ApiKeyInfo[]> {
    const { serviceAccountId, connection } = checked(apiKeysArgs, args, "look up API keys");
    const title = `look up ${serviceAccountId === undefined ? "API keys" : `the API keys of ${serviceAccountId}`}`;
    return await this.run(connection, title, "secrets", async (connection) => {
      const caller = await connection.caller();
      if (!seesEveryKey(caller) && serviceAccountId !== caller.id) {
        throw new FlexpriceError({
          kind: "forbidden",
          reason: `the credential from ${connection.credentialSource} is ${describeCaller(caller)}: Flexprice only shows it its own keys`,
          fix: `use a credential of a user with super_admin, or ask for its own keys with serviceAccountId: "${caller.id}".`,
        });
      }
      return (await connection.reads.freshKeys(serviceAccountId)).map(keyInfo);
    });
  }

  async roles(args: object): Promise<RoleInfo[]> {
    const title = "look up roles";
    const { connection } = checked(onlyConnectionArgs, args, title);
    return await this.run(connection, title, "roles", async ({ reads }) => {
      const { all, assignable } = await reads.freshRoles();
      return all
        .map((role) => ({ ...role, assignable: assignable.some(({ id }) => id === role.id) }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  }

  async caller(args: object): Promise<CallerInfo> {
    const title = "look up who the credential belongs to";
    const { connection } = checked(onlyConnectionArgs, args, title);
    return await this.run(connection, title, "itself", async (connection) => {
      const caller = await connection.caller();
      return { ...accountInfo(caller), type: caller.type };
    });
  }

  private run<Result>(
    name: string | undefined,
    title: string,
    entity: string,
    query: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    return operation(title, async () => {
      const connection = this.connections.connect(name);
      this.onUse(name, this.connections.fingerprint(name));
      try {
        return await query(connection);
      } catch (error) {
        // Only a 403 of the server has a status.
        if (!isFailure(error, "forbidden") || error.status === undefined) throw error;
        throw error.with({
          fix: `use a credential with a role that may read ${entity} (now: ${connection.credentialSource}).`,
        });
      }
    });
  }
}

function checked<Args>(schema: z.ZodType<Args>, args: unknown, operation: string): Args {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  throw new FlexpriceError({
    kind: "invalid",
    operation,
    reason: toCheckFailures(parsed.error)
      .map(({ reason }) => reason)
      .join("; "),
    fix: "correct the arguments of the function; if they are outputs of a resource, call the function whose name ends in Output.",
  });
}

function onlyOne(accounts: readonly User[], name: string | undefined): User {
  const [found, ...others] = accounts.filter((account) => account.name === name);
  if (found === undefined) {
    const madeFromIt = accounts.filter((account) => isUniqueNameOf(name ?? "", account.name));
    if (madeFromIt.length > 0) throw onlyUniqueNames(madeFromIt, name);
    const names = accounts.map((account) => account.name);
    const alike = names.find((one) => one.normalize("NFC") === name?.normalize("NFC"));
    const near = alike ?? closestMatch(name ?? "", names);
    throw new FlexpriceError({
      kind: "not_found",
      reason: `no service account has this name (archived ones do not count)${near === undefined ? "" : `; there is ${quoted(near)}`}${alike === undefined ? "" : ", which looks the same, but has other characters (Unicode has two forms for letters with marks, NFC and NFD)"}`,
      fix:
        alike === undefined
          ? "correct the name, upper and lower case included, or look the account up by its id."
          : `look the account up by its id, or write its name as the server has it: ${escapedNonAscii(alike)}.`,
    });
  }
  if (others.length === 0) return found;
  const ids = [found, ...others].map(({ id }) => id);
  throw new FlexpriceError({
    kind: "refused",
    reason: `${ids.length} service accounts have this name: ${firstOf(ids)}`,
    fix: "look it up by its id: names are not unique.",
  });
}

/** The text as a string literal with only ASCII characters. */
function escapedNonAscii(text: string): string {
  const escapes = Array.from({ length: text.length }, (_, at) => {
    const unit = text.charCodeAt(at);
    return unit < 0x7f ? text.charAt(at) : `\\u${unit.toString(16).padStart(4, "0")}`;
  });
  return `"${escapes.join("")}"`;
}

/** The error if the accounts only have unique names that begin with the given name. */
function onlyUniqueNames(accounts: readonly User[], name: string | undefined): FlexpriceError {
  const found = accounts.map((account) => `${JSON.stringify(account.name)} (${account.id})`);
  return new FlexpriceError({
    kind: "not_found",
    reason: `no service account has exactly this name (archived ones do not count); there is ${firstOf(found)}: without "name" in its program an account gets a unique name`,
    fix: `look it up by its id, or set name: ${JSON.stringify(name)} on its ServiceAccount, which renames it in place.`,
  });
}

function firstOf(texts: readonly string[]): string {
  const unnamed = texts.length - MAX_NAMED;
  return `${texts.slice(0, MAX_NAMED).join(", ")}${unnamed > 0 ? ` and ${unnamed} more` : ""}`;
}

/** Rejects a mistyped role, which would look like a role that nobody has. Skipped if the server lists no roles. */
async function requireRole(connection: Connection, role: string): Promise<void> {
  const offered = await connection.assignableRoles();
  const [problem] =
    offered === undefined
      ? []
      : roleProblems(
          [role],
          offered.map(({ id }) => id),
        );
  if (problem === undefined) return;
  throw new FlexpriceError({
    kind: "invalid",
    reason: problem,
    fix: "correct the role.",
  });
}

function accountInfo({ id, name, roles, tenant }: User): ServiceAccountInfo {
  return { id, name, roles: uniqueSorted(roles), tenantId: tenant.id };
}

function keyInfo(key: Key): ApiKeyInfo {
  return {
    id: key.id,
    displayId: key.display_id,
    name: key.name,
    type: key.type,
    roles: uniqueSorted(key.roles ?? []),
    userId: key.user_id,
    userType: key.user_type,
    ...(key.expires_at == null ? {} : { expiresAt: key.expires_at }),
    createdAt: key.created_at,
  };
}
