import type { Key } from "../../api/schemas";
import { isUniqueNameOf, prefixOf } from "../../session/auto-name";
import type { Connection } from "../../session/connection";
import { guardOwnAccount, guardTenant } from "../../session/guards";
import { archiveAccount, visibleActiveKeys } from "../../session/key-verification";
import { isYoung, retryDespiteLag, retryWhileUnknown } from "../../session/replica-lag";
import { type FlexpriceError, isFailure, operation } from "../../shared/errors";
import { displayName, quoted } from "../../shared/redaction";
import type { State as KeyState } from "../api-key/state";
import type { ProviderContext } from "../context";
import { isHandedOver, isReplacedByItself, replacedByItself } from "../handover";
import type { State } from "./state";

/**
 * Archives an account; with forceDestroy, once it has revoked the keys that block it.
 * @param isProgramRun - Whether the engine has shown the program to this process, and not only the state.
 */
export async function deleteAccount(
  context: ProviderContext,
  id: string,
  props: State,
  isProgramRun: boolean,
): Promise<void> {
  const { managed, diffedAccounts, warn } = context;
  managed.add(id);
  const { namePrefix } = props;
  if (isReplacedByItself(context, { id, namePrefix }, diffedAccounts.createdWith(id))) {
    throw replacedByItself();
  }
  const what = `Service account ${displayName(id, props.name)}`;
  if (await isHandedOver(context, id, what, diffedAccounts, ({ adopt }) => adopt)) return;
  const connection = context.connect(props.connection);
  guardOwnAccount(connection, await guardTenant(connection, props.tenantId), id);
  await connection.recover(warn);
  try {
    await archiveOnceFree(context, connection, id);
  } catch (error) {
    if (!isFailure(error, "has_active_keys")) throw error;
    const keys = await visibleActiveKeys(connection, id);
    if (props.forceDestroy !== true) throw blockedBy(keys, error, false);
    guardUsedKeys(context, { id, keys, isProgramRun }, error);
    await revokeAll(context, connection, id, props, keys);
    try {
      await archive(context, connection, id);
    } catch (again) {
      throw isFailure(again, "has_active_keys") ? blockedBy([], again, true) : again;
    }
  }
  connection.reads.clearAccount(id);
}

/** Revokes the keys that keep an account from being archived. */
async function revokeAll(
  { warn }: ProviderContext,
  connection: Connection,
  id: string,
  { name }: State,
  keys: readonly Key[],
): Promise<void> {
  for (const key of keys) {
    await operation(`revoke API key ${displayName(key.id, key.name)}`, () =>
      retryWhileUnknown(connection, key.id, () => connection.api.revokeKey(key.id)),
    );
    connection.reads.clearKey(key.id, id);
    await warn(
      `API key ${describeKey(key)} blocked the archiving of service account ${displayName(id, name)}, and has been revoked (forceDestroy).`,
    );
  }
}

/**
 * Refuses to revoke keys that this program or another stack may use. With --target the engine does not show the other
 * resources, so their keys look unknown: only a unique name shows that a program may use the key. A key that looks like
 * an older key of a shown resource was left by a rotation with --replace.
 * @throws FlexpriceError of kind `refused`.
 */
function guardUsedKeys(
  { diffedKeys, managed }: ProviderContext,
  account: {
    readonly id: string;
    readonly keys: readonly Key[];
    readonly isProgramRun: boolean;
  },
  error: FlexpriceError,
): void {
  const { keys } = account;
  const used = keys.filter(({ id }) => diffedKeys.stays(id) || diffedKeys.isKeptElsewhere(id));
  if (used.length > 0) throw stillUsed(used, error);
  if (!account.isProgramRun) return;
  const shown = diffedKeys
    .states()
    .filter(({ serviceAccountId }) => serviceAccountId === account.id);
  const unseen = keys.filter(
    (key) =>
      !managed.has(key.id) &&
      prefixOf(key.name) !== undefined &&
      !shown.some((state) => mayBeLeftBy(state, key)),
  );
  if (unseen.length > 0) throw perhapsUsed(unseen, error);
}

/** Archives the account. If keys of a killed run block it, waits until those are cleaned up. */
async function archiveOnceFree(
  context: ProviderContext,
  connection: Connection,
  id: string,
): Promise<void> {
  try {
    await archive(context, connection, id);
  } catch (error) {
    if (!isFailure(error, "has_active_keys")) throw error;
    const names = (await visibleActiveKeys(connection, id)).map(({ name }) => name);
    if (!(await connection.waitForKeys(names, context.warn))) throw error;
    await archive(context, connection, id);
  }
}

/** Archives the account, and retries while a read replica does not know yet what this process has done. */
async function archive(
  context: ProviderContext,
  connection: Connection,
  id: string,
): Promise<void> {
  try {
    await retryDespiteLag(
      connection.platform,
      async () => {
        const unknown = await archiveAccount(connection, id);
        if (unknown !== undefined && isYoung(connection, id)) throw unknown;
      },
      async (error) => {
        if (error.kind === "not_found") return isYoung(connection, id);
        if (error.kind !== "has_active_keys") return false;
        const keys = await visibleActiveKeys(connection, id);
        // For an account that an earlier run has replaced, the engine does not delete its keys first.
        if (keys.some((key) => isEnding(context, key.id))) return true;
        return keys.length === 0 && connection.reads.hasRevokedKeysOf(id);
      },
    );
  } catch (error) {
    if (!isFailure(error, "not_found") || !isYoung(connection, id)) throw error;
    throw error.with({
      fix: "run the command again in ten minutes: the account was created a moment ago, and the server may not know it yet.",
    });
  }
}

/** Whether this run deletes the key: its resource is known, and does not stay. */
function isEnding({ managed, adoptedIds, diffedKeys }: ProviderContext, keyId: string): boolean {
  return managed.has(keyId) && !diffedKeys.stays(keyId) && !adoptedIds.has(keyId);
}

function stillUsed(keys: readonly Key[], error: FlexpriceError): FlexpriceError {
  const named = keys.map(({ id, name }) => displayName(id, name)).join(", ");
  return error.with({
    kind: "refused",
    reason: `${error.reason}; of those, this program still uses ${named}`,
    fix: 'run "pulumi up" without --target, so that the keys are replaced with their account, or remove them from the program first.',
  });
}

/** Whether a rotation of this resource may have left the key: such a key is older, and expires. */
function mayBeLeftBy({ namePrefix = "", createdAt }: KeyState, key: Key): boolean {
  return (
    isUniqueNameOf(namePrefix, key.name) &&
    key.expires_at != null &&
    Date.parse(key.created_at) <= Date.parse(createdAt)
  );
}

/** A key for messages. */
function describeKey({ id, name, display_id }: Key, more = ""): string {
  return `${quoted(name)} (${id}, ${display_id}${more})`;
}

function perhapsUsed(keys: readonly Key[], error: FlexpriceError): FlexpriceError {
  const named = keys.map(({ id, name }) => displayName(id, name)).join(", ");
  return error.with({
    kind: "refused",
    reason: `${error.reason}; of those, ${named} may be in use: this provider generated the name, and this run does not manage the key`,
    fix: 'run "pulumi up" without --target, so that the stack\'s keys are replaced with their account. If the key is another stack\'s, run that one first; if no stack has it any more, revoke it ("npx pulumi-flexprice orphans" lists such keys).',
  });
}

function blockedBy(keys: readonly Key[], error: FlexpriceError, isForced: boolean): FlexpriceError {
  const named = keys.map((key) =>
    describeKey(key, key.expires_at == null ? "" : `, until ${key.expires_at}`),
  );
  const expire = keys.length > 0 && keys.every((key) => key.expires_at != null);
  const seen =
    named.length === 0 ? "none of them is visible here" : `visible here: ${named.join(", ")}`;
  const hidden =
    "Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.";
  const visible = `revoke them${expire ? ", or wait for their expiry" : ""}, or set forceDestroy: true, run "pulumi up", and then delete it. An account that has already been replaced keeps the forceDestroy it had: revoke its keys instead.`;
  return error.with({
    reason: `${error.reason}; ${seen}`,
    fix: isForced ? hidden : `${visible} ${hidden}`,
  });
}
