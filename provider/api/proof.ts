import { isFailure } from "../errors";
import type { World } from "./client";
import type { Connection } from "./connection";
import type { Routes } from "./routes";
import type { User } from "./wire";

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
export async function ownerByUse(routes: Routes, apiKey: string): Promise<User | undefined> {
  const self = routes.as({ kind: "apiKey", value: apiKey, source: "the API key itself" });
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
export async function hasStoppedWorking(
  { routes, directory }: Pick<Connection, "routes" | "directory">,
  apiKey: string,
  sleep: World["sleep"],
): Promise<boolean> {
  for (const pause of [0, ...PAUSES]) {
    if (pause > 0) await sleep(pause);
    if ((await ownerByUse(routes, apiKey)) !== undefined) continue;
    await directory.databaseAnswers();
    if ((await ownerByUse(routes, apiKey)) === undefined) return true;
  }
  return false;
}

/**
 * Archives an account, and takes "not found" for done only where a search in the same tenant does not know it either.
 * @returns Whether this call has archived it; false: it was archived before.
 */
export async function archiveAccount(
  { routes, directory }: Pick<Connection, "routes" | "directory">,
  id: string,
  attempted: string,
): Promise<boolean> {
  try {
    await routes.archiveAccount(id, attempted);
    return true;
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    if ((await directory.freshAccount(id)) !== undefined) throw error;
    return false;
  }
}
