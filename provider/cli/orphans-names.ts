import type { Key, User } from "../api/schemas";
import { isUniqueNameOf, prefixOf } from "../session/auto-name";
import { sameRoles } from "../shared/roles";
import type { KnownObject, PendingObject } from "./stack-export";

/**
 * Whether a rotation may have left the key to its own expiry: it is then in no state, and consumers that have not
 * changed over yet use it. Its successor is known, and has another unique name of the same prefix.
 */
export function isLeftToExpire(key: Key, known: readonly KnownObject[]): boolean {
  if (!key.expires_at) return false;
  return known.some(
    (successor) =>
      successor.isLeftToExpire &&
      fits(successor.ownerId, key.user_id) &&
      isNamedAfter(namesOf(successor), key.name),
  );
}

/** Ids of what operations that are not over may have made, the keys of such accounts included. */
export function findPending(
  accounts: readonly User[],
  keys: readonly Key[],
  pending: readonly PendingObject[],
): ReadonlySet<string> {
  const ofAccounts = pending.filter(({ kind }) => kind === "account");
  const ofKeys = pending.filter(({ kind }) => kind === "key");
  const pendingAccounts = new Set(
    accounts
      .filter((account) => ofAccounts.some((object) => isAccount(object, account)))
      .map(({ id }) => id),
  );
  const pendingKeys = keys.filter(
    (key) => pendingAccounts.has(key.user_id) || ofKeys.some((object) => isKey(object, key)),
  );
  const owners = ofKeys.flatMap(({ ownerId }) => ownerId ?? []);
  return new Set([...pendingAccounts, ...pendingKeys.map(({ id }) => id), ...owners]);
}

function isAccount({ id, name, roles }: PendingObject, account: User): boolean {
  if (id !== undefined) return id === account.id;
  if (roles !== undefined && !sameRoles(roles, account.roles)) return false;
  return isNamedAfter([name], account.name);
}

function isKey({ id, name, ownerId }: PendingObject, key: Key): boolean {
  if (id !== undefined) return id === key.id;
  return fits(ownerId, key.user_id) && isNamedAfter([name], key.name);
}

/** Whether it is one of these names, or a unique name made from one. Where none is readable, any may be meant. */
function isNamedAfter(names: readonly (string | undefined)[], name: string): boolean {
  const readable = names.filter((one) => one !== undefined);
  if (readable.length === 0) return true;
  return readable.some((one) => one === name || isUniqueNameOf(one, name));
}

/** The prefix of the name too: it may have changed in the program since. */
function namesOf({ name, autoName, namePrefix }: KnownObject): (string | undefined)[] {
  const names = [name, autoName];
  return [...names, namePrefix, ...names.map((one) => one && prefixOf(one))];
}

function fits(expected: string | undefined, actual: string): boolean {
  return expected === undefined || expected === actual;
}
