import ms from "ms";
import type { CommandContext } from "../command-context";
import { pluralize } from "../listing";

/** How far each key moves the clock. */
const STEPS: Readonly<Record<string, number>> = {
  d: ms("1d"),
  w: ms("7d"),
  m: ms("30d"),
};

export const KEYS_HELP = "d, w and m move the clock by 1, 7 and 30 days. q stops the server.";

const CTRL_C = "\u0003";

/** "2027-02-12T12:08:36Z, 77 days ahead" */
export function describeClock(now: number, aheadMs: number): string {
  const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const days = Number((aheadMs / ms("1d")).toFixed(2));
  return aheadMs === 0 ? time : `${time}, ${pluralize(days, "day")} ahead`;
}

/** Whether somebody can press keys. A process in the background would be stopped for reading them. */
export async function canPressKeys({ stdin, stdout, run }: CommandContext): Promise<boolean> {
  if (stdin.isTTY !== true || stdout.isTTY !== true) return false;
  const listed = await run("ps", ["-o", "stat=", "-p", String(process.pid)]);
  // Windows has no ps, and no background.
  return listed === undefined || listed.status !== 0 || listed.stdout.includes("+");
}

/** Calls `advance` for each key that moves the clock. Resolves at the key that stops the server. */
export function readKeys(
  { stdin }: CommandContext,
  advance: (lengthMs: number) => void,
): { readonly stopped: Promise<void>; readonly close: () => void } {
  stdin.setRawMode?.(true);
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const read = (typed: Buffer | string) => {
    // Arrow keys send several characters, which mean nothing here.
    const [keys = ""] = String(typed).split("\u001b");
    for (const key of keys) {
      // Without signals from the terminal, Ctrl-C is a key.
      if (key === "q" || key === CTRL_C) stop();
      else if (STEPS[key] !== undefined) advance(STEPS[key]);
    }
  };
  stdin.on("data", read);
  const close = () => {
    stdin.off("data", read);
    stdin.setRawMode?.(false);
    // Otherwise standard input keeps the process alive.
    stdin.pause();
  };
  return { stopped, close };
}
