import ms from "ms";
import type { CommandContext } from "./command-context";
import type { OrphanAccount, OrphanKey, Orphans, SkipReason } from "./orphans-search";
import { coloured, writeParagraph } from "./terminal";
import { bare, pluralize, quoteShort } from "./wording";

/** Shows the orphans to a person. */
export function listOrphans(shell: CommandContext, orphans: Orphans, now: number): void {
  const { stdout } = shell;
  const section = (count: number, thing: string) => {
    const title = `${pluralize(count, thing)} that no given stack knows`;
    stdout.write(`\n${coloured(shell, stdout, "bold", title)}\n`);
  };
  if (orphans.keys.length > 0) section(orphans.keys.length, "API key");
  for (const key of orphans.keys) {
    stdout.write(`  ${bare(key.id)}  ${bare(key.displayId)}  ${quoteShort(key.name)}\n`);
    writeParagraph(stdout, "    ", `of ${ownerText(key)}`);
    const expiry = expiryText(key, now);
    writeParagraph(stdout, "    ", `${rolesText(key)}, ${ageText(key, now)}, ${expiry}`);
  }
  if (orphans.accounts.length > 0) section(orphans.accounts.length, "service account");
  for (const account of orphans.accounts) {
    stdout.write(`  ${bare(account.id)}  ${quoteShort(account.name)}\n`);
    const keys = account.keys.length === 0 ? "" : `, with ${account.keys.length} of the keys above`;
    writeParagraph(stdout, "    ", `${rolesText(account)}, ${ageText(account, now)}${keys}`);
  }
  if (orphans.keys.length + orphans.accounts.length === 0) {
    stdout.write("\nNo orphans: the given stacks know all that counts.\n");
  }
  stdout.write("\n");
  const excuses = [...orphans.skipped].map(([excuse, count]) => SKIP_REASONS[excuse](count));
  if (excuses.length > 0) writeParagraph(stdout, "Left out: ", `${excuses.join("; ")}.`);
  writeParagraph(
    stdout,
    "Not visible: ",
    "publishable keys, which no list shows, and keys of other environments than the credential's.",
  );
}

const SKIP_REASONS: Readonly<Record<SkipReason, (count: number) => string>> = {
  own: (count) => `${pluralize(count, "object")} that the credential itself needs`,
  kept: (count) => `${count} named by --keep`,
  ofUser: (count) => `${pluralize(count, "key")} of users (--user-keys counts them)`,
  expired: (count) =>
    `${pluralize(count, "key")} that ${count === 1 ? "has" : "have"} expired (--expired counts them)`,
  leftToExpire: (count) =>
    `${pluralize(count, "key")} that a rotation left to ${count === 1 ? "its" : "their"} own expiry`,
  pending: (count) =>
    `${pluralize(count, "object")} that a pending operation may have made (run "pulumi up", which settles it)`,
  young: (count) => `${pluralize(count, "object")} too young to be in every export (--older-than)`,
  inUse: (count) => `${pluralize(count, "account")} with a key that is left out`,
};

export function nameOfKey({ name, id }: OrphanKey): string {
  return `API key ${quoteShort(name)} (${bare(id)})`;
}

export function nameOfAccount({ name, id }: OrphanAccount): string {
  return `service account ${quoteShort(name)} (${bare(id)})`;
}

function ownerText({ owner }: OrphanKey): string {
  const { id, name, type, isArchived, isKnown } = owner;
  if (type !== "service_account") return `user ${bare(id)}`;
  if (isArchived) return `service account ${bare(id)}, which is archived`;
  return `${quoteShort(name ?? "")} (${bare(id)}), which ${isKnown ? "a" : "no"} stack knows`;
}

function rolesText({ roles }: { readonly roles: readonly string[] }): string {
  return roles.length === 0 ? "no role" : roles.map(bare).join(", ");
}

function ageText({ createdAt }: { readonly createdAt?: string }, now: number): string {
  if (createdAt === undefined) return "made at an unknown time";
  return `made ${ms(Math.max(0, now - Date.parse(createdAt)), { long: true })} ago`;
}

function expiryText({ expiresAt, hasExpired }: OrphanKey, now: number): string {
  if (expiresAt === undefined) return "never expires";
  const distance = ms(Math.abs(Date.parse(expiresAt) - now), { long: true });
  return hasExpired ? `expired ${distance} ago` : `expires in ${distance}`;
}
