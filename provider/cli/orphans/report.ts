import { styleText } from "node:util";
import ms from "ms";
import type { User } from "../../api/schemas";
import { describeCaller } from "../../session/guards";
import { seesEveryKey } from "../../session/key-verification";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { NOT_VISIBLE, pluralize, quoteShort, rolesText } from "../listing";
import type { StackExport } from "../stack-export";
import { isForeign } from "../stack-tenant";
import { writeParagraph } from "../terminal";
import type { OrphanAccount, OrphanKey, Orphans, SkipReason } from "./search";

/** How far the clock that wrote an export may be ahead of the server's before its time means nothing. */
const MAX_AHEAD_MS = 60_000;

/**
 * How long ago the state in an export was written, in milliseconds; infinite if its time cannot be right. The clock is
 * that of the machine on which Pulumi ran.
 */
export function ageOf({ time }: StackExport, now: number): number {
  const written = Date.parse(time);
  if (!isTime(written) || written - now > MAX_AHEAD_MS) return Number.POSITIVE_INFINITY;
  // A clock that is ahead is ahead by at least this much.
  return Math.abs(now - written);
}

/** Go's zero time, in a stack that was never updated, lies before 1970. */
function isTime(milliseconds: number): boolean {
  return milliseconds > 0;
}

/** What makes the result incomplete, or doubtful. */
export function warningsOf(
  exports: readonly StackExport[],
  caller: User,
  olderThan: number,
  now: number,
): readonly string[] {
  const warnings = exports.flatMap((stackExport) => [
    ...contentWarning(stackExport, caller),
    ...ageWarning(stackExport, olderThan, now),
    ...pendingWarning(stackExport),
  ]);
  if (seesEveryKey(caller)) return warnings;
  return [
    ...warnings,
    `the credential belongs to ${describeCaller(caller)}. Only a super_admin user sees the keys of others, so they are not checked.`,
  ];
}

function contentWarning(stackExport: StackExport, caller: User): string[] {
  const { source, objects } = stackExport;
  if (objects.length === 0) {
    return [
      `${source} has no Flexprice resource in it. If its stack has some, this is the wrong export, and they would be taken for orphans.`,
    ];
  }
  if (!isForeign(stackExport, caller)) return [];
  return [`${source} has resources of other tenants only, none of ${caller.tenant.id}.`];
}

function ageWarning(stackExport: StackExport, olderThan: number, now: number): string[] {
  const { source, time } = stackExport;
  const age = ageOf(stackExport, now);
  const again = `Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.`;
  if (!isTime(Date.parse(time))) {
    return [
      `${source} does not say when its state was written (${quoteShort(time)}), so nothing is checked. ${again}`,
    ];
  }
  if (age === Number.POSITIVE_INFINITY) {
    return [
      `${source} has a state that was written at ${time}, which is ahead of the server's clock, so nothing is checked. Set the clock of the machine that runs Pulumi. ${again}`,
    ];
  }
  if (age <= olderThan) return [];
  return [
    `${source} has a state that was written ${ms(age, { long: true })} ago. Anything created since, or less than ${ms(olderThan, { long: true })} before, is not checked. ${again}`,
  ];
}

function pendingWarning({ source, pendingOperations }: StackExport): string[] {
  if (pendingOperations === 0) return [];
  return [
    `${source} has ${pluralize(pendingOperations, "pending operation")}: an update is running, or was interrupted. What it may have created is not checked. Wait for it, or run "pulumi up" and then "pulumi refresh --clear-pending-creates". Then export the stack again.`,
  ];
}

/** Prints the orphans for a person. */
export function printOrphans(context: CommandContext, orphans: Orphans, now: number): void {
  const { stdout } = context;
  const { keys, accounts, skipped } = orphans;
  const printTitle = (count: number, thing: string) => {
    if (count === 0) return;
    const title = `${pluralize(count, thing)} that no given stack knows`;
    stdout.write(`\n${styleText("bold", title, { stream: stdout })}\n`);
  };
  printTitle(keys.length, "API key");
  for (const key of keys) {
    const { id, displayId, name } = key;
    const ids = `${escapeControl(id)}  ${escapeControl(displayId)}`;
    writeParagraph(stdout, "  ", `${ids}  ${quoteShort(name)}`);
    writeParagraph(stdout, "    ", `of ${ownerText(key)}`);
    const expiry = expiryText(key, now);
    writeParagraph(stdout, "    ", `${rolesText(key.roles)}, ${ageText(key, now)}, ${expiry}`);
  }
  printTitle(accounts.length, "service account");
  for (const account of accounts) {
    writeParagraph(stdout, "  ", `${escapeControl(account.id)}  ${quoteShort(account.name)}`);
    const ownKeys =
      account.keys.length === 0 ? "" : `, with ${account.keys.length} of the keys above`;
    writeParagraph(
      stdout,
      "    ",
      `${rolesText(account.roles)}, ${ageText(account, now)}${ownKeys}`,
    );
  }
  if (keys.length + accounts.length === 0) {
    writeParagraph(stdout, "", "\nNo orphans: the given stacks know everything that counts.");
  }
  stdout.write("\n");
  const reasons = [...skipped].map(([reason, count]) => SKIP_REASONS[reason](count));
  if (reasons.length > 0) writeParagraph(stdout, "Left out: ", `${reasons.join("; ")}.`);
  writeParagraph(stdout, "Not visible: ", `${NOT_VISIBLE}.`);
}

const SKIP_REASONS: Readonly<Record<SkipReason, (count: number) => string>> = {
  own: (count) => `${pluralize(count, "object")} that the credential itself needs`,
  kept: (count) => `${count} named by --keep`,
  ofUser: (count) => `${pluralize(count, "key")} of users (--user-keys counts them)`,
  expired: (count) => `${pluralize(count, "expired key")} (--expired counts them)`,
  leftToExpire: (count) => `${pluralize(count, "key")} that a rotation left to expire`,
  pending: (count) =>
    `${pluralize(count, "object")} that a pending operation may have created (run "pulumi up", which resolves it)`,
  young: (count) => `${pluralize(count, "object")} too young to be in every export (--older-than)`,
  inUse: (count) => `${pluralize(count, "account")} with a key that is left out`,
};

function ownerText({ owner }: OrphanKey): string {
  const id = escapeControl(owner.id);
  if (owner.type !== "service_account") return `user ${id}`;
  if (owner.isArchived) return `service account ${id}, which is archived`;
  return `${quoteShort(owner.name ?? "")} (${id}), which ${owner.isKnown ? "a" : "no"} stack knows`;
}

function ageText({ createdAt }: OrphanKey | OrphanAccount, now: number): string {
  if (createdAt === undefined) return "created at an unknown time";
  return `created ${ms(Math.max(0, now - Date.parse(createdAt)), { long: true })} ago`;
}

function expiryText({ expiresAt, hasExpired }: OrphanKey, now: number): string {
  if (expiresAt === undefined) return "never expires";
  const distance = ms(Math.abs(Date.parse(expiresAt) - now), { long: true });
  return hasExpired ? `expired ${distance} ago` : `expires in ${distance}`;
}
