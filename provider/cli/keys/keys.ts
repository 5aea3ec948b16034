import { resolve } from "node:path";
import ms from "ms";
import { displayIdOf } from "../../api/ids";
import type { User } from "../../api/schemas";
import { describeCaller } from "../../session/guards";
import { seesEveryKey } from "../../session/key-verification";
import { operation } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { EXIT, type ExitStatus, UsageError } from "../exit-status";
import { groupBy, NOT_VISIBLE, pluralize } from "../listing";
import { ageOf, warningsOf } from "../orphans/report";
import { rejectExisting, writeOutput } from "../output-file";
import { type ConnectOptions, connect } from "../session";
import { readStackExports, type StackExport } from "../stack-export";
import { rejectOtherTenant } from "../stack-tenant";
import { withProgress, writeJson, writeParagraph } from "../terminal";
import { expiringWithin, type FailCondition, failing } from "./fail-on";
import { renderPage } from "./page";
import { nameText, printKeys, problemsText, summaryOf } from "./report";
import { describeKeys, expiryOf, type KeyRow, type Problem } from "./search";

export interface KeysOptions extends ConnectOptions {
  /** Files, or "-" for standard input. */
  readonly stackExport?: readonly string[];
  /** In milliseconds. */
  readonly olderThan: number;
  readonly userKeys?: boolean;
  /** Whether to list only keys that a rotation left to their expiry, and that still work. */
  readonly left?: boolean;
  readonly failOn?: readonly FailCondition[];
  readonly json?: boolean;
  /** The file of a page. */
  readonly html?: string;
  /** Whether to overwrite an existing file. */
  readonly force?: boolean;
}

const LIST = "list the API keys";

/** Problems that only the states of stacks tell. */
const OF_STACKS: readonly Problem[] = ["unmanaged", "rotation-due"];

/** What was found, and where. */
interface Overview {
  readonly baseUrl: string;
  readonly caller: User;
  readonly exports: readonly StackExport[];
  readonly rows: readonly KeyRow[];
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  readonly warnings: readonly string[];
  readonly notVisible: string;
}

/** Lists the visible keys with what is wrong with them. */
export async function keys(options: KeysOptions, context: CommandContext): Promise<ExitStatus> {
  const { failOn = [], html, force = false } = options;
  rejectUnusable(options);
  const path = html === undefined ? undefined : resolve(context.directory, html);
  if (path !== undefined) rejectExisting(path, force);
  const overview = await gather(options, context);
  const shown = {
    ...overview,
    rows: overview.rows.filter((row) => isShown(row, options, overview)),
  };
  const failed = failing(overview.rows, failOn);
  const report = { ...shown, hasStacks: overview.exports.length > 0 };
  if (path !== undefined) writeOutput(path, renderPage(report), force);
  if (options.json === true) {
    writeJson(context.stdout, asJson(shown, failed));
  } else {
    for (const warning of overview.warnings) {
      writeParagraph(context.stderr, "warning: ", escapeControl(warning));
    }
    if (path === undefined) printKeys(context, { ...report, ...headOf(overview) });
    else writeParagraph(context.stderr, "", `${html}: ${summaryOf(shown)}.`);
  }
  printFailed(failed, failOn, context);
  return failed.length > 0 ? EXIT.found : EXIT.done;
}

function headOf({ caller, exports }: Overview): { tenantId: string; stacks: string[] } {
  const stacks = exports.map(({ stack = "an empty one", source }) => `${stack} (${source})`);
  return { tenantId: caller.tenant.id, stacks };
}

function rejectUnusable({ stackExport, failOn = [], left, html, force }: KeysOptions): void {
  const ofStacks = failOn.find(({ problem }) => OF_STACKS.includes(problem));
  const needsStacks =
    left === true ? "--left" : ofStacks === undefined ? undefined : `--fail-on ${ofStacks.text}`;
  if (needsStacks !== undefined && stackExport === undefined) {
    throw new UsageError({
      operation: LIST,
      reason: `${needsStacks} needs the stacks of this tenant: only their states tell`,
      fix: "pass the export of every stack: --stack-export FILE...",
    });
  }
  if (force !== true || html !== undefined) return;
  throw new UsageError({
    operation: LIST,
    reason: "--force was given, and there is no file to overwrite",
    fix: "name the file: --html FILE.",
  });
}

async function gather(options: KeysOptions, context: CommandContext): Promise<Overview> {
  const { stackExport = [], olderThan, userKeys = false, failOn = [] } = options;
  const exports = await readStackExports(context, stackExport);
  const { connection, credential, baseUrl } = await operation(LIST, () =>
    connect(context, options),
  );
  return await withProgress(context, async (progress) => {
    progress("Asking who the credential belongs to …");
    const caller = await connection.caller();
    rejectOtherTenant(exports, caller, credential.source);
    progress("Listing the service accounts …");
    const accounts = await connection.reads.freshAccounts();
    progress("Listing the API keys …");
    const listed = await connection.reads.freshKeys();
    const now = connection.api.serverNow();
    const rows = describeKeys({
      accounts,
      keys: listed,
      exports,
      caller,
      ownDisplayId: credential.kind === "apiKey" ? displayIdOf(credential.value) : undefined,
      now,
      minimumAgeMs: olderThan + Math.max(0, ...exports.map((one) => ageOf(one, now))),
      userKeys,
      expiringWithinMs: expiringWithin(failOn),
    });
    return {
      ...{ baseUrl, caller, exports, rows, now },
      warnings: [...warningsOf(exports, caller, olderThan, now), ...sameStackWarnings(exports)],
      notVisible: notVisible(caller),
    };
  });
}

/** What the server does not show to this caller. */
function notVisible(caller: User): string {
  if (seesEveryKey(caller)) return NOT_VISIBLE;
  return `${NOT_VISIBLE}. The credential belongs to ${describeCaller(caller)}, so keys of others are not visible either: only a super_admin user sees them`;
}

function isShown(row: KeyRow, { left }: KeysOptions, { now }: Overview): boolean {
  return left !== true || (row.management === "left" && expiryOf(row) > now);
}

function printFailed(
  failed: readonly KeyRow[],
  conditions: readonly FailCondition[],
  { stderr }: CommandContext,
): void {
  if (failed.length === 0) return;
  const named = new Set(conditions.map(({ problem }) => problem));
  const texts = conditions.map(({ text }) => text).join(",");
  stderr.write(`\n${pluralize(failed.length, "API key")} with --fail-on ${texts}:\n`);
  for (const row of failed) {
    writeParagraph(
      stderr,
      "  ",
      `${escapeControl(row.id)} ${nameText(row.name)}: ${problemsText(row.problems.filter((one) => named.has(one)))}`,
    );
  }
}

function asJson(
  { baseUrl, caller, exports, rows, now, warnings, notVisible }: Overview,
  failed: readonly KeyRow[],
): Record<string, unknown> {
  const days = (instant: string | undefined) =>
    instant === undefined ? undefined : Math.floor((Date.parse(instant) - now) / ms("1d"));
  return {
    baseUrl,
    tenantId: caller.tenant.id,
    seesEveryKey: seesEveryKey(caller),
    notVisible,
    exports: exports.map(({ source, stack, time }) => ({ source, stack, time })),
    warnings,
    keys: rows.map((row) => ({
      ...row,
      ageDays: Math.floor((now - Date.parse(row.createdAt)) / ms("1d")),
      daysToExpiry: days(row.expiresAt),
      daysToRotation: days(row.rotationDueAt),
    })),
    failed: failed.map(({ id }) => id),
  };
}

/** An older state of a stack has keys that the stack has replaced since. */
function sameStackWarnings(exports: readonly StackExport[]): string[] {
  const sources = exports.flatMap(({ stack, source }) =>
    stack === undefined ? [] : [{ stack, source }],
  );
  return [...groupBy(sources, ({ stack }) => stack)]
    .filter(([, same]) => same.length > 1)
    .map(([stack, same]) => {
      const files = same.map(({ source }) => source).join(", ");
      return `${files} are exports of one stack, ${escapeControl(stack)}. If one is older, it shows keys that have been replaced since: leave it out.`;
    });
}
