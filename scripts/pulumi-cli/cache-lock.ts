import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HEARTBEAT_MS = 2_000;
/** A lock that was not touched for this long belongs to a process that died. */
const STALE_MS = 15_000;
const REMIND_MS = 15_000;

/**
 * Runs `work` while no other process on this machine holds the same lock. The lock is a folder: only one process can
 * create it.
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
      log(`Another process is getting ${basename(lock, ".lock")} ready; waiting for it …`);
      reminded = Date.now();
    }
    await sleep(500);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(lock, now, now);
    } catch {
      // The cache folder was cleared. The work continues.
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
