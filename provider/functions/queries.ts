import { z } from "zod";
import type { Key, User } from "../api/schemas";
import { toCheckFailures } from "../lifecycle/validation";
import { recordFunctionSettings } from "../resources/program-config";
import { isUniqueNameOf } from "../session/auto-name";
import type { Connection } from "../session/connection";
import type { Connections } from "../session/connection-pool";
import { describeCaller } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { FlexpriceError, isFailure } from "../shared/errors";
import { quoted } from "../shared/redaction";
import { closestMatch, roleProblems, uniqueSorted } from "../shared/roles";
import type {
  ApiKeyInfo,
  CallerInfo,
  GetApiKeysArgs,
  GetCallerArgs,
  GetRolesArgs,
  GetServiceAccountArgs,
  GetServiceAccountsArgs,
  RoleInfo,
  ServiceAccountInfo,
} from "./types";

/** So many accounts an error names; nobody reads more. */
const MAX_NAMED = 10;

const text = z.string("must be a text");
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
const overArgs = z.strictObject({ connection });

/** Answers functions, all of them over the same connections. */
export class FlexpriceQueries {
  constructor(private readonly connections: Connections) {}

  async serviceAccount(args: GetServiceAccountArgs): Promise<ServiceAccountInfo> {
    const { id, name, connection } = checked(serviceAccountArgs, args, "look up a service account");
    const operation = `look up service account ${id ?? JSON.stringify(name)}`;
    return await this.ask(connection, operation, "users", async (connection) => {
      if (id === undefined) {
        return accountInfo(onlyOne(await connection.inventory.accounts(), name, operation));
      }
      const found = await connection.inventory.account(id);
      if (found !== undefined) return accountInfo(found);
      throw new FlexpriceError({
        kind: "not_found",
        operation,
        reason: `the tenant of the credential from ${connection.credentialSource} has no service account with this id that is not archived`,
        fix: "correct the id, or the credential if the account belongs to another tenant.",
      });
    });
  }

  async serviceAccounts(args: GetServiceAccountsArgs): Promise<ServiceAccountInfo[]> {
    const operation = "look up service accounts";
    const { role, name, connection } = checked(serviceAccountsArgs, args, operation);
    return await this.ask(connection, operation, "users", async (connection) => {
      const found = (await connection.inventory.accounts())
        .filter((account) => role === undefined || account.roles.includes(role))
        .filter((account) => name === undefined || account.name === name);
      if (found.length === 0 && role !== undefined) await requireRole(connection, role, operation);
      return found.map(accountInfo);
    });
  }

  async apiKeys(args: GetApiKeysArgs): Promise<ApiKeyInfo[]> {
    const { serviceAccountId, connection } = checked(apiKeysArgs, args, "look up API keys");
    const operation = `look up ${serviceAccountId === undefined ? "API keys" : `the API keys of ${serviceAccountId}`}`;
    return await this.ask(connection, operation, "secrets", async (connection) => {
      const caller = await connection.caller();
      if (!seesEveryKey(caller) && serviceAccountId !== caller.id) {
        throw new FlexpriceError({
          kind: "forbidden",
          operation,
          reason: `the credential from ${connection.credentialSource} is ${describeCaller(caller)}: Flexprice shows it no keys but its own`,
          fix: `use a credential of a user with super_admin, or ask for its own keys with serviceAccountId: "${caller.id}".`,
        });
      }
      return (await connection.inventory.keys(serviceAccountId)).map(keyInfo);
    });
  }

  async roles(args: GetRolesArgs): Promise<RoleInfo[]> {
    const operation = "look up roles";
    const { connection } = checked(overArgs, args, operation);
    return await this.ask(connection, operation, "roles", async ({ inventory }) => {
      const { all, assignable } = await inventory.roles();
      return all
        .map((role) => ({ ...role, assignable: assignable.some(({ id }) => id === role.id) }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  }

  async caller(args: GetCallerArgs): Promise<CallerInfo> {
    const operation = "look up who the credential belongs to";
    const { connection } = checked(overArgs, args, operation);
    return await this.ask(connection, operation, "itself", async (connection) => {
      const caller = await connection.caller();
      return { ...accountInfo(caller), type: caller.type };
    });
  }

  /** A failure is told as that of the function, also where it shared its request with others. */
  private async ask<Result>(
    name: string | undefined,
    operation: string,
    entity: string,
    ask: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const connection = this.connections.connect(name, operation);
    recordFunctionSettings(name, this.connections.fingerprint(name));
    try {
      return await ask(connection);
    } catch (error) {
      if (!isFailure(error) || error.operation === operation) throw error;
      const fix = isFailure(error, "forbidden")
        ? `use a credential with a role that may read ${entity} (now: ${connection.credentialSource}).`
        : undefined;
      throw error.during(operation, fix);
    }
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
    fix: "correct the arguments of the function; those that are outputs of a resource go to its form whose name ends in Output.",
  });
}

function onlyOne(accounts: readonly User[], name: string | undefined, operation: string): User {
  const [found, ...others] = accounts.filter((account) => account.name === name);
  if (found === undefined) {
    const madeFromIt = accounts.filter((account) => isUniqueNameOf(name ?? "", account.name));
    if (madeFromIt.length > 0) throw onlyUniqueNames(madeFromIt, name, operation);
    const names = accounts.map((account) => account.name);
    const alike = names.find((one) => one.normalize("NFC") === name?.normalize("NFC"));
    const near = alike ?? closestMatch(name ?? "", names);
    throw new FlexpriceError({
      kind: "not_found",
      operation,
      reason: `no service account that is not archived has this name${near === undefined ? "" : `; there is ${quoted(near)}`}${alike === undefined ? "" : ", which looks the same, and is written with other characters (Unicode composes letters with marks in two ways, NFC and NFD)"}`,
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
    operation,
    reason: `${ids.length} service accounts have this name: ${firstOf(ids)}`,
    fix: "look it up by its id: names are not unique.",
  });
}

/** A text as a program can write it with none but ASCII characters. */
function escapedNonAscii(text: string): string {
  const escapes = Array.from({ length: text.length }, (_, at) => {
    const unit = text.charCodeAt(at);
    return unit < 0x7f ? text.charAt(at) : `\\u${unit.toString(16).padStart(4, "0")}`;
  });
  return `"${escapes.join("")}"`;
}

/** The name of the program's resource was looked up, and the account has a unique one. */
function onlyUniqueNames(
  accounts: readonly User[],
  name: string | undefined,
  operation: string,
): FlexpriceError {
  const found = accounts.map((account) => `${JSON.stringify(account.name)} (${account.id})`);
  return new FlexpriceError({
    kind: "not_found",
    operation,
    reason: `no service account that is not archived has exactly this name; there is ${firstOf(found)}: without "name" in its program an account gets a unique name`,
    fix: `look it up by its id, or set name: ${JSON.stringify(name)} on its ServiceAccount, which renames it in place.`,
  });
}

function firstOf(texts: readonly string[]): string {
  const unnamed = texts.length - MAX_NAMED;
  return `${texts.slice(0, MAX_NAMED).join(", ")}${unnamed > 0 ? ` and ${unnamed} more` : ""}`;
}

/** A slip in a role must not pass for a role that nobody has; a server that tells no roles leaves it at that. */
async function requireRole(connection: Connection, role: string, operation: string): Promise<void> {
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
    operation,
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
