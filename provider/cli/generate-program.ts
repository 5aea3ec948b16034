import type { Key, User } from "../api/schemas";
import { escapeControl, quoted } from "../shared/redaction";
import { roleProblems, uniqueSorted } from "../shared/roles";
import { ProgramNames } from "./generate-names";
import { byAge, byOwner, quoteShort } from "./listing";

/** What a tenant holds, as the caller sees it. */
export interface TenantSnapshot {
  readonly baseUrl: string;
  /** In milliseconds since 1970. */
  readonly now: number;
  readonly caller: User;
  readonly accounts: readonly User[];
  readonly keys: readonly Key[];
  /** Why keys may be missing, for the reader of the program. */
  readonly keysMissing: string | undefined;
  /** Roles that this server offers to service accounts. */
  readonly offered: readonly string[];
  /** The connection for the resources. */
  readonly connection: string | undefined;
}

/** A program and its content. */
export interface Program {
  readonly text: string;
  /** Accounts that it adopts. */
  readonly adopted: number;
  /** Accounts that are only in comments. */
  readonly skipped: number;
  /** Keys, which are always in comments. */
  readonly keys: number;
}

/** A TypeScript program that adopts the accounts without changing them. */
export function renderProgram(tenant: TenantSnapshot): Program {
  const { accounts, keys } = tenant;
  // Oldest first, so that newer accounts change nothing above them.
  const ordered = [...accounts].sort(byAge);
  const keysOf = byOwner(
    keys.filter(({ user_type }) => user_type === "service_account").sort(byAge),
  );
  const names = { accounts: new ProgramNames(), keys: new ProgramNames() };
  const refused = new Map(
    ordered.flatMap((account) => {
      const reason = whyNotAdopted(account, tenant);
      return reason === undefined ? [] : [[account.id, reason]];
    }),
  );
  const sections = ordered.map((account) => {
    const logicalName = names.accounts.logical(account.name, "account");
    const own = keysOf.get(account.id) ?? [];
    const variable = own.length === 0 ? undefined : names.accounts.variable(logicalName);
    const code = accountCode(account, logicalName, variable, tenant);
    const reason = refused.get(account.id);
    return [
      ...nameComment(account.name, logicalName),
      ...(reason === undefined ? code : [`Not adopted: ${reason}`, ...code].map(comment)),
      ...own.flatMap((key) => keyComment(key, String(variable), names.keys, tenant)),
    ];
  });
  const known = new Set(accounts.map(({ id }) => id));
  const ownerless = [...keysOf].filter(([owner]) => !known.has(owner)).flatMap(([, some]) => some);
  const adopted = accounts.length - refused.size;
  const lines = [
    ...header(tenant, adopted > 0),
    ...sections.flatMap((section) => ["", ...section]),
    ...(ownerless.length === 0 ? [] : ["", ...ownerlessComment(ownerless)]),
  ];
  return {
    text: `${lines.join("\n")}\n`,
    adopted,
    skipped: refused.size,
    keys: [...keysOf.values()].flat().length,
  };
}

function header(
  { baseUrl, now, caller, keysMissing }: TenantSnapshot,
  isProgram: boolean,
): string[] {
  const remarks = [
    `The service accounts of Flexprice tenant ${escapeControl(caller.tenant.id)}`,
    `at ${escapeControl(baseUrl)}, as they were at ${new Date(now).toISOString()}.`,
    "",
    '"pulumi up" adopts them without changing them. From then on they are managed: removing a',
    "resource from the program archives its account. Leave out what another stack manages.",
    'After the first "pulumi up" you can remove the lines with "adopt".',
    "",
    "Accounts and keys keep their names. A new account that replaces one later is named after the",
    'resource. If others look an account up by its name, set "name" to it.',
    "",
    "API keys are in comments, because the value of a key cannot be read again. For each key:",
    "- If you have its value, add it to the config under the key's id, and uncomment its ApiKey and",
    '  the two lines about "config" below:',
    "    pulumi config set --secret secret_…",
    '- Otherwise uncomment it without "adopt", which creates a new key. Give its value to everyone',
    "  who uses the old key, then revoke the old key.",
    ...(keysMissing === undefined
      ? []
      : [`Keys may be missing here: ${escapeControl(keysMissing)}`]),
  ];
  const imports = [
    'import * as flexprice from "pulumi-flexprice";',
    comment('import * as pulumi from "@pulumi/pulumi";'),
    comment("const config = new pulumi.Config();"),
  ];
  return [...remarks.map(comment), ...(isProgram ? imports : ["export {};"])];
}

/** Why adopting the account would fail, or change something. */
function whyNotAdopted(account: User, { caller, offered }: TenantSnapshot): string | undefined {
  if (account.id === caller.id) {
    return "the credential belongs to it, and a destroy would archive it.";
  }
  const problems = roleProblems(account.roles, offered);
  if (account.roles.length === 0) return "it has no role, and a ServiceAccount needs one.";
  return problems.length === 0 ? undefined : escapeControl(problems.join(" "));
}

/** The account's name, where it differs from the logical name. */
function nameComment(name: string, logicalName: string): string[] {
  if (name === logicalName) return [];
  return [comment(name === "" ? "Without a name:" : `${quoteShort(name)}:`)];
}

function accountCode(
  { id, roles }: User,
  logicalName: string,
  variable: string | undefined,
  { connection }: TenantSnapshot,
): string[] {
  return [
    `${variable === undefined ? "" : `const ${variable} = `}new flexprice.ServiceAccount(${quoted(logicalName)}, {`,
    `  roles: [${uniqueSorted(roles).map(quoted).join(", ")}],`,
    `  adopt: ${quoted(id)},`,
    ...connectionLine(connection),
    "});",
  ];
}

function keyComment(
  key: Key,
  variable: string,
  names: ProgramNames,
  { connection, now }: TenantSnapshot,
): string[] {
  const title = `API key ${describeKey(key)}`;
  const expiresAt = key.expires_at ?? undefined;
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now) {
    return [comment(`${title}, has expired: there is nothing to adopt.`)];
  }
  return [
    `${title}${expiresAt === undefined ? "" : `, expires ${escapeControl(expiresAt)}`}:`,
    `new flexprice.ApiKey(${quoted(names.logical(key.name, "key"))}, {`,
    `  serviceAccountId: ${variable}.id,`,
    ...(expiresAt === undefined ? [] : [`  expiresAt: ${quoted(expiresAt)},`]),
    "  adopt: {",
    `    id: ${quoted(key.id)},`,
    `    apiKey: config.requireSecret(${quoted(key.id)}),`,
    "  },",
    ...connectionLine(connection),
    "});",
  ].map(comment);
}

function ownerlessComment(keys: readonly Key[]): string[] {
  return [
    "API keys of archived accounts. They still work: revoke them if nobody uses them.",
    ...keys.map((key) => `- ${describeKey(key)}, of ${escapeControl(key.user_id)}`),
  ].map(comment);
}

function describeKey({ id, name, display_id, created_at }: Key): string {
  return `${quoteShort(name)}, ${escapeControl(display_id)} (${escapeControl(id)}), created on ${escapeControl(created_at.slice(0, 10))}`;
}

function connectionLine(connection: string | undefined): string[] {
  return connection === undefined ? [] : [`  connection: ${quoted(connection)},`];
}

function comment(line: string): string {
  return line === "" ? "//" : `// ${line}`;
}
