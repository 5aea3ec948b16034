import { spawn } from "node:child_process";
import { type Platform, realPlatform } from "../api/client";
import { engineLog } from "../shared/engine-log";

/** An output stream that may be a terminal. */
export interface Screen extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Width in characters. */
  readonly columns?: number;
}

/** How a program ended, and what it printed. */
export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The surroundings of a command. Tests replace them. */
export interface CommandContext {
  readonly directory: string;
  readonly nodeVersion: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    /** Delivers each key at once, and makes Ctrl-C a key. */
    setRawMode?(isRaw: boolean): unknown;
  };
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Network and clock. */
  readonly platform: Platform;
  /** Runs a program to its end; undefined if there is no such program. */
  readonly run: (command: string, args: readonly string[]) => Promise<Finished | undefined>;
  /** Calls `run` after this time, unless the returned function cancels it. */
  readonly schedule: (ms: number, run: () => void) => () => void;
  /** Resolves on Ctrl-C or SIGTERM. */
  readonly untilStopped: () => Promise<void>;
}

export function realCommandContext(): CommandContext {
  const directory = process.cwd();
  // A reader that stops early, such as `head`, has what it wanted.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  return {
    directory,
    nodeVersion: process.versions.node,
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    // Without an engine, the log prints to standard error.
    platform: { ...realPlatform(), notify: engineLog(undefined, "info") },
    run: (command, args) => run(command, args, directory),
    schedule: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    untilStopped: () =>
      new Promise((resolve) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
      }),
  };
}

function run(
  command: string,
  args: readonly string[],
  directory: string,
): Promise<Finished | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    const printed = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        printed[stream] += text;
      });
    }
    child.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? resolve(undefined) : reject(error),
    );
    // A signal leaves no status.
    child.once("close", (status) => resolve({ status: status ?? 128, ...printed }));
  });
}
