import { styleText } from "node:util";
import ms from "ms";
import type { User } from "../../api/schemas";
import { escapeControl, quoted, redact } from "../../shared/redaction";
import { ACCOUNT } from "../classification";
import type { CommandContext } from "../command-context";
import { pluralize, rolesText } from "../listing";
import type { StackExport } from "../stack-export";
import { writeParagraph } from "../terminal";
import {
  expiryOf,
  type KeyRow,
  type Management,
  PROBLEMS,
  type Problem,
  problemNames,
} from "./rows";
import { type Column, tableLines } from "./table";

/** The keys, and what they were compared with. */
export interface KeysReport {
  readonly rows: readonly KeyRow[];
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  readonly exports: readonly StackExport[];
  readonly warnings: readonly string[];
  /** What the list cannot show. */
  readonly notVisible: string;
  readonly caller: User;
  readonly baseUrl: string;
}

const NOTHING = "-";

/** Prints the keys: on a terminal as a table of its width, with details below each row; otherwise one line per key. */
export function printKeys({ stdout }: CommandContext, report: KeysReport): void {
  const { rows, exports, caller, baseUrl, notVisible } = report;
  if (rows.length === 0) stdout.write("No keys.\n");
  else if (stdout.isTTY === true) printForReading(stdout, report);
  else stdout.write(`${plainLines(report).join("\n")}\n`);
  stdout.write("\n");
  writeParagraph(stdout, "", `${summaryOf(rows)}.`);
  writeParagraph(stdout, "Tenant: ", `${escapeControl(caller.tenant.id)} at ${baseUrl}`);
  if (exports.length > 0) {
    const stacks = exports.map(({ stack = "an empty one", source }) => `${stack} (${source})`);
    writeParagraph(stdout, "Stacks: ", stacks.map(escapeControl).join(", "));
  }
  writeParagraph(stdout, "Not visible: ", `${notVisible}.`);
}

function printForReading(stdout: CommandContext["stdout"], report: KeysReport): void {
  const columns = [...nameColumns, ...timeColumns(report), ...stackColumns(report)];
  const [titles = "", ...lines] = linesOf(columns, report.rows, stdout.columns || 80);
  stdout.write(`${styleText("bold", titles, { stream: stdout })}\n`);
  for (const [i, row] of report.rows.entries()) {
    stdout.write(`${lines[i]}\n`);
    writeParagraph(stdout, "  ", detailsText(row));
    const left = leftText(row);
    if (left !== undefined) writeParagraph(stdout, "  ", left);
    if (row.problems.length === 0) continue;
    const paint = (mark: string) => styleText("yellow", mark, { stream: stdout });
    writeParagraph(stdout, "  ! ", problemsText(row.problems), paint);
  }
}

function plainLines(report: KeysReport): string[] {
  const columns: ReportColumn[] = [
    { title: "ID", cell: ({ id }) => escapeControl(id) },
    { title: "VALUE", cell: ({ displayId }) => escapeControl(displayId) },
    ...nameColumns,
    { title: "ROLES", cell: ({ roles }) => rolesText(roles, ",") },
    ...timeColumns(report),
    ...stackColumns(report),
    { title: "PROBLEMS", cell: (row) => problemsText(row.problems) || NOTHING },
  ];
  return linesOf(columns, report.rows);
}

function linesOf(
  columns: readonly ReportColumn[],
  rows: readonly KeyRow[],
  width?: number,
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  return tableLines(columns, cells, width);
}

interface ReportColumn extends Column {
  readonly cell: (row: KeyRow) => string;
}

const nameColumns: readonly ReportColumn[] = [
  { title: "KEY", isFlexible: true, cell: ({ name }) => nameText(name) },
  { title: "OWNER", isFlexible: true, cell: ownerText },
];

function timeColumns({ now, exports }: KeysReport): ReportColumn[] {
  return [
    { title: "AGE", cell: ({ createdAt }) => timeText(now - Date.parse(createdAt)) },
    { title: "EXPIRES", cell: (row) => expiryText(row, now) },
    ...(exports.length > 0
      ? [{ title: "ROTATES", cell: (row: KeyRow) => rotationText(row, now) }]
      : []),
  ];
}

function stackColumns({ exports }: KeysReport): ReportColumn[] {
  return exports.length > 0 ? [{ title: "STACK", isFlexible: true, cell: stackText }] : [];
}

/** A name for a table, in quotes only where nobody could see it without. Redacts it: a name can be a key by mistake. */
export function nameText(name: string): string {
  const clean = redact(name);
  return clean === "" || clean !== clean.trim() ? quoted(clean) : escapeControl(clean);
}

export function ownerText({ owner }: KeyRow): string {
  if (owner.name !== undefined) return nameText(owner.name);
  return `${owner.type === ACCOUNT ? "" : "user "}${escapeControl(owner.id)}`;
}

function detailsText(row: KeyRow): string {
  return [escapeControl(row.id), escapeControl(row.displayId), rolesText(row.roles, ",")].join(" ");
}

export function expiryText(row: Pick<KeyRow, "expiresAt">, now: number): string {
  const expiry = expiryOf(row);
  if (expiry === Number.POSITIVE_INFINITY) return "never";
  return expiry <= now ? `${timeText(now - expiry)} ago` : `in ${timeText(expiry - now)}`;
}

/** When the next `up` replaces the key; a key that is no longer current is not rotated. */
export function rotationText({ rotationDueAt }: KeyRow, now: number): string {
  if (rotationDueAt === undefined) return NOTHING;
  const due = Date.parse(rotationDueAt);
  return due <= now ? "now" : `in ${timeText(due - now)}`;
}

/** Short, and rounded down, so that "in 1d" is at least one day. */
export function timeText(milliseconds: number): string {
  const length = Math.max(0, milliseconds);
  if (Number.isNaN(length)) return "?";
  const unit = UNITS.find((one) => length >= one);
  return unit === undefined ? "0s" : ms(Math.floor(length / unit) * unit);
}

/** Longest first. Years would say too little about a key. */
const UNITS = [ms("1d"), ms("1h"), ms("1m"), ms("1s")];

const WITHOUT_HOLDER: Readonly<Record<Management, string>> = {
  held: NOTHING,
  left: "left",
  none: "none",
  unknown: "?",
  other: NOTHING,
};

export function stackText({ management = "other", heldBy }: KeyRow): string {
  const stacks = [...new Set(heldBy.map(({ stack }) => escapeControl(stack)))].join(",");
  if (stacks === "") return WITHOUT_HOLDER[management];
  return management === "left" ? `left by ${stacks}` : stacks;
}

/** How a rotation left the key to its expiry; undefined if none did. */
export function leftText({ management, heldBy }: KeyRow): string | undefined {
  if (management !== "left") return undefined;
  const [holder] = heldBy;
  if (holder === undefined) return "left to expire by a rotation, as its name and owner tell";
  return `left to expire by a rotation of ${nameText(holder.resource)} in ${escapeControl(holder.stack)}`;
}

export function problemsText(problems: readonly Problem[]): string {
  return problems.map((problem) => PROBLEMS[problem]).join(", ");
}

/** The numbers of keys: all, those with problems, and those that may be in no stack. */
export function summaryOf(rows: readonly KeyRow[]): string {
  const unknown = rows.filter(({ management }) => management === "unknown").length;
  return [
    pluralize(rows.length, "API key"),
    problemCounts(rows),
    ...(unknown === 0 ? [] : [`${unknown} whose stack is not known`]),
  ].join(", ");
}

/** How many keys have each problem, without those that no key has. */
export function countsOf(rows: readonly KeyRow[]): { label: string; count: number }[] {
  return problemNames
    .map((problem) => ({
      label: PROBLEMS[problem],
      count: rows.filter(({ problems }) => problems.includes(problem)).length,
    }))
    .filter(({ count }) => count > 0);
}

function problemCounts(rows: readonly KeyRow[]): string {
  const withProblems = rows.filter(({ problems }) => problems.length > 0).length;
  if (withProblems === 0) return "none with a problem";
  const counts = countsOf(rows).map(({ label, count }) => `${label}: ${count}`);
  return `${withProblems} with problems (${counts.join("; ")})`;
}
