import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const HEARTBEAT_MS = 2_000;
/** A lock whose owner has not touched it for this long belonged to a process that died. */
const STALE_MS = 15_000;
const REMIND_MS = 15_000;

/**
 * Runs `work` while no other process on this machine does so under the same lock. A folder is the
 * lock: making one either succeeds or fails, for one process alone.
 */
export async function withCacheLock<T>(
  lock: string,
  log: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  let reminded = 0;
  while (!take(lock)) {
    if (isStale(lock)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (Date.now() - reminded > REMIND_MS) {
      log("Another process is getting the Pulumi CLI ready; waiting for it …");
      reminded = Date.now();
    }
    await sleep(500);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(lock, now, now);
    } catch {
      // Somebody has cleared the cache folder; the work itself goes on.
    }
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    rmSync(lock, { recursive: true, force: true });
  }
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function isStale(lock: string): boolean {
  try {
    return Date.now() - statSync(lock).mtimeMs > STALE_MS;
  } catch {
    return false;
  }
}
