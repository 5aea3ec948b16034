import { styleText } from "node:util";
import ms from "ms";
import { escapeControl } from "../../shared/redaction";
import { ACCOUNT, type SkipReason } from "../classification";
import type { CommandContext, Screen } from "../command-context";
import type { Comparison } from "../comparison";
import { NOT_VISIBLE, pluralize, quoteShort, rolesText } from "../listing";
import { writeParagraph } from "../terminal";
import { type OrphanAccount, type OrphanKey, type Orphans, orphanCount } from "./search";

/** A tenant compared with its stacks, and what no stack manages. */
export interface Scan extends Comparison {
  readonly orphans: Orphans;
}

/** Prints a scan for a person. */
export function printScan(scan: Scan, context: CommandContext): void {
  const { exports, criteria, session, warnings } = scan;
  const { stdout, stderr } = context;
  for (const warning of warnings) writeParagraph(stderr, "warning: ", escapeControl(warning));
  for (const { source, stack = "an empty one", objects } of exports) {
    const keys = objects.filter(({ kind }) => kind === "key").length;
    const content = `${pluralize(objects.length - keys, "service account")} and ${pluralize(keys, "API key")}`;
    const title = `${escapeControl(stack)} (${escapeControl(source)})`;
    writeParagraph(stdout, "Stack:  ", `${title}, with ${content}`);
  }
  const tenant = escapeControl(criteria.caller.tenant.id);
  writeParagraph(stdout, "Tenant: ", `${tenant} at ${session.baseUrl}`);
  printOrphans(scan.orphans, criteria.now, stdout);
}

function printOrphans(orphans: Orphans, now: number, stdout: Screen): void {
  const { keys, accounts, skipped } = orphans;
  const printTitle = (count: number, thing: string) => {
    if (count === 0) return;
    const title = `${pluralize(count, thing)} that no given stack manages`;
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
  if (orphanCount(orphans) === 0) {
    writeParagraph(stdout, "", "\nNo orphans: the given stacks manage everything that counts.");
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
  if (owner.type !== ACCOUNT) return `user ${id}`;
  if (owner.isArchived) return `service account ${id}, which is archived`;
  return `${quoteShort(owner.name ?? "")} (${id}), which ${owner.isKnown ? "a" : "no"} stack manages`;
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
