import type { Platform } from "../api/client";
import type { FlexpriceApi } from "../api/endpoints";
import { displayIdOf } from "../api/ids";
import type { Key, User } from "../api/schemas";
import { type FlexpriceError, isFailure } from "../shared/errors";
import type { Connection } from "./connection";

/**
 * How long a revoked key can go on answering, and so how often to look, in milliseconds: a server keeps a key
 * that was used lately in a cache for 120 s, which revocation does not reach.
 */
const PAUSES: readonly number[] = [2_000, 5_000, 15_000, 30_000, 30_000, 45_000];

/** Whether the key list shows this caller every private key of its environment, and not only its own. */
export function seesEveryKey(caller: User): boolean {
  return caller.type === "user" && caller.roles.includes("super_admin");
}

/** Who a key acts for, asked with the key itself; undefined when the server does not accept it. */
export async function authenticateWithKey(
  api: FlexpriceApi,
  apiKey: string,
): Promise<User | undefined> {
  const self = api.as({ kind: "apiKey", value: apiKey, source: "the API key itself" });
  try {
    return await self.me("use an API key to see whether it still works");
  } catch (error) {
    if (isFailure(error, "unauthenticated")) return undefined;
    throw error;
  }
}

/**
 * Whether the server has stopped accepting a key. A server whose database is away answers 401 to every key: it
 * counts only when the server answers a question to its database between two of them. A key that still works is
 * asked again until the longest delay of a revocation is over.
 */
export async function confirmRevoked(
  { api, directory }: Pick<Connection, "api" | "directory">,
  apiKey: string,
  sleep: Platform["sleep"],
): Promise<boolean> {
  const seconds = PAUSES.reduce((sum, pause) => sum + pause, 0) / 1_000;
  for (const pause of [0, ...PAUSES]) {
    if (pause > 0) {
      await api.notify(
        `Waiting for the server to stop accepting API key ${displayIdOf(apiKey)}, for up to ${seconds} seconds: a key that was used lately goes on working for two minutes after it is revoked.`,
      );
      await sleep(pause);
    }
    if ((await authenticateWithKey(api, apiKey)) !== undefined) continue;
    await directory.databaseAnswers();
    if ((await authenticateWithKey(api, apiKey)) === undefined) return true;
  }
  return false;
}

/**
 * Archives an account, and takes "not found" for done only where a search in the same tenant does not know it either.
 * @returns The refusal of a server that does not know the account; undefined: this call has archived it.
 */
export async function archiveAccount(
  { api, directory }: Pick<Connection, "api" | "directory">,
  id: string,
  operation: string,
): Promise<FlexpriceError | undefined> {
  try {
    await api.archiveAccount(id, operation);
    return undefined;
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    if ((await directory.freshAccount(id)) !== undefined) throw error;
    return error;
  }
}

/** The keys of an account that work, as far as the caller sees them. */
export async function visibleActiveKeys(
  { api, directory }: Pick<Connection, "api" | "directory">,
  id: string,
): Promise<readonly Key[]> {
  const keys = await unlessHidden(() => directory.freshKeysOf(id));
  return keys.filter(({ expires_at }) => !(Date.parse(expires_at ?? "") <= api.serverNow()));
}

/** A caller that may not list keys still gets to know what becomes of the account. */
export async function unlessHidden(list: () => Promise<readonly Key[]>): Promise<readonly Key[]> {
  try {
    return await list();
  } catch (error) {
    if (isFailure(error, "forbidden", "wrong_environment")) return [];
    throw error;
  }
}
