import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface ProcessInfo {
  pid: number;
  command: string;
}

/**
 * The processes with `name=value` in their environment: everything that was started with it, directly or indirectly.
 * No other mark is as reliable after the parents have ended.
 */
export function processesWith(name: string, value: string): ProcessInfo[] {
  const entry = `${name}=${value}`;
  return existsSync("/proc/self/environ") ? fromProc(entry) : fromPs(entry);
}

function fromProc(entry: string): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const pid of readdirSync("/proc")
    .filter((folder) => /^\d+$/.test(folder))
    .map(Number)) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      // An ended process that was not waited for has no command line.
      if (command !== "" && pid !== process.pid) found.push({ pid, command });
    } catch {
      // It has ended, or belongs to another user.
    }
  }
  return found;
}

/** macOS shows the environment after the command. */
function fromPs(entry: string): ProcessInfo[] {
  return execFileSync("ps", ["-axEww", "-o", "pid=,command="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.split(" ").includes(entry))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }));
}
