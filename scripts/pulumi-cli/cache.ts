import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { withCacheLock } from "./cache-lock";

const DRAFT_INFIX = ".draft-";

/** The folder for what is built or downloaded once. */
export function cacheRoot(): string {
  const { XDG_CACHE_HOME } = process.env;
  const directory = join(XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-flexprice");
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Returns this folder. If it is missing, only one process on this machine makes it. */
export async function madeOnce(
  directory: string,
  log: (line: string) => void,
  make: (draft: string) => Promise<void>,
): Promise<string> {
  if (existsSync(directory)) return directory;
  mkdirSync(dirname(directory), { recursive: true });
  await withCacheLock(`${directory}.lock`, log, async () => {
    if (existsSync(directory)) return;
    removeDrafts(directory);
    await makeAnew(directory, make);
  });
  return directory;
}

/** Makes another folder and renames it, so that no other process sees an incomplete one. For the holder of its lock. */
export async function makeAnew(
  directory: string,
  make: (draft: string) => Promise<void>,
): Promise<void> {
  const draft = `${directory}${DRAFT_INFIX}${randomBytes(4).toString("hex")}`;
  mkdirSync(draft, { recursive: true });
  try {
    await make(draft);
    rmSync(directory, { recursive: true, force: true });
    renameSync(draft, directory);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Removes incomplete folders of killed processes. Only the holder of the lock works on them. */
export function removeDrafts(directory: string): void {
  const prefix = `${basename(directory)}${DRAFT_INFIX}`;
  for (const name of readdirSync(dirname(directory)).filter((name) => name.startsWith(prefix))) {
    rmSync(join(dirname(directory), name), { recursive: true, force: true });
  }
}
