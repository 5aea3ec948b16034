import type { Key, User } from "../api/schemas";
import { roleProblems, uniqueSorted } from "../shared/roles";
import { ProgramNames } from "./generate-names";
import { byAge, byOwner } from "./rows";
import { bare, quoted, quoteShort } from "./wording";

/** What a tenant holds, and who asks. */
export interface TenantSnapshot {
  readonly baseUrl: string;
  /** Milliseconds of the epoch. */
  readonly now: number;
  readonly caller: User;
  readonly accounts: readonly User[];
  readonly keys: readonly Key[];
  /** What keeps keys from being all there, for the reader of the program. */
  readonly keysMissing: string | undefined;
  /** Roles that a service account can have on this server. */
  readonly offered: readonly string[];
  /** Name of the connection that the resources are to have. */
  readonly connection: string | undefined;
}

/** A program, and what stands in it. */
export interface Program {
  readonly text: string;
  /** Accounts that it takes over. */
  readonly adopted: number;
  /** Accounts that stand in comments. */
  readonly leftOut: number;
  /** Keys that stand in comments. */
  readonly keys: number;
}

/** A TypeScript program that takes the accounts over and changes nothing of them. */
export function renderProgram(holdings: TenantSnapshot): Program {
  const { accounts, keys } = holdings;
  // In the order of their creation: what is made later changes nothing above it.
  const ordered = [...accounts].sort(byAge);
  const keysOf = byOwner(
    keys.filter(({ user_type }) => user_type === "service_account").sort(byAge),
  );
  const names = { accounts: new ProgramNames(), keys: new ProgramNames() };
  const refused = new Map(
    ordered.flatMap((account) => {
      const reason = whyNotAdopted(account, holdings);
      return reason === undefined ? [] : [[account.id, reason]];
    }),
  );
  const sections = ordered.map((account) => {
    const logicalName = names.accounts.logical(account.name, "account");
    const own = keysOf.get(account.id) ?? [];
    const variable = own.length === 0 ? undefined : names.accounts.variable(logicalName);
    const code = accountCode(account, logicalName, variable, holdings);
    const reason = refused.get(account.id);
    return [
      ...nameComment(account.name, logicalName),
      ...(reason === undefined ? code : [`Not taken over: ${reason}`, ...code].map(comment)),
      ...own.flatMap((key) => keyComment(key, String(variable), names.keys, holdings)),
    ];
  });
  const known = new Set(accounts.map(({ id }) => id));
  const stray = [...keysOf].filter(([owner]) => !known.has(owner)).flatMap(([, some]) => some);
  const adopted = accounts.length - refused.size;
  const lines = [
    ...header(holdings, adopted > 0),
    ...sections.flatMap((section) => ["", ...section]),
    ...(stray.length === 0 ? [] : ["", ...strayComment(stray)]),
  ];
  return {
    text: `${lines.join("\n")}\n`,
    adopted,
    leftOut: refused.size,
    keys: [...keysOf.values()].flat().length,
  };
}

function header(
  { baseUrl, now, caller, keysMissing }: TenantSnapshot,
  isProgram: boolean,
): string[] {
  const remarks = [
    `The service accounts of Flexprice tenant ${bare(caller.tenant.id)}`,
    `at ${bare(baseUrl)}, as they were at ${new Date(now).toISOString()}.`,
    "",
    '"pulumi up" takes them over and changes nothing of them. From then on they are managed: to',
    "remove a resource from the program archives its account. Leave out what another stack manages.",
    'Once they are taken over, the lines with "adopt" can go.',
    "",
    "Accounts and keys keep the names that they have. A new one that replaces an account later is",
    'called after the resource; where others look the account up by its name, set "name" to that.',
    "",
    "API keys stand in comments, because a key's value cannot be read back. For each of them:",
    "- Where you have its value, put that into the config under the key's id, and take the comment",
    '  signs off its ApiKey, and off the two lines about "config" below:',
    "    pulumi config set --secret secret_…",
    '- Otherwise take them off without "adopt": that makes a new key. Hand its value on to whoever',
    "  uses the old one, and then revoke the old one.",
    ...(keysMissing === undefined ? [] : [`Keys may be missing here: ${bare(keysMissing)}`]),
  ];
  const imports = [
    'import * as flexprice from "pulumi-flexprice";',
    comment('import * as pulumi from "@pulumi/pulumi";'),
    comment("const config = new pulumi.Config();"),
  ];
  return [...remarks.map(comment), ...(isProgram ? imports : ["export {};"])];
}

/** Why taking the account over would fail, or change something. */
function whyNotAdopted(account: User, { caller, offered }: TenantSnapshot): string | undefined {
  if (account.id === caller.id) {
    return "the credential that was used acts for it, and a destroy would archive it.";
  }
  const problems = roleProblems(account.roles, offered);
  if (account.roles.length === 0) return "it has no role, and a ServiceAccount needs one.";
  return problems.length === 0 ? undefined : bare(problems.join(" "));
}

/** What the account is called, where the logical name does not tell. */
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
  const title = `API key ${named(key)}`;
  const expiresAt = key.expires_at ?? undefined;
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now) {
    return [comment(`${title}, has expired: nothing is left to take over.`)];
  }
  return [
    `${title}${expiresAt === undefined ? "" : `, expires ${bare(expiresAt)}`}:`,
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

function strayComment(keys: readonly Key[]): string[] {
  return [
    "API keys of accounts that are archived. They work all the same: revoke them if nobody uses them.",
    ...keys.map((key) => `- ${named(key)}, of ${bare(key.user_id)}`),
  ].map(comment);
}

function named({ id, name, display_id, created_at }: Key): string {
  return `${quoteShort(name)}, ${bare(display_id)} (${bare(id)}), made on ${bare(created_at.slice(0, 10))}`;
}

function connectionLine(connection: string | undefined): string[] {
  return connection === undefined ? [] : [`  connection: ${quoted(connection)},`];
}

function comment(line: string): string {
  return line === "" ? "//" : `// ${line}`;
}
