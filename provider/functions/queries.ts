import { z } from "zod";
import { isUniqueNameOf } from "../session/auto-name";
import type { Connection } from "../session/connection";
import { seesEveryKey } from "../session/key-verification";
import type { Key, User } from "../api/schemas";
import type { Connections } from "../session/connection-pool";
import { FlexpriceError, isFailure } from "../shared/errors";
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
import { quoted } from "../shared/redaction";
import { described } from "../session/guards";
import { toCheckFailures } from "../lifecycle/context";
import { noteLookup } from "../resources/program-config";
import { asSet, nearest, roleProblems } from "../shared/roles";

/** So many accounts an error names; nobody reads more. */
const MOST_NAMED = 10;

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

/** Answers look-ups, all of them over the same connections. */
export class Inquiries {
  constructor(private readonly connections: Connections) {}

  async serviceAccount(args: GetServiceAccountArgs): Promise<ServiceAccountInfo> {
    const { id, name, connection } = checked(serviceAccountArgs, args, "look up a service account");
    const attempted = `look up service account ${id ?? JSON.stringify(name)}`;
    return await this.ask(connection, attempted, "users", async (connection) => {
      if (id === undefined) {
        return accountInfo(onlyOne(await connection.inventory.accounts(), name, attempted));
      }
      const found = await connection.inventory.account(id);
      if (found !== undefined) return accountInfo(found);
      throw new FlexpriceError({
        kind: "not_found",
        attempted,
        answer: `the tenant of the credential from ${connection.credentialSource} has no service account with this id that is not archived`,
        advice: "correct the id, or the credential if the account belongs to another tenant.",
      });
    });
  }

  async serviceAccounts(args: GetServiceAccountsArgs): Promise<ServiceAccountInfo[]> {
    const attempted = "look up service accounts";
    const { role, name, connection } = checked(serviceAccountsArgs, args, attempted);
    return await this.ask(connection, attempted, "users", async (connection) => {
      const found = (await connection.inventory.accounts())
        .filter((account) => role === undefined || account.roles.includes(role))
        .filter((account) => name === undefined || account.name === name);
      if (found.length === 0 && role !== undefined) await requireRole(connection, role, attempted);
      return found.map(accountInfo);
    });
  }

  async apiKeys(args: GetApiKeysArgs): Promise<ApiKeyInfo[]> {
    const { serviceAccountId, connection } = checked(apiKeysArgs, args, "look up API keys");
    const attempted = `look up ${serviceAccountId === undefined ? "API keys" : `the API keys of ${serviceAccountId}`}`;
    return await this.ask(connection, attempted, "secrets", async (connection) => {
      const caller = await connection.caller();
      if (!seesEveryKey(caller) && serviceAccountId !== caller.id) {
        throw new FlexpriceError({
          kind: "forbidden",
          attempted,
          answer: `the credential from ${connection.credentialSource} is ${described(caller)}: Flexprice shows it no keys but its own`,
          advice: `use a credential of a user with super_admin, or ask for its own keys with serviceAccountId: "${caller.id}".`,
        });
      }
      return (await connection.inventory.keys(serviceAccountId)).map(keyInfo);
    });
  }

  async roles(args: GetRolesArgs): Promise<RoleInfo[]> {
    const attempted = "look up roles";
    const { connection } = checked(overArgs, args, attempted);
    return await this.ask(connection, attempted, "roles", async ({ inventory }) => {
      const { all, assignable } = await inventory.roles();
      return all
        .map((role) => ({ ...role, assignable: assignable.some(({ id }) => id === role.id) }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  }

  async caller(args: GetCallerArgs): Promise<CallerInfo> {
    const attempted = "look up who the credential belongs to";
    const { connection } = checked(overArgs, args, attempted);
    return await this.ask(connection, attempted, "itself", async (connection) => {
      const caller = await connection.caller();
      return { ...accountInfo(caller), type: caller.type };
    });
  }

  /** A failure is told as that of the look-up, also where it shared its request with others. */
  private async ask<Result>(
    name: string | undefined,
    attempted: string,
    entity: string,
    ask: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const connection = this.connections.connect(name, attempted);
    noteLookup(name, this.connections.fingerprint(name));
    try {
      return await ask(connection);
    } catch (error) {
      if (!isFailure(error) || error.attempted === attempted) throw error;
      const advice = isFailure(error, "forbidden")
        ? `use a credential with a role that may read ${entity} (now: ${connection.credentialSource}).`
        : undefined;
      throw error.during(attempted, advice);
    }
  }
}

function checked<Args>(schema: z.ZodType<Args>, args: unknown, attempted: string): Args {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  throw new FlexpriceError({
    kind: "invalid",
    attempted,
    answer: toCheckFailures(parsed.error)
      .map(({ reason }) => reason)
      .join("; "),
    advice:
      "correct the arguments of the look-up; those that are outputs of a resource go to its form whose name ends in Output.",
  });
}

function onlyOne(accounts: readonly User[], name: string | undefined, attempted: string): User {
  const [found, ...others] = accounts.filter((account) => account.name === name);
  if (found === undefined) {
    const madeFromIt = accounts.filter((account) => isUniqueNameOf(name ?? "", account.name));
    if (madeFromIt.length > 0) throw onlyUniqueNames(madeFromIt, name, attempted);
    const names = accounts.map((account) => account.name);
    const alike = names.find((one) => one.normalize("NFC") === name?.normalize("NFC"));
    const near = alike ?? nearest(name ?? "", names);
    throw new FlexpriceError({
      kind: "not_found",
      attempted,
      answer: `no service account that is not archived has this name${near === undefined ? "" : `; there is ${quoted(near)}`}${alike === undefined ? "" : ", which looks the same, and is written with other characters (Unicode composes letters with marks in two ways, NFC and NFD)"}`,
      advice:
        alike === undefined
          ? "correct the name, upper and lower case included, or look the account up by its id."
          : `look the account up by its id, or write its name as the server has it: ${escapedNonAscii(alike)}.`,
    });
  }
  if (others.length === 0) return found;
  const ids = [found, ...others].map(({ id }) => id);
  throw new FlexpriceError({
    kind: "refused",
    attempted,
    answer: `${ids.length} service accounts have this name: ${firstOf(ids)}`,
    advice: "look it up by its id: names are not unique.",
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
  attempted: string,
): FlexpriceError {
  const found = accounts.map((account) => `${JSON.stringify(account.name)} (${account.id})`);
  return new FlexpriceError({
    kind: "not_found",
    attempted,
    answer: `no service account that is not archived has exactly this name; there is ${firstOf(found)}: without "name" in its program an account gets a unique name`,
    advice: `look it up by its id, or set name: ${JSON.stringify(name)} on its ServiceAccount, which renames it in place.`,
  });
}

function firstOf(texts: readonly string[]): string {
  const unnamed = texts.length - MOST_NAMED;
  return `${texts.slice(0, MOST_NAMED).join(", ")}${unnamed > 0 ? ` and ${unnamed} more` : ""}`;
}

/** A slip in a role must not pass for a role that nobody has; a server that tells no roles leaves it at that. */
async function requireRole(connection: Connection, role: string, attempted: string): Promise<void> {
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
    attempted,
    answer: problem,
    advice: "correct the role.",
  });
}

function accountInfo({ id, name, roles, tenant }: User): ServiceAccountInfo {
  return { id, name, roles: asSet(roles), tenantId: tenant.id };
}

function keyInfo(key: Key): ApiKeyInfo {
  return {
    id: key.id,
    displayId: key.display_id,
    name: key.name,
    type: key.type,
    roles: asSet(key.roles ?? []),
    userId: key.user_id,
    userType: key.user_type,
    ...(key.expires_at == null ? {} : { expiresAt: key.expires_at }),
    createdAt: key.created_at,
  };
}
