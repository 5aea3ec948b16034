import { type ChildProcess, spawn } from "node:child_process";

export interface ChildOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Standard input of the child. Default: empty. */
  input?: string;
  /** After this time, the child and its process group are killed. */
  timeoutMs?: number;
  /** Called with each chunk of output. */
  onOutput?: (text: string, stream: "stdout" | "stderr") => void;
  /** Keep the child in our process group, so that Ctrl-C in a terminal reaches it too. */
  shareTerminal?: boolean;
}

export interface ChildResult {
  /** Exit status; 128 and more for a child ended by a signal, 127 for one that could not start. */
  exitCode: number;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Both streams, in order of arrival. */
  output: string;
  timedOut: boolean;
}

export interface RunningChild {
  readonly pid: number | undefined;
  /** Resolves when the child has ended and its output is read. Never rejects. */
  readonly done: Promise<ChildResult>;
  /** The output so far, both streams in order of arrival. */
  readonly output: string;
  /** Signals the child and its process group. */
  kill(signal: NodeJS.Signals): void;
}

const running = new Set<RunningChild>();
let watching = false;

/** Starts a program and collects what it prints. */
export function startChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): RunningChild {
  const ownGroup = options.shareTerminal !== true;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    detached: ownGroup,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  // A child that ends without reading its input says why in its output.
  child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  child.stdin?.end(options.input);
  const collected = { stdout: "", stderr: "", output: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      collected[stream] += text;
      collected.output += text;
      options.onOutput?.(text, stream);
    });
  }

  const kill = (signal: NodeJS.Signals) => signalChild(child, signal, ownGroup);
  let timedOut = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          kill("SIGKILL");
        }, options.timeoutMs);

  const done = new Promise<ChildResult>((resolve) => {
    const settle = (exitCode: number, signal: NodeJS.Signals | null) => {
      clearTimeout(timer);
      running.delete(handle);
      resolve({ exitCode, signal, timedOut, ...collected });
    };
    child.once("error", (error) => {
      collected.stderr += error.message;
      collected.output += error.message;
      if (child.pid === undefined) settle(127, null);
    });
    child.once("close", (code, signal) =>
      settle(code ?? (signal === "SIGINT" ? 130 : 128), signal),
    );
  });
  const handle: RunningChild = {
    pid: child.pid,
    done,
    get output() {
      return collected.output;
    },
    kill,
  };
  running.add(handle);
  watchOwnEnd();
  return handle;
}

/** Runs a program to its end. */
export function runChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  return startChild(command, args, options).done;
}

function signalChild(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
  } catch {
    // It has just ended.
  }
}

/** Children in their own process group would outlive this process: Ctrl-C does not reach them. */
function watchOwnEnd(): void {
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const passOn = () => {
      for (const child of running) child.kill(signal);
      process.removeListener(signal, passOn);
      // Only if nothing else, such as mocha, handles the signal.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    process.on(signal, passOn);
  }
}
