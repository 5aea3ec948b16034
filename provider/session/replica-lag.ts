import type { Platform } from "../api/client";
import type { FlexpriceApi } from "../api/endpoints";
import { createdAt } from "../api/ids";
import { MAX_SILENT_MS } from "../api/retry";
import { type FlexpriceError, isFailure } from "../shared/errors";

/** What is younger, by the time in its id, is never gone: a read replica may not know it yet. */
const MIN_GONE_AGE_MS = 10 * 60_000;

/** Whether an object was made too short a time ago to be called gone. */
export function isYoung({ api }: { readonly api: FlexpriceApi }, id: string): boolean {
  return api.earliestNow() - (createdAt(id) ?? 0) < MIN_GONE_AGE_MS;
}

type LagPlatform = Pick<Platform, "sleep" | "notify">;

/** How long a read replica may not show what has just been done; asked again every second. */
const REPLICA_LAG_MS = 30_000;
const REPLICA_PAUSE_MS = 1_000;

/** Does something, again and again for a while as long as the failure looks like one of a read replica that lags. */
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

/** Does something with an object; a server that does not know it yet, although it is young, is asked again. */
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
 * Waits a moment before what a replica may have refused is asked again, and says so where it takes long.
 * @returns False, at once, where it has been waited for long enough.
 */
export async function waitForReplica(
  platform: LagPlatform,
  { reason }: FlexpriceError,
  waitedMs: number,
): Promise<boolean> {
  if (waitedMs >= REPLICA_LAG_MS) return false;
  if (waitedMs >= MAX_SILENT_MS) {
    await platform.notify?.(
      `Waiting for the server, which may not show yet what was done a moment ago: ${reason}. The request is repeated for up to ${REPLICA_LAG_MS / 1_000} seconds.`,
    );
  }
  await platform.sleep(REPLICA_PAUSE_MS);
  return true;
}
