import ms from "ms";
import { displayIdOf } from "../api/ids";
import type { User } from "../api/schemas";
import { describeCaller } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { FlexpriceError, operation } from "../shared/errors";
import type { OrphanCriteria } from "./classification";
import type { CommandContext } from "./command-context";
import { pluralize, quoteShort } from "./listing";
import { type ConnectOptions, connect, type Session } from "./session";
import { readStackExports, type StackExport } from "./stack-export";
import { withProgress } from "./terminal";

/** Options of a command that compares the tenant with its stacks. */
export interface CompareOptions extends ConnectOptions {
  /** Files, or "-" for standard input. */
  readonly stackExport?: readonly string[];
  /** In milliseconds. */
  readonly olderThan: number;
  readonly userKeys?: boolean;
}

/** The tenant as the server lists it, and the states of its stacks. */
export interface Comparison {
  readonly session: Session;
  readonly exports: readonly StackExport[];
  readonly criteria: Omit<OrphanCriteria, "keep" | "expired">;
  /** What makes the comparison incomplete, or doubtful. */
  readonly warnings: readonly string[];
}

/**
 * Reads the exports, and lists what the tenant has.
 * @param name - The command, in the infinitive, for errors about the connection.
 * @param assertComplete - Called before anything is listed. Throws if exports are missing.
 */
export async function compareWithStacks(
  name: string,
  options: CompareOptions,
  context: CommandContext,
  assertComplete: (exports: readonly StackExport[], caller: User) => void = () => {},
): Promise<Comparison> {
  const { stackExport = [], olderThan, userKeys = false } = options;
  const exports = await readStackExports(context, stackExport);
  const session = await operation(name, () => connect(context, options));
  const { connection, credential } = session;
  return await withProgress(context, async (show) => {
    show("Asking who the credential belongs to …");
    const caller = await connection.caller();
    rejectOtherTenant(exports, caller, credential.source);
    assertComplete(exports, caller);
    show("Listing the service accounts …");
    const accounts = await connection.reads.freshAccounts();
    show("Listing the API keys …");
    const keys = await connection.reads.freshKeys();
    const now = connection.api.serverNow();
    const criteria = {
      accounts,
      keys,
      known: exports.flatMap(({ objects }) => objects),
      pending: exports.flatMap(({ pendingObjects }) => pendingObjects),
      caller,
      ownDisplayId: credential.kind === "apiKey" ? displayIdOf(credential.value) : undefined,
      now,
      // What is newer than a state cannot be in it.
      minimumAgeMs: olderThan + Math.max(0, ...exports.map((one) => ageOf(one, now))),
      userKeys,
    };
    return { session, exports, criteria, warnings: warningsOf(exports, olderThan, caller, now) };
  });
}

/** Whether an export holds nothing of this tenant. Objects whose tenant is encrypted may be its own. */
export function isForeign({ objects }: StackExport, { tenant }: User): boolean {
  return objects.every(({ tenantId }) => tenantId !== undefined && tenantId !== tenant.id);
}

/** With the credential of another tenant, the stacks would seem to have nothing of what is there. */
export function rejectOtherTenant(
  exports: readonly StackExport[],
  caller: User,
  credentialSource: string,
): void {
  const objects = exports.flatMap((one) => one.objects);
  if (objects.length === 0 || !exports.every((one) => isForeign(one, caller))) return;
  const tenants = new Set(objects.map(({ tenantId }) => tenantId));
  throw new FlexpriceError({
    kind: "wrong_tenant",
    operation: "compare the tenant with its stacks",
    reason: `the exports hold resources of tenant ${[...tenants].join(", ")}, but the credential from ${credentialSource} belongs to tenant ${caller.tenant.id}`,
    fix: "use a credential of that tenant, or the exports of this tenant's stacks.",
  });
}

/** How far the clock that wrote an export may be ahead of the server's before its time means nothing. */
const MAX_AHEAD_MS = 60_000;

/**
 * How long ago the state in an export was written, in milliseconds; infinite if its time cannot be right. The clock is
 * that of the machine on which Pulumi ran.
 */
function ageOf({ time }: StackExport, now: number): number {
  const written = Date.parse(time);
  if (!isTime(written) || written - now > MAX_AHEAD_MS) return Number.POSITIVE_INFINITY;
  // A clock that is ahead is ahead by at least this much.
  return Math.abs(now - written);
}

/** Go's zero time, in a stack that was never updated, lies before 1970. */
function isTime(milliseconds: number): boolean {
  return milliseconds > 0;
}

function warningsOf(
  exports: readonly StackExport[],
  olderThan: number,
  caller: User,
  now: number,
): string[] {
  const ofCaller = seesEveryKey(caller)
    ? undefined
    : `the credential belongs to ${describeCaller(caller)}. Only a super_admin user sees the keys of others, so they are not checked.`;
  const warnings = exports.flatMap((one) => [
    contentWarning(one, caller),
    ageWarning(one, olderThan, now),
    pendingWarning(one),
  ]);
  return [...warnings, ofCaller].filter((warning) => warning !== undefined);
}

function contentWarning(stackExport: StackExport, caller: User): string | undefined {
  const { source, objects } = stackExport;
  if (objects.length === 0) {
    return `${source} has no Flexprice resource in it. If its stack has some, this is the wrong export, and they would be taken for orphans.`;
  }
  if (!isForeign(stackExport, caller)) return undefined;
  return `${source} has resources of other tenants only, none of ${caller.tenant.id}.`;
}

function ageWarning(stackExport: StackExport, olderThan: number, now: number): string | undefined {
  const { source, time } = stackExport;
  const age = ageOf(stackExport, now);
  const again = `Run "pulumi up" or "pulumi refresh", which write it, and export the stack again.`;
  if (!isTime(Date.parse(time))) {
    return `${source} does not say when its state was written (${quoteShort(time)}), so nothing is checked. ${again}`;
  }
  if (age === Number.POSITIVE_INFINITY) {
    return `${source} has a state that was written at ${time}, which is ahead of the server's clock, so nothing is checked. Set the clock of the machine that runs Pulumi. ${again}`;
  }
  if (age <= olderThan) return undefined;
  return `${source} has a state that was written ${ms(age, { long: true })} ago. Anything created since, or less than ${ms(olderThan, { long: true })} before, is not checked. ${again}`;
}

function pendingWarning({ source, pendingOperations }: StackExport): string | undefined {
  if (pendingOperations === 0) return undefined;
  return `${source} has ${pluralize(pendingOperations, "pending operation")}: an update is running, or was interrupted. What it may have created is not checked. Wait for it, or run "pulumi up" and then "pulumi refresh --clear-pending-creates". Then export the stack again.`;
}
