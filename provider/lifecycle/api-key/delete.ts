import type { Connection } from "../../session/connection";
import {
  foreignEnvironment,
  guardEnvironment,
  guardOwnCredential,
  guardOwnCredentialAmong,
  guardTenant,
} from "../../session/guards";
import { confirmRevoked } from "../../session/key-verification";
import { isYoung, retryWhileUnknown } from "../../session/replica-lag";
import { hasPassed } from "../../shared/duration";
import { FlexpriceError, isFailure, operation } from "../../shared/errors";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { isHandedOver, isReplacedByItself, replacedByItself, WITHOUT_ADOPT } from "../handover";
import { forgotten, isRotation, successorsOf, unexpired } from "./predecessors";
import type { Inputs, Predecessor, State } from "./state";

/**
 * Revokes a key and its predecessors, unless a rotation has replaced the key and `onDelete` leaves it to its expiry.
 * @throws FlexpriceError if the credential belongs to another tenant or environment, or is the key itself.
 */
export async function deleteKey(context: ProviderContext, id: string, props: State): Promise<void> {
  rememberSecret(props.apiKey);
  const { managed, diffedKeys, warn } = context;
  for (const held of [{ id }, ...(props.predecessors ?? [])]) managed.add(held.id);
  const { namePrefix } = props;
  if (isReplacedByItself(context, { id, namePrefix }, diffedKeys.createdWith(id))) {
    throw replacedByItself();
  }
  guardSuccession(context, props);
  const what = `API key ${displayName(id, props.name)}`;
  if (await isHandedOver(context, id, what, diffedKeys, ({ adoptedId }) => adoptedId)) return;
  const connection = context.connect(props.connection);
  // These checks come first: a key that is left to expire has left the state after this.
  const caller = await guardTenant(connection, props.tenantId);
  guardEnvironment(connection, props.environmentId);
  diffedKeys.recordDeleted(props);
  const predecessors = (props.predecessors ?? []).filter((one) => !isCarriedOn(context, id, one));
  if (isLeftToExpire(context, id, props)) {
    const left = unexpired(predecessors, context.now(props.connection));
    await warn(
      `API key ${displayName(id, props.name)} is not revoked, but left to expire at ${props.expiresAt} (onDelete: "expire").${forgotten(left)}`,
    );
    return;
  }
  guardOwnCredential(connection, props.apiKey);
  // Without its value, only the key's display id can show that it is the credential.
  const unproven = props.apiKey === undefined ? [{ id }, ...predecessors] : predecessors;
  const ids = unproven.map((one) => one.id);
  await guardOwnCredentialAmong(connection, ids, { caller, ownerId: props.userId });
  await connection.recover(warn);
  await revoke(context, connection, id, props);
  for (const predecessor of predecessors) {
    await revokePredecessor(context, connection, predecessor, props.userId);
  }
}

/**
 * With --replace the engine asks for no diff, so the provider could not know that "adopt" was done: a predecessor
 * would come back in place of its successor.
 * @throws FlexpriceError of kind `refused`.
 */
function guardSuccession(
  context: ProviderContext,
  { adoptedId, namePrefix, predecessors = [] }: State,
): void {
  const { diffedKeys } = context;
  if (adoptedId === undefined || !predecessors.some(({ id }) => id === adoptedId)) return;
  const before = { id: adoptedId, namePrefix };
  if (!isReplacedByItself(context, before, diffedKeys.createdWith(adoptedId))) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `the program still has "adopt" for API key ${adoptedId}, which this key had replaced, and adopted it again`,
    fix: WITHOUT_ADOPT,
  });
}

/**
 * Whether a rotation has replaced the key, which then works beside its successor. Ignores the time: a clock may be
 * wrong, and an expired key does no harm.
 */
function isLeftToExpire(context: ProviderContext, id: string, props: State): boolean {
  const { diffedKeys } = context;
  if (props.onDelete !== "expire" || props.expiresAt === undefined) return false;
  // If the engine deletes a key that the program has, it replaces the key.
  const replaced = diffedKeys.get(id);
  if (replaced !== undefined) return isRotation(context, replaced.olds, replaced.news);
  // An interrupted run may have created the successor.
  const isFollowed =
    diffedKeys.isLeftElsewhere(id) ||
    successorsOf(context, id).length > 0 ||
    diffedKeys.all().some(({ olds }) => isOldSuccessor(context, olds, props));
  // With --replace the engine asks for no diff.
  return isFollowed || diffedKeys.takeSuccessor((inputs) => isSuccessor(context, inputs, props));
}

/** Whether another key of the program is responsible for this predecessor. */
function isCarriedOn(context: ProviderContext, id: string, predecessor: Predecessor): boolean {
  const { diffedKeys } = context;
  const replaced = diffedKeys.get(id);
  return (
    (replaced !== undefined && isRotation(context, replaced.olds, replaced.news)) ||
    diffedKeys.holds(predecessor.id) ||
    diffedKeys.isLeftElsewhere(predecessor.id) ||
    successorsOf(context, predecessor.id).some((other) => other.id !== id)
  );
}

async function revoke(
  context: ProviderContext,
  connection: Connection,
  id: string,
  props: State,
): Promise<void> {
  try {
    await retryWhileUnknown(connection, id, () => connection.api.revokeKey(id));
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    await proveUnusable(context, connection, props, error);
    if (isYoung(connection, id) && !hasPassed(props.expiresAt, connection.api.serverNow())) {
      throw error.with({
        fix: "run the command again in ten minutes: the key was created a moment ago, and the server may not know it yet.",
      });
    }
  }
  connection.reads.clearKey(id, props.userId);
}

async function revokePredecessor(
  context: ProviderContext,
  connection: Connection,
  { id, expiresAt }: Predecessor,
  ownerId: string,
): Promise<void> {
  const { warn } = context;
  try {
    await operation(`revoke API key ${id}, which a rotation left to expire`, () =>
      retryWhileUnknown(connection, id, () => connection.api.revokeKey(id)),
    );
  } catch (error) {
    if (!isFailure(error, "not_found", "forbidden")) throw error;
    const reason =
      error.kind === "forbidden"
        ? `cannot be revoked with the credential from ${connection.credentialSource}`
        : `is unknown to the environment of the credential from ${connection.credentialSource}, and could not be revoked`;
    // The predecessor expires by itself, and failing here would make every deletion fail.
    await warn(
      `API key ${id}, which a rotation has left to expire at ${expiresAt}, ${reason}. ${error.reason}`,
    );
    return;
  }
  connection.reads.clearKey(id, ownerId);
  // Even an expired key is revoked above: a wrong clock must not keep it alive.
  if (hasPassed(expiresAt, connection.api.earliestNow())) return;
  await warn(
    `API key ${id}, which a rotation had left to expire at ${expiresAt}, has been revoked together with its successor.`,
  );
}

/** A key that the server does not find counts as deleted only if it no longer works. */
async function proveUnusable(
  context: ProviderContext,
  connection: Connection,
  props: State,
  error: FlexpriceError,
): Promise<void> {
  const isPublishable = props.type === "publishable_key";
  if (isPublishable || props.apiKey === undefined) {
    if (hasPassed(props.expiresAt, connection.api.serverNow())) return;
    const doubt = isPublishable
      ? "A publishable key cannot be tested: if you are sure that it is revoked"
      : "The state does not have the key's value, so the provider cannot prove that it is revoked: if you are sure";
    throw error.with({
      fix: `use a credential of the environment in which the key was created. ${doubt}, remove it from the state with "pulumi state delete".`,
    });
  }
  if (!(await confirmRevoked(connection, props.apiKey, context.sleep))) {
    throw foreignEnvironment(connection);
  }
}

/** Whether a key with these inputs was created to replace the other one. */
function isSuccessor(context: ProviderContext, inputs: Inputs, props: State): boolean {
  const isNamedAlike =
    inputs.name === undefined
      ? inputs.namePrefix === (props.namePrefix ?? props.name)
      : inputs.name === props.name;
  return isNamedAlike && inputs.type === props.type && isRotation(context, props, inputs);
}

/** As {@link isSuccessor}, for states of older releases: they list no predecessors, and all keys have one name. */
function isOldSuccessor(context: ProviderContext, olds: State, props: State): boolean {
  return (
    props.namePrefix === undefined &&
    olds.namePrefix === undefined &&
    olds.name === props.name &&
    Date.parse(olds.createdAt) > Date.parse(props.createdAt) &&
    isRotation(context, props, olds)
  );
}
