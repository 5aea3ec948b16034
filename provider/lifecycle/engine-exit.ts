import { fstatSync } from "node:fs";

/**
 * Ends this process when the engine has gone. A killed CLI sends no signal; only the pipe from it breaks. No result
 * reaches a state from then on, so this process stops sending requests, and its notes inform the next run.
 * @param prepare - Called before the process ends.
 */
export function onEngineExit(prepare: () => void): void {
  if (!isPipe(0)) return;
  const end = () => {
    prepare();
    process.exit(0);
  };
  process.stdin.once("end", end);
  process.stdin.resume();
  // Sent when the terminal is closed.
  process.once("SIGHUP", end);
}

/** A file or /dev/null as standard input ends at once, which says nothing about the engine. */
function isPipe(descriptor: number): boolean {
  const kind = fstatSync(descriptor);
  return kind.isFIFO() || kind.isSocket();
}
