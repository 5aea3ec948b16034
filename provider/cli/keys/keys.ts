import ms from "ms";
import type { User } from "../../api/schemas";
import { describeCaller } from "../../session/guards";
import { seesEveryKey } from "../../session/key-verification";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { type CompareOptions, compareWithStacks } from "../comparison";
import { EXIT, type ExitStatus, UsageError } from "../exit-status";
import { groupBy, NOT_VISIBLE, pluralize } from "../listing";
import { outputFile } from "../output-file";
import type { StackExport } from "../stack-export";
import { writeJson, writeParagraph } from "../terminal";
import { expiringWithin, type FailCondition, failing } from "./fail-on";
import { renderPage } from "./page";
import { type KeysReport, nameText, printKeys, problemsText, summaryOf } from "./report";
import { describeKeys, expiryOf, type KeyRow, type Problem } from "./rows";

export interface KeysOptions extends CompareOptions {
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

/** Lists the visible keys with what is wrong with them. */
export async function keys(options: KeysOptions, context: CommandContext): Promise<ExitStatus> {
  const { failOn = [], left = false, html, force } = options;
  rejectUnusableOptions(options);
  const writePage = outputFile(context, html, force);
  const all = await report(options, context);
  const failed = failing(all.rows, failOn);
  const shown = { ...all, rows: left ? all.rows.filter((row) => isLeft(row, all.now)) : all.rows };
  writePage?.(renderPage(shown));
  if (options.json === true) {
    writeJson(context.stdout, asJson(shown, failed));
  } else {
    for (const warning of all.warnings) {
      writeParagraph(context.stderr, "warning: ", escapeControl(warning));
    }
    if (writePage === undefined) printKeys(context, shown);
    else writeParagraph(context.stderr, "", `${html}: ${summaryOf(shown.rows)}.`);
  }
  printFailed(failed, failOn, context);
  return failed.length > 0 ? EXIT.found : EXIT.done;
}

function rejectUnusableOptions({ stackExport, failOn = [], left, html, force }: KeysOptions): void {
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

async function report(options: KeysOptions, context: CommandContext): Promise<KeysReport> {
  const { session, exports, criteria, warnings } = await compareWithStacks(LIST, options, context);
  const { caller, now } = criteria;
  const expiringWithinMs = expiringWithin(options.failOn ?? []);
  return {
    ...{ baseUrl: session.baseUrl, caller, exports, now },
    rows: describeKeys({ ...criteria, exports, expiringWithinMs }),
    warnings: [...warnings, ...sameStackWarnings(exports)],
    notVisible: notVisible(caller),
  };
}

/** What the server does not show to this caller. */
function notVisible(caller: User): string {
  if (seesEveryKey(caller)) return NOT_VISIBLE;
  return `${NOT_VISIBLE}. The credential belongs to ${describeCaller(caller)}, so keys of others are not visible either: only a super_admin user sees them`;
}

/** Whether a rotation left the key to its expiry, and it still works. */
function isLeft(row: KeyRow, now: number): boolean {
  return row.management === "left" && expiryOf(row) > now;
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
  { baseUrl, caller, exports, rows, now, warnings, notVisible }: KeysReport,
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
