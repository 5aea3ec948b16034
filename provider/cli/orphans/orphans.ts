import { displayIdOf } from "../../api/ids";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { seesEveryKey } from "../../session/key-verification";
import { type FlexpriceError, isFailure, operation } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { EXIT, type ExitStatus, UsageError } from "../exit-status";
import { pluralize, quoteShort } from "../listing";
import { type ConnectOptions, connect, type Session } from "../session";
import { readStackExports, type StackExport } from "../stack-export";
import { rejectOtherTenant } from "../stack-tenant";
import { withProgress, writeJson, writeParagraph } from "../terminal";
import {
  type ConfirmOptions,
  isConfirmed,
  rejectMissingExports,
  rejectUnconfirmable,
} from "./confirm";
import { ageOf, printOrphans, warningsOf } from "./report";
import { findOrphans, type Orphans } from "./search";

export interface OrphansOptions extends ConnectOptions, ConfirmOptions {
  /** Files, or "-" for standard input. */
  readonly stackExport: readonly string[];
  /** In milliseconds. */
  readonly olderThan: number;
  readonly userKeys?: boolean;
  readonly expired?: boolean;
  /** Ids of keys and accounts to leave alone. */
  readonly keep?: readonly string[];
}

/** What was found, and where. */
interface Scan {
  readonly session: Session;
  readonly caller: User;
  readonly exports: readonly StackExport[];
  readonly orphans: Orphans;
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  readonly warnings: readonly string[];
}

/** What happened to an orphan. */
type Outcome = { readonly removed: true } | { readonly removed: false; readonly reason: string };

interface Removal {
  /** By the orphan's id. Orphans that were not tried are absent. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** The failure that ended the removal early. */
  readonly stoppedBy: FlexpriceError | undefined;
}

const SCAN = "look for keys and accounts that no stack knows";

/** Lists the keys and accounts that no given stack holds, and removes them if asked to. */
export async function orphans(
  options: OrphansOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  rejectUnconfirmable(options, context);
  const found = await scan(options, context);
  const count = found.orphans.keys.length + found.orphans.accounts.length;
  if (options.json !== true) print(found, context);
  const { session, orphans, ...rest } = found;
  const removable = { ...rest, ...orphans, baseUrl: session.baseUrl };
  const mayRemove =
    options.revoke === true && count > 0 && (await isConfirmed(removable, options, context));
  const removal = mayRemove ? await remove(found, options, context) : undefined;
  if (options.json === true) {
    writeJson(context.stdout, asJson(found, removal));
  } else if (count > 0 && options.revoke !== true) {
    const hint = "\nTo revoke and archive them, run the same command with --revoke.";
    writeParagraph(context.stdout, "", hint);
  }
  if (removal?.stoppedBy !== undefined) throw removal.stoppedBy;
  return removedCount(removal) === count ? EXIT.done : EXIT.found;
}

/** Compares the tenant with the stacks. */
async function scan(options: OrphansOptions, context: CommandContext): Promise<Scan> {
  const { olderThan, userKeys = false, expired = false } = options;
  const exports = await readStackExports(context, options.stackExport);
  const session = await operation(SCAN, () => connect(context, options));
  const { connection, credential } = session;
  return await withProgress(context, async (progress) => {
    progress("Asking who the credential belongs to …");
    const caller = await connection.caller();
    rejectOtherTenant(exports, caller, credential.source);
    rejectMissingExports(options, { exports, caller });
    progress("Listing the service accounts …");
    const accounts = await connection.reads.freshAccounts();
    progress("Listing the API keys …");
    const keys = await connection.reads.freshKeys();
    const keep = new Set(options.keep);
    rejectUnknownIds(keep, [...accounts, ...keys]);
    const now = connection.api.serverNow();
    const found = findOrphans({
      accounts,
      keys,
      known: exports.flatMap(({ objects }) => objects),
      pending: exports.flatMap(({ pendingObjects }) => pendingObjects),
      caller,
      ownDisplayId: credential.kind === "apiKey" ? displayIdOf(credential.value) : undefined,
      now,
      minimumAgeMs: olderThan + Math.max(...exports.map((one) => ageOf(one, now))),
      keep,
      userKeys,
      expired,
    });
    const warnings = warningsOf(exports, caller, olderThan, now);
    return { session, caller, exports, orphans: found, now, warnings };
  });
}

/** A typo in an id to keep would have it revoked. */
function rejectUnknownIds(
  keep: ReadonlySet<string>,
  rows: readonly { readonly id: string }[],
): void {
  const ids = new Set(rows.map(({ id }) => id));
  const unknown = [...keep].find((id) => !ids.has(id));
  if (unknown === undefined) return;
  throw new UsageError({
    operation: `keep ${unknown}`,
    reason: "no listed key or service account has this id",
    fix: "correct the id, or leave it out.",
  });
}

function print(found: Scan, context: CommandContext): void {
  const { exports, caller, session, warnings } = found;
  const { stdout, stderr } = context;
  for (const warning of warnings) writeParagraph(stderr, "warning: ", escapeControl(warning));
  for (const { source, stack = "an empty one", objects } of exports) {
    const keys = objects.filter(({ kind }) => kind === "key").length;
    const content = `${pluralize(objects.length - keys, "service account")} and ${pluralize(keys, "API key")}`;
    const title = `${escapeControl(stack)} (${escapeControl(source)})`;
    writeParagraph(stdout, "Stack:  ", `${title}, with ${content}`);
  }
  const tenant = escapeControl(caller.tenant.id);
  writeParagraph(stdout, "Tenant: ", `${tenant} at ${session.baseUrl}`);
  printOrphans(context, found.orphans, found.now);
}

/** Revokes the keys and then archives the accounts, one by one. An account is left alone while it keeps a key. */
async function remove(
  { session: { connection }, orphans: { keys, accounts } }: Scan,
  { json }: OrphansOptions,
  context: CommandContext,
): Promise<Removal> {
  const report = (text: string) => json !== true && writeParagraph(context.stdout, "", text);
  const outcomes = new Map<string, Outcome>();
  const isRemoved = (id: string) => outcomes.get(id)?.removed === true;
  const steps = [
    ...keys.map(({ id, name }) => ({
      ...{ id, keys: [], title: `API key ${quoteShort(name)}`, verb: "Revoked" },
      run: ({ api }: Connection) => api.revokeKey(id),
    })),
    ...accounts.map(({ id, name, keys: ownKeys }) => ({
      ...{ id, keys: ownKeys, title: `service account ${quoteShort(name)}`, verb: "Archived" },
      run: ({ api }: Connection) => api.archiveAccount(id),
    })),
  ];
  report("");
  let stoppedBy: FlexpriceError | undefined;
  try {
    for (const [index, { id, keys: ownKeys, title, verb, run }] of steps.entries()) {
      const outcome = ownKeys.every(isRemoved)
        ? await withProgress(context, (show) => {
            show(`${index + 1} of ${steps.length}: ${title} …`);
            return outcomeOf(() => run(connection));
          })
        : { removed: false as const, reason: "not all of its keys could be revoked" };
      outcomes.set(id, outcome);
      const object = `${title} (${escapeControl(id)})`;
      report(
        outcome.removed ? `${verb} ${object}` : `Left ${object}: ${escapeControl(outcome.reason)}`,
      );
    }
  } catch (error) {
    if (!isFailure(error)) throw error;
    stoppedBy = error;
  }
  const removal = { outcomes, stoppedBy };
  report(
    `\n${removedCount(removal)} of ${pluralize(steps.length, "orphan")} removed. A revoked key that was used in the last two minutes may keep working for up to two minutes.`,
  );
  return removal;
}

/** A refusal that concerns this one object is its outcome. Any other failure would meet the rest as well. */
async function outcomeOf(run: () => Promise<void>): Promise<Outcome> {
  try {
    await run();
    return { removed: true };
  } catch (error) {
    if (!isFailure(error, "has_active_keys", "not_found", "invalid")) throw error;
    const hidden =
      ". Those are publishable keys, or keys of other environments, which this credential does not see";
    return {
      removed: false,
      reason: `${error.reason}${error.kind === "has_active_keys" ? hidden : ""}`,
    };
  }
}

function removedCount(removal: Removal | undefined): number {
  return [...(removal?.outcomes.values() ?? [])].filter(({ removed }) => removed).length;
}

function asJson(found: Scan, removal: Removal | undefined): Record<string, unknown> {
  const { session, caller, exports, warnings } = found;
  const withOutcome = <Row extends { readonly id: string }>(rows: readonly Row[]) =>
    rows.map((row) => ({ ...row, ...removal?.outcomes.get(row.id) }));
  return {
    baseUrl: session.baseUrl,
    tenantId: caller.tenant.id,
    seesEveryKey: seesEveryKey(caller),
    exports: exports.map(({ source, stack, time, objects }) => ({
      source,
      stack,
      time,
      accounts: objects.filter(({ kind }) => kind === "account").map(({ id }) => id),
      keys: objects.filter(({ kind }) => kind === "key").map(({ id }) => id),
    })),
    warnings,
    keys: withOutcome(found.orphans.keys),
    accounts: withOutcome(found.orphans.accounts),
    leftOut: Object.fromEntries(found.orphans.skipped),
  };
}
