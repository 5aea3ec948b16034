import type { Platform } from "../api/client";
import type { FlexpriceApi } from "../api/endpoints";
import { displayIdOf } from "../api/ids";
import type { Key, User } from "../api/schemas";
import { type FlexpriceError, isFailure } from "../shared/errors";
import type { Connection } from "./connection";

/**
 * Pauses between checks whether a revoked key still works, in milliseconds. The server caches recently used keys for
 * 120 seconds, and revoking a key does not clear that cache.
 */
const PAUSES: readonly number[] = [2_000, 5_000, 15_000, 30_000, 30_000, 45_000];

/** What to do about a key that is revoked, if it was adopted. */
export const REMOVE_ADOPT =
  'If the program still has "adopt" for it, remove that first: a key that is revoked cannot be adopted.';

/** Whether the key list shows this caller every private key of its environment, and not only its own. */
export function seesEveryKey(caller: User): boolean {
  return caller.type === "user" && caller.roles.includes("super_admin");
}

/** Asks the server with the key itself who the key acts for. Undefined: the server does not accept the key. */
export async function authenticateWithKey(
  api: FlexpriceApi,
  apiKey: string,
): Promise<User | undefined> {
  const self = api.as({ kind: "apiKey", value: apiKey, source: "the API key itself" });
  try {
    return await self.me();
  } catch (error) {
    if (isFailure(error, "unauthenticated")) return undefined;
    throw error;
  }
}

/**
 * Whether the server has stopped accepting a key. A server whose database is down answers 401 to every key, so only
 * two 401s count, with a response from the database between them. A key that still works is tried again until the
 * server's cache must have expired.
 */
export async function confirmRevoked(
  { api, reads }: Pick<Connection, "api" | "reads">,
  apiKey: string,
  sleep: Platform["sleep"],
): Promise<boolean> {
  const seconds = PAUSES.reduce((sum, pause) => sum + pause, 0) / 1_000;
  for (const pause of [0, ...PAUSES]) {
    if (pause > 0) {
      await api.notify(
        `Waiting for the server to stop accepting API key ${displayIdOf(apiKey)}, for up to ${seconds} seconds: a recently used key keeps working for up to two minutes after it is revoked.`,
      );
      await sleep(pause);
    }
    if ((await authenticateWithKey(api, apiKey)) !== undefined) continue;
    await reads.databaseAnswers();
    if ((await authenticateWithKey(api, apiKey)) === undefined) return true;
  }
  return false;
}

/**
 * Archives an account. "Not found" counts as archived only if a search in the same tenant does not find it either.
 * @returns The "not found" error in that case; undefined if this call has archived the account.
 */
export async function archiveAccount(
  { api, reads }: Pick<Connection, "api" | "reads">,
  id: string,
): Promise<FlexpriceError | undefined> {
  try {
    await api.archiveAccount(id);
    return undefined;
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    if ((await reads.freshAccount(id)) !== undefined) throw error;
    return error;
  }
}

/** The working keys of an account, as far as the caller can see them. */
export async function visibleActiveKeys(
  { api, reads }: Pick<Connection, "api" | "reads">,
  id: string,
): Promise<readonly Key[]> {
  const keys = await unlessHidden(() => reads.freshKeys(id));
  return keys.filter(({ expires_at }) => !(Date.parse(expires_at ?? "") <= api.serverNow()));
}

/** No keys, if the caller may not list them: what happens to the account can still be found out. */
export async function unlessHidden(list: () => Promise<readonly Key[]>): Promise<readonly Key[]> {
  try {
    return await list();
  } catch (error) {
    if (isFailure(error, "forbidden", "wrong_environment")) return [];
    throw error;
  }
}
