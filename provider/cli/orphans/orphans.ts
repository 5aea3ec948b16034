import { seesEveryKey } from "../../session/key-verification";
import { type FlexpriceError, isFailure } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { type CompareOptions, compareWithStacks } from "../comparison";
import { EXIT, type ExitStatus, UsageError } from "../exit-status";
import { pluralize, quoteShort } from "../listing";
import { withProgress, writeJson, writeParagraph } from "../terminal";
import {
  type ConfirmOptions,
  isConfirmed,
  rejectMissingExports,
  rejectUnconfirmable,
} from "./confirm";
import { printScan, type Scan } from "./report";
import { findOrphans, orphanCount } from "./search";

export interface OrphansOptions extends CompareOptions, ConfirmOptions {
  readonly expired?: boolean;
  /** Ids of keys and accounts to leave alone. */
  readonly keep?: readonly string[];
}

/** What happened to an orphan. */
type Outcome = { readonly removed: true } | { readonly removed: false; readonly reason: string };

interface Removal {
  /** By the orphan's id. Orphans that were not tried are absent. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** The failure that ended the removal early. */
  readonly stoppedBy: FlexpriceError | undefined;
}

const SCAN = "look for keys and accounts that no stack manages";

/** Lists the keys and accounts that no given stack holds, and removes them if asked to. */
export async function orphans(
  options: OrphansOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  rejectUnconfirmable(options, context);
  const found = await scan(options, context);
  const count = orphanCount(found.orphans);
  if (options.json !== true) printScan(found, context);
  const mayRemove =
    options.revoke === true && count > 0 && (await isConfirmed(found, options, context));
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
  const compared = await compareWithStacks(SCAN, options, context, (exports, caller) =>
    rejectMissingExports(options, exports, caller),
  );
  const { criteria } = compared;
  const keep = new Set(options.keep);
  rejectUnknownIds(keep, [...criteria.accounts, ...criteria.keys]);
  const { expired = false } = options;
  return { ...compared, orphans: findOrphans({ ...criteria, keep, expired }) };
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

/** Revokes the keys and then archives the accounts, one by one. An account is left alone while it keeps a key. */
async function remove(
  { session, orphans: { keys, accounts } }: Scan,
  { json }: OrphansOptions,
  context: CommandContext,
): Promise<Removal> {
  const { api } = session.connection;
  const report = (text: string) => json !== true && writeParagraph(context.stdout, "", text);
  const outcomes = new Map<string, Outcome>();
  const isRemoved = (id: string) => outcomes.get(id)?.removed === true;
  const steps = [
    ...keys.map(({ id, name }) => ({
      ...{ id, keys: [], title: `API key ${quoteShort(name)}`, verb: "Revoked" },
      run: () => api.revokeKey(id),
    })),
    ...accounts.map(({ id, name, keys: ownKeys }) => ({
      ...{ id, keys: ownKeys, title: `service account ${quoteShort(name)}`, verb: "Archived" },
      run: () => api.archiveAccount(id),
    })),
  ];
  report("");
  let stoppedBy: FlexpriceError | undefined;
  try {
    for (const [index, { id, keys: ownKeys, title, verb, run }] of steps.entries()) {
      const outcome = ownKeys.every(isRemoved)
        ? await withProgress(context, (show) => {
            show(`${index + 1} of ${steps.length}: ${title} …`);
            return outcomeOf(run);
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
  const { session, exports, criteria, warnings } = found;
  const { caller } = criteria;
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
