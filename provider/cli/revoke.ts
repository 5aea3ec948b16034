import ms from "ms";
import { displayIdOf } from "../api/ids";
import type { Key, User } from "../api/schemas";
import type { Connection } from "../session/connection";
import { guardEnvironment, guardTenant } from "../session/guards";
import { REMOVE_ADOPT, seesEveryKey } from "../session/key-verification";
import { isYoung, retryDespiteLag, retryWhileUnknown } from "../session/replica-lag";
import { FlexpriceError, isFailure, operation } from "../shared/errors";
import { escapeControl } from "../shared/redaction";
import { ACCOUNT } from "./classification";
import type { CommandContext } from "./command-context";
import { EXIT, type ExitStatus, UsageError } from "./exit-status";
import { expiryText, nameText, timeText } from "./keys/report";
import { type Holder, holdersOf } from "./keys/rows";
import { quoteShort, rolesText } from "./listing";
import { readStackState } from "./pulumi";
import { type ConnectOptions, connect } from "./session";
import { parseStackExport, readStackExports, type StackExport } from "./stack-export";
import { canAsk, confirm, withProgress, writeParagraph } from "./terminal";

export interface RevokeOptions extends ConnectOptions {
  /** Files, or "-" for standard input. */
  readonly stackExport?: readonly string[];
  readonly yes?: boolean;
}

/** How long the server may accept a revoked key, in milliseconds. */
const CACHED_MS = ms("2m");

/** Where the command looked for resources that hold the key. */
interface Stacks {
  readonly exports: readonly StackExport[];
  /** Why the selected stack is not among them. */
  readonly notSelected: string | undefined;
}

/** The key to revoke, and what uses it. */
interface Leak extends Stacks {
  readonly connection: Connection;
  readonly baseUrl: string;
  readonly caller: User;
  readonly key: Key;
  readonly holders: readonly Holder[];
}

/** Revokes one key by its id, after showing what uses it. */
export async function revoke(
  id: string,
  options: RevokeOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  rejectUnusableOptions(id, options, context);
  return await operation(`revoke API key ${id}`, async () => {
    const leak = await find(id, options, context);
    print(leak, context);
    if (options.yes !== true && !(await isConfirmed(leak, context))) return EXIT.found;
    await withProgress(context, async (progress) => {
      progress("Revoking the key …");
      await end(leak);
    });
    printEnd(leak, context);
    return EXIT.done;
  });
}

function rejectUnusableOptions(id: string, { yes }: RevokeOptions, context: CommandContext): void {
  // A leaked key's value is what people have at hand. It is in the shell's history then, but in no output of this.
  if (/^[sp]k_\w+$/.test(id)) {
    throw new UsageError({
      operation: "revoke an API key",
      reason: "this is the value of a key, not its id",
      fix: `find its id: run "npx pulumi-flexprice keys", and look for ${displayIdOf(id)}. Then remove the value from the history of your shell.`,
    });
  }
  if (!/^secret_\w+$/.test(id)) {
    throw new UsageError({
      operation: "revoke an API key",
      reason: `${quoteShort(id)} is not the id of a key, which is like secret_01JGFJJZZ86S8ZYV050ZAQV38V`,
      fix: 'find the id: run "npx pulumi-flexprice keys".',
    });
  }
  if (yes === true || canAsk(context)) return;
  throw new UsageError({
    operation: `revoke API key ${id}`,
    reason: "there is no terminal on which to ask for a confirmation",
    fix: "revoke it without a confirmation: --yes.",
  });
}

async function find(id: string, options: RevokeOptions, context: CommandContext): Promise<Leak> {
  const given = await readStackExports(context, options.stackExport ?? []);
  const { connection, baseUrl } = await connect(context, options);
  return await withProgress(context, async (progress) => {
    progress("Asking who the credential belongs to …");
    const caller = await connection.caller();
    progress("Reading the state of the stack …");
    const stacks = await lookAtStacks(given, options, context);
    await rejectForeign(stacks.exports, id, connection);
    progress("Looking for the key …");
    const key = (await connection.reads.freshKeys()).find((one) => one.id === id);
    if (key === undefined) throw notVisible(id, connection, caller);
    rejectOwn(connection, key, caller);
    const holders = holdersOf(stacks.exports, id);
    return { connection, baseUrl, caller, key, holders, ...stacks };
  });
}

/** The given exports and the selected stack. A state that cannot be read does not stop anybody from ending a leak. */
async function lookAtStacks(
  given: readonly StackExport[],
  { stack }: RevokeOptions,
  context: CommandContext,
): Promise<Stacks> {
  const state = await readStackState(context, stack);
  if (state.kind !== "read") return { exports: given, notSelected: state.why };
  try {
    const selected = parseStackExport(state.content, "pulumi stack export");
    return { exports: [selected, ...given], notSelected: undefined };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { exports: given, notSelected: error.reason };
  }
}

/** The state of a stack knows where the key belongs. */
async function rejectForeign(
  exports: readonly StackExport[],
  id: string,
  connection: Connection,
): Promise<void> {
  for (const { tenantId, environmentId } of exports
    .flatMap(({ keys }) => keys)
    .filter((resource) => resource.id === id)) {
    await guardTenant(connection, tenantId);
    guardEnvironment(connection, environmentId);
  }
}

/** The command could not prove anything after it, and Pulumi could not run with it. */
function rejectOwn(connection: Connection, key: Key, caller: User): void {
  if (caller.id !== key.user_id || !connection.mayBeKey(key.display_id)) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `it seems to be the operator's own credential, from ${connection.credentialSource}`,
    fix: "create another key for the operator, configure that one, and run the command with it. If there is no time for this, revoke the key in the Flexprice dashboard.",
  });
}

function notVisible(id: string, connection: Connection, caller: User): FlexpriceError {
  const others = seesEveryKey(caller)
    ? ""
    : `, or of another owner than ${caller.type} ${caller.id}: only a super_admin user sees the keys of others`;
  const young = isYoung(connection, id)
    ? " It was created less than ten minutes ago, so a read replica may not know it yet: try again."
    : "";
  return new FlexpriceError({
    kind: "not_found",
    reason: `the credential from ${connection.credentialSource} sees no key with this id. The key is revoked already, or publishable, or of another environment or tenant${others}.${young}`,
    fix: "compare the id with \"npx pulumi-flexprice keys\". Use a super_admin user's credential of the key's environment.",
  });
}

function print(leak: Leak, { stdout, stderr }: CommandContext): void {
  const { key, caller, baseUrl, connection, exports, holders } = leak;
  const now = connection.api.serverNow();
  const id = escapeControl(key.id);
  stdout.write(`${nameText(key.name)}  ${escapeControl(key.display_id)}  ${id}\n`);
  const lines = [
    `of ${ownerText(key)}, in tenant ${escapeControl(caller.tenant.id)} at ${baseUrl}`,
    `${rolesText(key.roles ?? [])}, created ${timeText(now - Date.parse(key.created_at))} ago, ${endText(key, now)}`,
    ...(holders.length === 0 ? [nobodyText(exports)] : holders.map(holderText)),
  ];
  for (const line of lines) writeParagraph(stdout, "  ", line);
  for (const warning of warningsFor(leak)) writeParagraph(stderr, "warning: ", warning);
}

function ownerText({ user_id, user_type, service_account_name: name }: Key): string {
  const id = escapeControl(user_id);
  if (name !== undefined) return `service account ${quoteShort(name)} (${id})`;
  return user_type === ACCOUNT ? `the archived service account ${id}` : `user ${id}`;
}

function endText({ expires_at }: Key, now: number): string {
  if (!expires_at) return "never expires";
  const text = expiryText({ expiresAt: expires_at }, now);
  return `${Date.parse(expires_at) <= now ? "expired" : "expires"} ${text}`;
}

function holderText({ stack, resource, as }: Holder): string {
  const place = `${quoteShort(resource)} in ${escapeControl(stack)}`;
  switch (as) {
    case "current":
      return `the current key of ${place}`;
    case "predecessor":
      return `left to expire by a rotation of ${place}`;
    case "deleted":
      return `an old key of ${place}, which the next up deletes`;
    case "read":
      return `read by ${place}, which does not manage it`;
  }
}

function nobodyText(exports: readonly StackExport[]): string {
  const names = exports.map(({ stack = "an empty stack" }) => escapeControl(stack)).join(", ");
  return exports.length === 0 ? "no stack was looked at" : `in no state of ${names}`;
}

function warningsFor({ key, holders, exports, notSelected }: Leak): string[] {
  const why = notSelected === undefined ? undefined : escapeControl(notSelected);
  return [
    exports.length > 0 && why !== undefined && `the selected stack was not looked at: ${why}`,
    key.user_type === "user" &&
      "it is the key of a user. Pulumi, pipelines or people may use it as their credential, which no state shows. Replace it there first.",
    exports.length === 0 &&
      `no stack was looked at, because ${why ?? "none was given"}. A stack may hold this key, and services may use it. To look at a stack, pass its export: --stack-export FILE.`,
    holders.some(({ as }) => as === "current" || as === "read") &&
      "a stack gives this key to its consumers. Once it is revoked, they have no key that works until the stack gives them another.",
  ].filter((warning) => warning !== false);
}

async function isConfirmed({ key, exports }: Leak, context: CommandContext): Promise<boolean> {
  const { stderr } = context;
  const nothing = exports.length === 0 ? " No stack was looked at." : "";
  writeParagraph(
    stderr,
    "",
    `\nThis will revoke ${escapeControl(key.id)}. Anything that uses it stops working, and it cannot be restored.${nothing}`,
  );
  if (await confirm(context, 'Type "yes" to revoke it: ')) return true;
  stderr.write("Nothing was changed.\n");
  return false;
}

/** What to do if the server does not show that the key is gone. */
const LOOK_AGAIN =
  'look for the key in a minute, with "npx pulumi-flexprice keys", and run the command again if it is there.';

/** Revokes the key, and waits until the list of its owner's keys is without it. */
async function end({ connection, key }: Leak): Promise<void> {
  const { api, reads, platform } = connection;
  try {
    await retryWhileUnknown(connection, key.id, () => api.revokeKey(key.id));
  } catch (error) {
    // Somebody else may have revoked it, or this command, if a response was lost.
    throw isFailure(error, "not_found") ? error.with({ fix: LOOK_AGAIN }) : error;
  }
  try {
    await retryDespiteLag(
      platform,
      async () => {
        const listed = await reads.freshKeys(key.user_id);
        if (!listed.some(({ id }) => id === key.id)) return;
        throw new FlexpriceError({
          kind: "conflict",
          reason: "the list still has the key",
          fix: LOOK_AGAIN,
        });
      },
      ({ kind }) => kind === "conflict",
    );
  } catch (error) {
    if (!isFailure(error)) throw error;
    const reason = `the server has confirmed it, but ${error.reason}`;
    throw error.with({ reason, fix: LOOK_AGAIN });
  }
}

function printEnd(leak: Leak, { stdout }: CommandContext): void {
  const { key, connection, holders } = leak;
  const until = new Date(connection.api.serverNow() + CACHED_MS).toISOString().slice(11, 19);
  writeParagraph(
    stdout,
    "",
    `\nRevoked ${escapeControl(key.id)}. The server no longer lists it. If it was used in the last two minutes, it can work until ${until} UTC, because the server caches keys for two minutes.`,
  );
  for (const holder of holders) writeParagraph(stdout, "- ", nextText(holder, leak));
}

/** What the next operations of a stack that holds the key will do. */
function nextText(holder: Holder, leak: Leak): string {
  const stack = escapeControl(holder.stack);
  const resource = quoteShort(holder.resource);
  switch (holder.as) {
    case "predecessor":
      return `${stack}: nothing to do. The current key of ${resource} is another one, and keeps working.`;
    case "deleted":
      return `${stack}: the next "pulumi up" removes the old resource of ${resource} from the state.`;
    case "read":
      return `${stack}: the program reads the key as ${resource}. Its next "pulumi up" fails, until the program has the id of another key.`;
    case "current":
      return `${stack}: ${currentText(holder, leak)}`;
  }
}

function currentText({ urn, resource }: Holder, { key, exports, connection }: Leak): string {
  const name = quoteShort(resource);
  const states = exports
    .flatMap(({ keys }) => keys)
    .filter((one) => one.urn === urn && one.id === key.id);
  if (!states.some(({ hasValue }) => hasValue)) {
    return `the state of ${name} does not have the key's value, so a refresh cannot prove that the key is gone, and fails. Create another key with "pulumi up --replace", and this URN: ${escapeControl(urn)}`;
  }
  const left = new Set(states.flatMap(({ predecessors }) => predecessors));
  return [
    `run "pulumi up --refresh". It notices that the key of ${name} is gone, creates another, and updates what uses it.`,
    states.some(({ isAdopted }) => isAdopted) && REMOVE_ADOPT,
    'It waits for up to two minutes if the key was in use. Without --refresh, "pulumi up" does not notice.',
    isYoung(connection, key.id) && "A refresh only notices this once the key is ten minutes old.",
    left.size > 0 &&
      `The state of the new key does not list the keys that earlier rotations left to expire. To end one now, revoke it: ${[...left].map(escapeControl).join(", ")}.`,
  ]
    .filter((sentence) => sentence !== false)
    .join(" ");
}
