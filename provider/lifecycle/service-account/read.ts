import type { dynamic } from "@pulumi/pulumi";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { guardTenant } from "../../session/guards";
import { unlessHidden } from "../../session/key-verification";
import { isYoung } from "../../session/replica-lag";
import { FlexpriceError, isFailure } from "../../shared/errors";
import { displayName } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { hasFirstName, isComplete, refreshed, type State } from "./state";

/** Pause between the two searches that must both miss an account before it counts as gone, in milliseconds. */
const SECOND_LOOK_MS = 2_000;

/** Reads an account for a refresh or for `ServiceAccount.get`. An account only counts as gone if that is proven. */
export async function readAccount(
  context: ProviderContext,
  id: string,
  props: Partial<State>,
): Promise<dynamic.ReadResult<State>> {
  context.managed.add(id);
  const connection = context.connect(props.connection);
  const { tenant } = await guardTenant(connection, props.tenantId);
  await connection.remindOfPending(context.warn);
  let account: User | undefined;
  try {
    account = await connection.reads.account(id);
  } catch (error) {
    if (!isFailure(error, "forbidden") || !isComplete(props)) throw error;
    await context.warn(
      `Service account ${displayName(id, props.name)} is not visible to the credential from ${connection.credentialSource}; its state is kept as it was. ${error.reason}`,
    );
    return { id, props };
  }
  if (account !== undefined) {
    const isLagging = isYoung(connection, id) && hasFirstName(props, account);
    const shown = isLagging ? { ...account, name: props.name ?? account.name } : account;
    return refreshed(id, props, shown, tenant.id);
  }
  if (isComplete(props)) {
    return (await isGone(context, connection, id, props)) ? { id: "", props } : { id, props };
  }
  throw new FlexpriceError({
    kind: "not_found",
    reason: `tenant ${tenant.id} has no service account with this id, or it is archived`,
    fix: "correct the id, or the credential if the account belongs to another tenant.",
  });
}

/** One empty search is no proof: a read replica may lag behind. */
async function isGone(
  { warn, sleep }: ProviderContext,
  connection: Connection,
  id: string,
  { name }: State,
): Promise<boolean> {
  const warnThatStateStays = (reason: string) =>
    warn(
      `Service account ${displayName(id, name)} is not shown by the server, but ${reason}: its state is kept. Refresh again later.`,
    );
  if (isYoung(connection, id)) {
    await warnThatStateStays(
      "it was created less than ten minutes ago, and a read replica may not know it yet",
    );
    return false;
  }
  await sleep(SECOND_LOOK_MS);
  if ((await connection.reads.freshAccount(id)) !== undefined) return false;
  // An expired key shows its owner, too.
  const keys = await unlessHidden(() => connection.reads.freshKeys(id));
  const owned = keys.find((key) => key.service_account_name !== undefined);
  if (owned !== undefined) {
    await warnThatStateStays(`key ${owned.id} names it as its owner`);
    return false;
  }
  await warn(
    `Service account ${displayName(id, name)} was archived outside of this program: it is removed from the state, and the next "pulumi up" creates another.`,
  );
  return true;
}
