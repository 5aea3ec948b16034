import type { Key, User } from "../../api/schemas";
import { escapeControl, quoted } from "../../shared/redaction";
import { roleProblems, uniqueSorted } from "../../shared/roles";
import { byAge, groupBy, quoteShort } from "../listing";
import { ProgramNames } from "./names";
import type { Selection } from "./selection";

/** What to do with the keys of a program with accounts. */
const KEYS = [
  "API keys are in comments, because the value of a key cannot be read again. For each key:",
  "- If you have its value, add it to the config under the key's id, and uncomment its ApiKey and",
  '  the two lines about "config" below:',
  "    pulumi config set --secret secret_…",
  '- Otherwise uncomment it without "adopt", which creates a new key. Give its value to everyone',
  "  who uses the old key, then revoke the old key.",
];

/** What to do with the keys of a program with components. */
const COMPONENT_KEYS = [
  "API keys are in comments, because the value of a key cannot be read again. For each service:",
  "- If you have the value of its key, add it to the config under the key's id, and uncomment the",
  '  line with "key:" and the two lines about "config" below:',
  "    pulumi config set --secret secret_…",
  "- Otherwise the component creates a new key. Give its value to the service, then revoke the old",
  "  key.",
  'As long as a component has "adopt", it cannot be destroyed while its account has other keys.',
  'Without "adopt", destroying it revokes them.',
];

const PENDING =
  'an interrupted operation of a given stack may have created it. Run "pulumi up" there, and export the stack again.';

const NEVER_EXPIRES =
  "it never expires, so a component cannot adopt it. A ServiceAccount with an ApiKey can.";

/** What a tenant holds, as the caller sees it, and how to write it. */
export interface TenantSnapshot extends Selection {
  readonly baseUrl: string;
  /** In milliseconds since 1970. */
  readonly now: number;
  readonly caller: User;
  /** Why keys may be missing, for the reader of the program. */
  readonly keysMissing: string | undefined;
  /** Roles that this server offers to service accounts. */
  readonly offered: readonly string[];
  /** The connection for the resources. */
  readonly connection: string | undefined;
  /** Whether each account and its key become a component. */
  readonly component: boolean;
}

/** A program and its content. */
export interface Program {
  readonly text: string;
  /** Accounts that it adopts. */
  readonly adopted: number;
  /** Accounts that are only in comments. */
  readonly skipped: number;
}

/** A TypeScript program that adopts the accounts without changing them. */
export function renderProgram(tenant: TenantSnapshot): Program {
  const { accounts, heldAccounts, keys } = tenant;
  // Oldest first, so that newer accounts change nothing above them.
  const ordered = [...accounts].sort(byAge);
  const keysOf = groupBy([...keys].sort(byAge), ({ user_id }) => user_id);
  const names = { accounts: new ProgramNames(), keys: new ProgramNames() };
  const reasons = ordered.map((account) => whyNotAdopted(account, tenant));
  const skipped = reasons.filter((reason) => reason !== undefined).length;
  const sections = ordered.map((account, i) => {
    const logicalName = names.accounts.logical(account.name, "account");
    const own = keysOf.get(account.id) ?? [];
    const variable =
      own.length === 0 || tenant.component ? undefined : names.accounts.variable(logicalName);
    const code = tenant.component
      ? componentCode(account, logicalName, own, tenant)
      : accountCode(account, logicalName, variable, tenant);
    const reason = reasons[i];
    return [
      ...nameComment(account.name, logicalName),
      ...(reason === undefined ? code : [`Not adopted: ${reason}`, ...code].map(comment)),
      ...(variable === undefined
        ? []
        : own.flatMap((key) => keyComment(key, `${variable}.id`, names.keys, tenant))),
    ];
  });
  const heldSections = [...heldAccounts].sort(byAge).flatMap((account) => {
    const own = keysOf.get(account.id) ?? [];
    if (own.length === 0) return [];
    const title = `Of ${quoteShort(account.name)} (${escapeControl(account.id)}), which a given stack has:`;
    const code = own.flatMap((key) => keyComment(key, quoted(account.id), names.keys, tenant));
    return [[comment(title), ...code]];
  });
  const known = new Set([...accounts, ...heldAccounts].map(({ id }) => id));
  const ownerless = [...keysOf].filter(([owner]) => !known.has(owner)).flatMap(([, some]) => some);
  const adopted = accounts.length - skipped;
  const lines = [
    ...header(tenant, adopted > 0),
    ...[...sections, ...heldSections].flatMap((section) => ["", ...section]),
    ...(ownerless.length === 0 ? [] : ["", ...ownerlessComment(ownerless)]),
  ];
  return { text: `${lines.join("\n")}\n`, adopted, skipped };
}

function header(tenant: TenantSnapshot, isProgram: boolean): string[] {
  const { baseUrl, now, caller, keysMissing, leftOut, component } = tenant;
  const remarks = [
    `The service accounts of Flexprice tenant ${escapeControl(caller.tenant.id)}`,
    `at ${escapeControl(baseUrl)}, as they were at ${new Date(now).toISOString()}.`,
    ...leftOut.map((sentence) => `Left out: ${sentence}`),
    "",
    '"pulumi up" adopts them without changing them. From then on they are managed: removing a',
    "resource from the program archives its account. Leave out what another stack manages.",
    'After the first "pulumi up" you can remove "adopt".',
    "",
    "Accounts and keys keep their names. A new account that replaces one later is named after the",
    'resource. If others look an account up by its name, set "name" to it.',
    "",
    ...(component ? COMPONENT_KEYS : KEYS),
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

/** Why adopting the account would fail, change something, or end what a stack has. */
function whyNotAdopted(account: User, tenant: TenantSnapshot): string | undefined {
  const { caller, offered, component, heldKeys, pending } = tenant;
  if (account.id === caller.id) {
    return "the credential belongs to it, and a destroy would archive it.";
  }
  if (pending.has(account.id)) return PENDING;
  const heldKey = heldKeys.find(({ user_id }) => user_id === account.id);
  if (component && heldKey !== undefined) {
    return `a given stack has its key ${escapeControl(heldKey.id)}, which a destroy would revoke.`;
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
  tenant: TenantSnapshot,
): string[] {
  const declared = variable === undefined ? "" : `const ${variable} = `;
  return resourceCode(`${declared}new flexprice.ServiceAccount`, logicalName, tenant, [
    rolesLine(roles),
    `adopt: ${quoted(id)},`,
  ]);
}

/** A component. Its account has an id, and its key is in comments, for who has the value. */
function componentCode(
  { id, roles }: User,
  logicalName: string,
  keys: readonly Key[],
  tenant: TenantSnapshot,
): string[] {
  const whyNot = (key: Key) =>
    whyKeyNotAdopted(key, tenant) ?? (key.expires_at == null ? NEVER_EXPIRES : undefined);
  const count = keys.filter((key) => whyNot(key) === undefined).length;
  const remarks = [
    ...(count === 0 ? ["The component creates a key, because none can be adopted."] : []),
    ...(count > 1 ? ["It adopts one key: the one that its service uses. The others stay."] : []),
    ...keys.flatMap((key) => [
      keyTitle(key),
      whyNot(key) ??
        `key: { id: ${quoted(key.id)}, apiKey: config.requireSecret(${quoted(key.id)}) },`,
    ]),
  ];
  return resourceCode("new flexprice.ServiceIdentity", logicalName, tenant, [
    rolesLine(roles),
    "adopt: {",
    `  serviceAccountId: ${quoted(id)},`,
    ...remarks.map((line) => `  ${comment(line)}`),
    "},",
  ]);
}

function keyComment(
  key: Key,
  owner: string,
  names: ProgramNames,
  tenant: TenantSnapshot,
): string[] {
  const reason = whyKeyNotAdopted(key, tenant);
  if (reason !== undefined) return [comment(`${keyTitle(key)} ${reason}`)];
  const code = resourceCode("new flexprice.ApiKey", names.logical(key.name, "key"), tenant, [
    `serviceAccountId: ${owner},`,
    ...(key.expires_at == null ? [] : [`expiresAt: ${quoted(key.expires_at)},`]),
    "adopt: {",
    `  id: ${quoted(key.id)},`,
    `  apiKey: config.requireSecret(${quoted(key.id)}),`,
    "},",
  ]);
  return [keyTitle(key), ...code].map(comment);
}

/** The code that declares a resource with these arguments. */
function resourceCode(
  call: string,
  logicalName: string,
  { connection }: TenantSnapshot,
  args: readonly string[],
): string[] {
  const all = connection === undefined ? args : [...args, `connection: ${quoted(connection)},`];
  return [`${call}(${quoted(logicalName)}, {`, ...all.map((line) => `  ${line}`), "});"];
}

function rolesLine(roles: readonly string[]): string {
  return `roles: [${uniqueSorted(roles).map(quoted).join(", ")}],`;
}

function keyTitle(key: Key): string {
  const expiry = key.expires_at ? `, expires ${escapeControl(key.expires_at)}` : "";
  return `API key ${describeKey(key)}${expiry}:`;
}

function whyKeyNotAdopted(key: Key, { now, pending }: TenantSnapshot): string | undefined {
  if (key.expires_at && Date.parse(key.expires_at) <= now) {
    return "it has expired, and there is nothing to adopt.";
  }
  return pending.has(key.id) ? PENDING : undefined;
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

function comment(line: string): string {
  return line === "" ? "//" : `// ${line}`;
}
