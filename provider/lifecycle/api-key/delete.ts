import type { Connection } from "../../session/connection";
import { guardOwnCredential, guardOwnCredentialAmong, guardTenant } from "../../session/guards";
import { confirmRevoked } from "../../session/key-verification";
import { isYoung, retryWhileUnknown } from "../../session/replica-lag";
import { hasPassed } from "../../shared/duration";
import { FlexpriceError, isFailure } from "../../shared/errors";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { isHandedOver, isReplacedByItself, replacedByItself, WITHOUT_ADOPT } from "../handover";
import { foreignEnvironment, guardEnvironment } from "./environment";
import { forgotten, isRotation, successorsOf, unexpired } from "./predecessors";
import type { Inputs, Predecessor, State } from "./state";

/**
 * Revokes a key and those that its rotations have left, unless a rotation has put another in its place.
 * @throws FlexpriceError where the credential is not of the key's tenant or environment, or is the key itself.
 */
export async function deleteKey(context: ProviderContext, id: string, props: State): Promise<void> {
  rememberSecret(props.apiKey);
  const { managed, diffedKeys, warn } = context;
  for (const held of [{ id }, ...(props.predecessors ?? [])]) managed.add(held.id);
  const operation = `revoke API key ${displayName(id, props.name)}`;
  const { namePrefix } = props;
  if (isReplacedByItself(context, { id, namePrefix }, diffedKeys.madeWith(id))) {
    throw replacedByItself(operation);
  }
  guardSuccession(context, props, operation);
  const stays = diffedKeys.stays(id);
  const isHeld = stays && diffedKeys.get(id)?.olds.adoptedId === id;
  const what = `API key ${displayName(id, props.name)}`;
  if (await isHandedOver(context, id, what, { isHeld, stays })) return;
  const connection = context.connect(props.connection, operation);
  // Whatever refuses a deletion comes first: a key that is let go has left the state.
  const caller = await guardTenant(connection, props.tenantId, operation);
  guardEnvironment(connection, props, operation);
  diffedKeys.noteDeleted(props);
  const predecessors = (props.predecessors ?? []).filter((one) => !isCarriedOn(context, id, one));
  if (isLeftToExpire(context, id, props)) {
    const left = unexpired(predecessors, context.now(props.connection));
    await warn(
      `API key ${displayName(id, props.name)} is not revoked but left to its expiry at ${props.expiresAt} (onDelete: "expire").${forgotten(left)}`,
    );
    return;
  }
  guardOwnCredential(connection, props.apiKey, operation);
  const ids = predecessors.map((one) => one.id);
  await guardOwnCredentialAmong(connection, ids, { caller, ownerId: props.userId, operation });
  await connection.recover(warn);
  await revoke(context, connection, id, props, operation);
  for (const predecessor of predecessors) {
    await revokePredecessor(context, connection, predecessor, props.userId);
  }
}

/**
 * With --replace the engine asks for no diff, and nothing told that "adopt" was done: a key that a rotation has left
 * would come back in place of its successor.
 * @throws FlexpriceError of kind `refused`.
 */
function guardSuccession(
  context: ProviderContext,
  { adoptedId, namePrefix, predecessors = [] }: State,
  operation: string,
): void {
  const { diffedKeys } = context;
  if (adoptedId === undefined || !predecessors.some(({ id }) => id === adoptedId)) return;
  const before = { id: adoptedId, namePrefix };
  if (!isReplacedByItself(context, before, diffedKeys.madeWith(adoptedId))) return;
  throw new FlexpriceError({
    kind: "refused",
    operation,
    reason: `the program still has "adopt" for API key ${adoptedId}, which this key had replaced, and took that over again`,
    fix: WITHOUT_ADOPT,
  });
}

/**
 * Whether a rotation has put another key in its place, which goes on beside it. Nothing is said of time: a clock may
 * be wrong, and what has expired is as well left.
 */
function isLeftToExpire(context: ProviderContext, id: string, props: State): boolean {
  const { diffedKeys } = context;
  if (props.onDelete !== "expire" || props.expiresAt === undefined) return false;
  // What the program has and the engine deletes all the same, it replaces.
  const replaced = diffedKeys.get(id);
  if (replaced !== undefined) return isRotation(replaced.olds, replaced.news);
  // An earlier run may have made the successor, and been cut off.
  const isFollowed =
    successorsOf(context, id).length > 0 ||
    diffedKeys.all().some(({ olds }) => isOldSuccessor(olds, props));
  // With --replace the engine asks for no diff.
  return isFollowed || diffedKeys.takeSuccessor((inputs) => isSuccessor(inputs, props));
}

/** Whether another key of the program has taken over to end what an earlier rotation has left. */
function isCarriedOn(context: ProviderContext, id: string, predecessor: Predecessor): boolean {
  const { diffedKeys } = context;
  const replaced = diffedKeys.get(id);
  return (
    (replaced !== undefined && isRotation(replaced.olds, replaced.news)) ||
    diffedKeys.holds(predecessor.id) ||
    successorsOf(context, predecessor.id).some((other) => other.id !== id)
  );
}

async function revoke(
  context: ProviderContext,
  connection: Connection,
  id: string,
  props: State,
  operation: string,
): Promise<void> {
  try {
    await retryWhileUnknown(connection, id, () => connection.api.revokeKey(id, operation));
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    await proveUnusable(context, connection, props, error);
    if (isYoung(connection, id) && !hasPassed(props.expiresAt, connection.api.serverNow())) {
      throw error.during(
        operation,
        "run the command again in ten minutes: the key was made a moment ago, and what the server does not know of it yet proves nothing.",
      );
    }
  }
  connection.directory.clearKey(id, props.userId);
}

async function revokePredecessor(
  context: ProviderContext,
  connection: Connection,
  { id, expiresAt }: Predecessor,
  ownerId: string,
): Promise<void> {
  const { warn } = context;
  const operation = `revoke API key ${id}, which a rotation left to its expiry`;
  try {
    await retryWhileUnknown(connection, id, () => connection.api.revokeKey(id, operation));
  } catch (error) {
    if (!isFailure(error, "not_found", "forbidden")) throw error;
    const reason =
      error.kind === "forbidden"
        ? `cannot be revoked with the credential from ${connection.credentialSource}`
        : `is unknown to the environment of the credential from ${connection.credentialSource}, and could not be revoked`;
    // It ends by itself, and a deletion that failed for it would fail each time.
    await warn(
      `API key ${id}, which a rotation has left to its expiry at ${expiresAt}, ${reason}. ${error.reason}`,
    );
    return;
  }
  connection.directory.clearKey(id, ownerId);
  // It is revoked in any case: a clock that is wrong must not leave it alive.
  if (hasPassed(expiresAt, connection.api.earliestNow())) return;
  await warn(
    `API key ${id}, which a rotation had left to its expiry at ${expiresAt}, has been revoked together with its successor.`,
  );
}

/** A key that the server does not find is deleted only if it does not work any more. */
async function proveUnusable(
  context: ProviderContext,
  connection: Connection,
  props: State,
  error: FlexpriceError,
): Promise<void> {
  if (props.type === "publishable_key") {
    if (hasPassed(props.expiresAt, connection.api.serverNow())) return;
    throw error.during(
      error.operation,
      'use a credential of the environment in which the key was made. A publishable key cannot be tried out: if you are sure that it is revoked, remove it from the state with "pulumi state delete".',
    );
  }
  if (!(await confirmRevoked(connection, props.apiKey, context.sleep))) {
    throw foreignEnvironment(connection, error.operation);
  }
}

/** Whether a key of these inputs was made in place of the other. */
function isSuccessor(inputs: Inputs, props: State): boolean {
  const isNamedAlike =
    inputs.name === undefined
      ? inputs.namePrefix === (props.namePrefix ?? props.name)
      : inputs.name === props.name;
  return isNamedAlike && inputs.type === props.type && isRotation(props, inputs);
}

/** States of older releases tell no predecessors. There a key and its successor have one name. */
function isOldSuccessor(olds: State, props: State): boolean {
  return (
    props.namePrefix === undefined &&
    olds.namePrefix === undefined &&
    olds.name === props.name &&
    Date.parse(olds.createdAt) > Date.parse(props.createdAt) &&
    isRotation(props, olds)
  );
}
