import ms from "ms";
import { displayIdOf } from "../api/ids";
import type { User } from "../api/schemas";
import { describeCaller } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { FlexpriceError } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { UsageError } from "./exit-status";
import { findOrphans, type Orphans } from "./orphans-search";
import { type ConnectOptions, connect, type Session } from "./session";
import { readStackExport, type StackExport } from "./stack-export";
import { withProgress } from "./terminal";
import { pluralize, quoteShort } from "./wording";

/** How far the clock of the engine's machine may be ahead of the server's before its time says nothing. */
const MAX_AHEAD_MS = 60_000;

export interface ScanOptions extends ConnectOptions {
  /** Files, or "-" for standard input. */
  readonly stackExport: readonly string[];
  /** Milliseconds. */
  readonly olderThan: number;
  readonly userKeys?: boolean;
  readonly expired?: boolean;
  /** Ids that are to stay. */
  readonly keep?: readonly string[];
}

/** What was found, and where. */
export interface Scan {
  readonly contact: Session;
  readonly caller: User;
  readonly exports: readonly StackExport[];
  readonly orphans: Orphans;
  /** Milliseconds of the epoch, by the server's clock. */
  readonly now: number;
  readonly warnings: readonly string[];
}

/** Compares what the tenant holds with what the stacks know. */
export async function scan(options: ScanOptions, shell: CommandContext): Promise<Scan> {
  const exports: StackExport[] = [];
  for (const source of options.stackExport) exports.push(await readStackExport(shell, source));
  const contact = await connect(shell, options, "look for keys and accounts that no stack knows");
  const { connection, credential } = contact;
  return await withProgress(shell, async (progress) => {
    progress("Asking who the credential belongs to …");
    const caller = await connection.caller();
    guardTenant(exports, caller, credential.source);
    progress("Listing the service accounts …");
    const accounts = await connection.inventory.accounts();
    progress("Listing the API keys …");
    const keys = await connection.inventory.keys();
    const keep = new Set(options.keep);
    guardKept(keep, [...accounts, ...keys]);
    const now = connection.api.serverNow();
    const ages = exports.map(({ time }) => ageOf(time, now));
    const found = findOrphans({
      accounts,
      keys,
      known: exports.flatMap(({ objects }) => objects),
      pending: exports.flatMap(({ pendingObjects }) => pendingObjects),
      caller,
      ownDisplayId: credential.kind === "apiKey" ? displayIdOf(credential.value) : undefined,
      now,
      minimumAgeMs: options.olderThan + Math.max(...ages),
      keep,
      userKeys: options.userKeys === true,
      expired: options.expired === true,
    });
    const warnings = warningsOf(exports, caller, options.olderThan, now);
    return { contact, caller, exports, orphans: found, now, warnings };
  });
}

/** With the credential of another tenant everything there would seem unknown. */
function guardTenant(exports: readonly StackExport[], caller: User, source: string): void {
  const tenants = new Set(
    exports.flatMap(({ objects }) => objects.map(({ tenantId }) => tenantId)),
  );
  if (tenants.size === 0 || tenants.has(undefined) || tenants.has(caller.tenant.id)) return;
  throw new FlexpriceError({
    kind: "wrong_tenant",
    operation: "look for keys and accounts that no stack knows",
    reason: `the exports hold resources of tenant ${[...tenants].join(", ")}, and the credential from ${source} belongs to tenant ${caller.tenant.id}`,
    fix: "use a credential of that tenant, or the exports of this one's stacks.",
  });
}

/** A slip in an id that is to stay would have it revoked. */
function guardKept(keep: ReadonlySet<string>, rows: readonly { readonly id: string }[]): void {
  const ids = new Set(rows.map(({ id }) => id));
  const [stranger] = [...keep].filter((id) => !ids.has(id));
  if (stranger === undefined) return;
  throw new UsageError({
    operation: `keep ${stranger}`,
    reason: "there is no key and no service account with this id among those that were listed",
    fix: "correct the id, or leave it out.",
  });
}

function warningsOf(
  exports: readonly StackExport[],
  caller: User,
  olderThan: number,
  now: number,
): readonly string[] {
  const ofExports = exports.flatMap(({ source, time, objects, pendingOperations }) => [
    ...(objects.length === 0
      ? [
          `${source} has no Flexprice resource in it. If its stack has some, this is not its export, and what they are would be taken for orphans.`,
        ]
      : []),
    ...(objects.length > 0 && objects.every(({ tenantId }) => isForeign(tenantId, caller))
      ? [`${source} has resources of other tenants only: ${caller.tenant.id} is not in it.`]
      : []),
    ...ageWarning(source, time, olderThan, now),
    ...(pendingOperations > 0
      ? [
          `${source} has ${pluralize(pendingOperations, "pending operation")}: an update is running, or was cut off. What it may have made is not judged. Wait for it, or run "pulumi up" and then "pulumi refresh --clear-pending-creates"; then export the stack again.`,
        ]
      : []),
  ]);
  if (seesEveryKey(caller)) return ofExports;
  return [
    ...ofExports,
    `the credential belongs to ${describeCaller(caller)}, and only a super_admin user sees the keys of others: they are not looked at.`,
  ];
}

/**
 * How long ago the state in an export was written, in milliseconds; infinite where its time cannot be right. It is that
 * of the machine on which Pulumi ran.
 */
function ageOf(time: string, now: number): number {
  const written = Date.parse(time);
  if (!isTime(written) || written - now > MAX_AHEAD_MS) return Number.POSITIVE_INFINITY;
  // A clock that is ahead is so by no less than this.
  return Math.abs(now - written);
}

/** Go's zero time, in a stack that was never updated, lies before the epoch. */
function isTime(milliseconds: number): boolean {
  return milliseconds > 0;
}

function ageWarning(source: string, time: string, olderThan: number, now: number): string[] {
  const age = ageOf(time, now);
  const again = `Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.`;
  if (!isTime(Date.parse(time))) {
    return [
      `${source} does not tell when its state was written (${quoteShort(time)}), so nothing is judged. ${again}`,
    ];
  }
  if (age === Number.POSITIVE_INFINITY) {
    return [
      `${source} has a state that was written at ${time}, which is ahead of the server's clock, so nothing is judged. Set the clock of the machine that runs Pulumi. ${again}`,
    ];
  }
  if (age <= olderThan) return [];
  return [
    `${source} has a state that was written ${ms(age, { long: true })} ago. What was made since, or less than ${ms(olderThan, { long: true })} before, is not judged. ${again}`,
  ];
}

/** Whether it surely belongs to another tenant. */
export function isForeign(tenantId: string | undefined, { tenant }: User): boolean {
  return tenantId !== undefined && tenantId !== tenant.id;
}
