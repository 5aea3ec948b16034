import type { User } from "../../api/schemas";
import { FlexpriceError, operation } from "../../shared/errors";
import { capitalized, escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { isForeign } from "../comparison";
import { UsageError } from "../exit-status";
import { pluralize } from "../listing";
import type { StackExport } from "../stack-export";
import { ask, canAsk, writeParagraph } from "../terminal";
import type { Scan } from "./report";
import { type Orphans, orphanCount } from "./search";

export interface ConfirmOptions {
  readonly revoke?: boolean;
  /** Skips the question, for a few objects. */
  readonly yes?: boolean;
  /** As `yes`, for exactly this many objects. */
  readonly yesRevoke?: number;
  /** How many stacks have resources of the tenant, as the user counts them. */
  readonly stacks?: number;
  readonly json?: boolean;
}

/** More objects than a script removes with `--yes` alone: a missing export makes many orphans at once. */
const MAX_PLAIN_YES = 20;

/** @throws UsageError before anything is read, if nobody could confirm. */
export function rejectUnconfirmable(options: ConfirmOptions, context: CommandContext): void {
  const { revoke, stacks, json } = options;
  if (revoke !== true) return;
  const name = "revoke what no stack manages";
  const fix =
    "check the list without --revoke first. Then revoke without a question: --yes --stacks N, where N is the number of stacks that have resources of this tenant.";
  if (!isYes(options) && (json === true || !canAsk(context))) {
    const reason =
      json === true
        ? "--json shows no list before it asks for a confirmation"
        : "there is no terminal on which to ask for a confirmation";
    throw new UsageError({ operation: name, reason, fix });
  }
  if (isYes(options) && stacks === undefined) {
    const reason = "without a question, nothing shows that an export is missing";
    throw new UsageError({ operation: name, reason, fix });
  }
}

/**
 * How many stacks the exports are of. Several exports of one stack count once, and those without resources of the
 * tenant do not count.
 */
function countStacks(exports: readonly StackExport[], caller: User): number {
  return new Set(exports.filter((one) => !isForeign(one, caller)).map(({ stack }) => stack)).size;
}

/** @throws FlexpriceError if the exports are of another number of stacks than `--stacks`. */
export function rejectMissingExports(
  { stacks }: ConfirmOptions,
  exports: readonly StackExport[],
  caller: User,
): void {
  const given = countStacks(exports, caller);
  if (stacks === undefined || stacks === given) return;
  throw new FlexpriceError({
    kind: "refused",
    operation: "compare the tenant with its stacks",
    reason: otherNumber(stacks, given),
    fix: "pass one export of every stack that has resources of this tenant, and their number: --stacks.",
  });
}

function otherNumber(counted: number, given: number): string {
  return `you count ${pluralize(counted, "stack")}, and the exports have resources of this tenant from ${given}`;
}

/** Whether the user wants this removal. On a terminal, the user has to know how many stacks there are. */
export async function isConfirmed(
  scan: Scan,
  options: ConfirmOptions,
  context: CommandContext,
): Promise<boolean> {
  const removal = describeRemoval(scan.orphans);
  return await operation(removal, async () => {
    if (!isYes(options)) return await isAnswered(scan, removal, context);
    rejectPlainYes(scan, options);
    rejectForeignExports(scan);
    return true;
  });
}

async function isAnswered(
  { exports, criteria, session }: Scan,
  removal: string,
  context: CommandContext,
): Promise<boolean> {
  const { caller } = criteria;
  const { stderr } = context;
  const tenant = `tenant ${escapeControl(caller.tenant.id)} at ${session.baseUrl}`;
  writeParagraph(
    stderr,
    "",
    `\nThis will ${removal} of ${tenant}. Anything that uses them stops working, and they cannot be restored. If the export of a stack is missing, this includes the keys of that stack.`,
  );
  const given = countStacks(exports, caller);
  if (given === 0) {
    // Otherwise a user who reads "0 stacks" in the list would answer 0, and end the whole tenant.
    throw new FlexpriceError({
      kind: "refused",
      reason: `none of the exports has a resource of tenant ${caller.tenant.id}, so every key and account of the tenant would count as an orphan`,
      fix: 'pass the export of every stack of this tenant. If no stack has any of its resources, revoke keys one by one: "npx pulumi-flexprice revoke".',
    });
  }
  const answer = await ask(context, "How many stacks have resources of this tenant? ");
  const number = /^\d{1,9}$/.test(answer) ? Number(answer) : undefined;
  if (number === given) return true;
  const counted = number === undefined ? "" : `${otherNumber(number, given)}. `;
  writeParagraph(stderr, "", `${capitalized(counted)}Nothing was changed.`);
  return false;
}

function isYes({ yes, yesRevoke }: ConfirmOptions): boolean {
  return yes === true || yesRevoke !== undefined;
}

function rejectPlainYes({ orphans }: Scan, { yesRevoke }: ConfirmOptions): void {
  const count = orphanCount(orphans);
  if (yesRevoke === count || (yesRevoke === undefined && count <= MAX_PLAIN_YES)) return;
  throw new FlexpriceError({
    kind: "refused",
    reason:
      yesRevoke === undefined
        ? `these are ${count} objects, and --yes alone removes at most ${MAX_PLAIN_YES}`
        : `these are ${count} objects, and --yes-revoke allows ${yesRevoke}`,
    fix: `check the list without --revoke. To remove all of it: --yes-revoke ${count}.`,
  });
}

/** Nobody reads a warning in a script, and the export of a wrong stack would have a whole stack revoked. */
function rejectForeignExports({ exports, criteria: { caller } }: Scan): void {
  const foreign = exports.filter((one) => isForeign(one, caller)).map(({ source }) => source);
  if (foreign.length === 0) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `${foreign.join(", ")} has no resource of tenant ${caller.tenant.id}. If it is the export of a wrong stack, everything in the right one would be taken for an orphan`,
    fix: "leave out exports without Flexprice resources, or confirm on a terminal, without --yes.",
  });
}

function describeRemoval({ keys, accounts }: Orphans): string {
  return [
    ...(keys.length > 0 ? [`revoke ${pluralize(keys.length, "API key")}`] : []),
    ...(accounts.length > 0 ? [`archive ${pluralize(accounts.length, "service account")}`] : []),
  ].join(" and ");
}
