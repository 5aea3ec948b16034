import { fstatSync } from "node:fs";
import type { Journal } from "../session/recovery/journal";

/**
 * Ends this process when the engine has gone. A killed CLI sends no signal; only the pipe from it breaks. No result
 * reaches a state from then on, so this process stops sending requests, and its notes inform the next run.
 */
export function onEngineExit(journal: Journal): void {
  if (!isProviderProcess() || !isPipe(0)) return;
  const end = () => {
    journal.onEngineExit();
    process.exit(0);
  };
  process.stdin.once("end", end);
  process.stdin.resume();
  // Sent when the terminal is closed.
  process.once("SIGHUP", end);
}

/** Other processes, such as tests, may load the runtime too. Their standard input must not be read. */
function isProviderProcess(): boolean {
  return process.argv[1]?.includes("dynamic-provider") === true;
}

/** A file or /dev/null as standard input ends at once, which says nothing about the engine. */
function isPipe(descriptor: number): boolean {
  const kind = fstatSync(descriptor);
  return kind.isFIFO() || kind.isSocket();
}
