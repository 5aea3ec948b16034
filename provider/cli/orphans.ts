import { seesEveryKey } from "../session/key-verification";
import { FlexpriceError } from "../shared/errors";
import { redact } from "../shared/redaction";
import type { CommandContext } from "./command-context";
import { EXIT, type ExitStatus, UsageError } from "./exit-status";
import { listOrphans, nameOfAccount, nameOfKey } from "./orphans-list";
import { type Outcome, type Removal, removeOrphans } from "./orphans-removal";
import { isForeign, type Scan, type ScanOptions, scan } from "./orphans-scan";
import { STDIN } from "./stack-export";
import { canAsk, confirm, writeParagraph } from "./terminal";
import { bare, pluralize } from "./wording";

export interface OrphansOptions extends ScanOptions {
  readonly revoke?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Lists the keys and accounts that no given stack knows, and removes them where that is asked for. */
export async function orphans(options: OrphansOptions, shell: CommandContext): Promise<ExitStatus> {
  checkOptions(options, shell);
  const seen = await scan(options, shell);
  const count = seen.orphans.keys.length + seen.orphans.accounts.length;
  if (options.json !== true) show(seen, shell);
  const isWanted = options.revoke === true && count > 0;
  const removal =
    isWanted && (await mayRemove(seen, options, shell))
      ? await remove(seen, options, shell)
      : undefined;
  if (options.json === true) {
    shell.stdout.write(`${redact(JSON.stringify(asJson(seen, removal), null, 2))}\n`);
  } else if (count > 0 && options.revoke !== true) {
    shell.stdout.write("\nTo revoke and archive them, run the same command with --revoke.\n");
  }
  if (removal?.stoppedBy !== undefined) throw removal.stoppedBy;
  return removedOf(removal) === count ? EXIT.done : EXIT.found;
}

function checkOptions(
  { stackExport, revoke, yes, json }: OrphansOptions,
  shell: CommandContext,
): void {
  const operation = "look for orphans";
  if (stackExport.filter((source) => source === STDIN).length > 1) {
    throw new UsageError({
      operation,
      reason: '"-" was given more than once, and standard input can be read once',
      fix: "write the exports to files.",
    });
  }
  if (revoke !== true || yes === true || (json !== true && canAsk(shell))) return;
  throw new UsageError({
    operation: "revoke what no stack knows",
    reason:
      json === true
        ? "with --json nothing is shown before it is asked about"
        : "there is no terminal on which to ask for a confirmation",
    fix: "look at the list without --revoke first; then --yes revokes without asking.",
  });
}

function show(
  { exports, caller, contact, orphans: found, now, warnings }: Scan,
  shell: CommandContext,
): void {
  const { stdout, stderr } = shell;
  for (const warning of warnings) writeParagraph(stderr, "warning: ", bare(warning));
  for (const { source, stack, objects } of exports) {
    const keys = objects.filter(({ kind }) => kind === "key").length;
    writeParagraph(
      stdout,
      "Stack:  ",
      `${bare(stack ?? "an empty one")} (${bare(source)}), with ${pluralize(objects.length - keys, "service account")} and ${pluralize(keys, "API key")}`,
    );
  }
  writeParagraph(stdout, "Tenant: ", `${bare(caller.tenant.id)} at ${contact.baseUrl}`);
  listOrphans(shell, found, now);
}

async function mayRemove(
  { exports, caller, contact, orphans: found }: Scan,
  { yes }: OrphansOptions,
  shell: CommandContext,
): Promise<boolean> {
  const what = [
    ...(found.keys.length > 0 ? [`revoke ${pluralize(found.keys.length, "API key")}`] : []),
    ...(found.accounts.length > 0
      ? [`archive ${pluralize(found.accounts.length, "service account")}`]
      : []),
  ].join(" and ");
  if (yes === true) {
    const strange = exports.filter(({ objects }) =>
      objects.every(({ tenantId }) => isForeign(tenantId, caller)),
    );
    if (strange.length === 0) return true;
    // Nobody reads a warning in a script, and the wrong stack's export would have a whole stack revoked.
    throw new FlexpriceError({
      kind: "refused",
      operation: what,
      reason: `no resource of tenant ${caller.tenant.id} is in ${strange.map(({ source }) => source).join(", ")}: if that is the export of a wrong stack, what the right one has would be taken for orphans`,
      fix: "leave out exports that have nothing to say; without --yes it can be confirmed on a terminal.",
    });
  }
  writeParagraph(
    shell.stderr,
    "",
    `\nThis will ${what} of tenant ${bare(caller.tenant.id)} at ${contact.baseUrl}. What uses them stops working, and nothing brings them back.`,
  );
  if (await confirm(shell, 'Type "yes" to go on: ')) return true;
  shell.stderr.write("Nothing was changed.\n");
  return false;
}

async function remove(
  { contact, orphans: found }: Scan,
  { json }: OrphansOptions,
  { stdout }: CommandContext,
): Promise<Removal> {
  const say = (outcome: Outcome, done: string, name: string) => {
    if (json === true) return;
    if (outcome.removed) writeParagraph(stdout, "", `${done} ${name}`);
    else writeParagraph(stdout, "", `Left ${name}: ${bare(outcome.reason)}`);
  };
  if (json !== true) stdout.write("\n");
  const removal = await removeOrphans(contact.connection, found, {
    key: (key, outcome) => say(outcome, "Revoked", nameOfKey(key)),
    account: (account, outcome) => say(outcome, "Archived", nameOfAccount(account)),
  });
  if (json !== true) {
    const all = pluralize(found.keys.length + found.accounts.length, "orphan");
    writeParagraph(
      stdout,
      "",
      `\n${removedOf(removal)} of ${all} removed. A revoked key that was used in the last two minutes can go on working for up to two minutes.`,
    );
  }
  return removal;
}

function removedOf(removal: Removal | undefined): number {
  return [...(removal?.outcomes.values() ?? [])].filter(({ removed }) => removed).length;
}

function asJson(scan: Scan, removal: Removal | undefined): Record<string, unknown> {
  const { contact, caller, exports, orphans: found, warnings } = scan;
  const withOutcome = <Row extends { readonly id: string }>(rows: readonly Row[]) =>
    rows.map((row) => ({ ...row, ...removal?.outcomes.get(row.id) }));
  return {
    baseUrl: contact.baseUrl,
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
    keys: withOutcome(found.keys),
    accounts: withOutcome(found.accounts),
    leftOut: Object.fromEntries(found.skipped),
  };
}
