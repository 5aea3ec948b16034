import { fstatSync } from "node:fs";
import type { Journal } from "../session/recovery/journal";

/**
 * A CLI that is killed sends no signal and leaves this process running; only the pipe to it breaks. Nobody hears what
 * this process is answered from then on, so it sends nothing any more: it ends, and its notes tell the next run.
 */
export function onEngineExit(journal: Journal): void {
  if (!isProviderProcess() || !isPipe(0)) return;
  const end = () => {
    journal.onEngineExit();
    process.exit(0);
  };
  process.stdin.once("end", end);
  process.stdin.resume();
  // The terminal was closed.
  process.once("SIGHUP", end);
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
