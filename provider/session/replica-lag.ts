import type { Platform } from "../api/client";
import type { FlexpriceApi } from "../api/endpoints";
import { createdAt } from "../api/ids";
import { MAX_SILENT_MS } from "../api/retry";
import { type FlexpriceError, isFailure } from "../shared/errors";

/** Objects younger than this, by the time in their id, never count as gone: a read replica may not know them yet. */
const MIN_GONE_AGE_MS = 10 * 60_000;

/** Whether an object is too young to count as gone. */
export function isYoung({ api }: { readonly api: FlexpriceApi }, id: string): boolean {
  return api.earliestNow() - (createdAt(id) ?? 0) < MIN_GONE_AGE_MS;
}

type LagPlatform = Pick<Platform, "sleep" | "notify">;

/** How long a read replica may lag behind a write, and how often to retry during that time. */
const REPLICA_LAG_MS = 30_000;
const REPLICA_PAUSE_MS = 1_000;

/** Repeats an attempt for a while, as long as its error looks like that of a lagging read replica. */
export async function retryDespiteLag<Result>(
  platform: LagPlatform,
  attempt: () => Promise<Result>,
  isLag: (error: FlexpriceError) => boolean | Promise<boolean>,
): Promise<Result> {
  for (let waitedMs = 0; ; waitedMs += REPLICA_PAUSE_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error) || !(await isLag(error))) throw error;
      if (!(await waitForReplica(platform, error, waitedMs))) throw error;
    }
  }
}

/** Repeats an attempt on a young object while the server does not know the object yet. */
export function retryWhileUnknown<Result>(
  connection: { readonly api: FlexpriceApi; readonly platform: LagPlatform },
  id: string,
  attempt: () => Promise<Result>,
): Promise<Result> {
  return retryDespiteLag(
    connection.platform,
    attempt,
    ({ kind }) => kind === "not_found" && isYoung(connection, id),
  );
}

/**
 * Pauses before an attempt is repeated that a replica may have rejected, and tells the user when it takes long.
 * @returns False, without a pause, when the time for waiting is over.
 */
export async function waitForReplica(
  platform: LagPlatform,
  { reason }: FlexpriceError,
  waitedMs: number,
): Promise<boolean> {
  if (waitedMs >= REPLICA_LAG_MS) return false;
  if (waitedMs >= MAX_SILENT_MS) {
    await platform.notify?.(
      `Waiting for the server, which may not show recent changes yet: ${reason}. The request is repeated for up to ${REPLICA_LAG_MS / 1_000} seconds.`,
    );
  }
  await platform.sleep(REPLICA_PAUSE_MS);
  return true;
}
