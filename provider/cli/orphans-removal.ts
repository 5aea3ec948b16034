import type { Connection } from "../session/connection";
import { type FlexpriceError, isFailure } from "../shared/errors";
import type { OrphanAccount, OrphanKey, Orphans } from "./orphans-search";

/** What became of an orphan. */
export type Outcome =
  | { readonly removed: true }
  | { readonly removed: false; readonly reason: string };

export interface Removal {
  /** By the orphan's id. What is not in it was not tried. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** What ended it before all was tried: the server, or the credential. */
  readonly stoppedBy: FlexpriceError | undefined;
}

export interface RemovalReport {
  key(key: OrphanKey, outcome: Outcome): void;
  account(account: OrphanAccount, outcome: Outcome): void;
}

/**
 * Revokes the keys and then archives the accounts, one by one. Only the server's 204 counts as removed; an account
 * one of whose keys stays is left alone.
 */
export async function removeOrphans(
  { api }: Connection,
  { keys, accounts }: Orphans,
  report: RemovalReport,
): Promise<Removal> {
  const outcomes = new Map<string, Outcome>();
  try {
    for (const key of keys) {
      const outcome = await outcomeOf(() => api.revokeKey(key.id, `revoke API key ${key.id}`));
      outcomes.set(key.id, outcome);
      report.key(key, outcome);
    }
    for (const account of accounts) {
      const isFree = account.keys.every((id) => outcomes.get(id)?.removed === true);
      const outcome: Outcome = isFree
        ? await outcomeOf(() =>
            api.archiveAccount(account.id, `archive service account ${account.id}`),
          )
        : { removed: false, reason: "not all of its keys could be revoked" };
      outcomes.set(account.id, outcome);
      report.account(account, outcome);
    }
    return { outcomes, stoppedBy: undefined };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { outcomes, stoppedBy: error };
  }
}

/** A refusal that concerns this one object is its outcome; any other failure would meet all the rest as well. */
async function outcomeOf(remove: () => Promise<void>): Promise<Outcome> {
  try {
    await remove();
    return { removed: true };
  } catch (error) {
    if (isFailure(error, "has_active_keys")) {
      return {
        removed: false,
        reason: `${error.reason}. Those are publishable keys, or keys of other environments, which this credential does not see`,
      };
    }
    if (isFailure(error, "not_found", "invalid")) return { removed: false, reason: error.reason };
    throw error;
  }
}
