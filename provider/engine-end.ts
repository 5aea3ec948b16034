import { fstatSync } from "node:fs";
import type { Journal } from "./api/journal";

/** How often to look whether the last create has been answered, in milliseconds. */
const LOOK_MS = 50;

/**
 * A CLI that is killed sends no signal and leaves this process running; only the pipe to it breaks. Creates under
 * way are let finish, so that the journal knows how they ended, and then this process ends too.
 */
export function outliveEngine(journal: Journal): void {
  if (!isProviderProcess() || !isPipe(0)) return;
  process.stdin.once("end", () => {
    journal.engineIsGone();
    setInterval(() => {
      if (journal.underWay === 0) process.exit(0);
    }, LOOK_MS);
  });
  process.stdin.resume();
}

/** Other processes may load the runtime too, a test for instance; their standard input is not ours to read. */
function isProviderProcess(): boolean {
  return process.argv[1]?.includes("dynamic-provider") === true;
}

/** Standard input that is a file or /dev/null is at its end from the start, and says nothing of the engine. */
function isPipe(descriptor: number): boolean {
  const kind = fstatSync(descriptor);
  return kind.isFIFO() || kind.isSocket();
}
