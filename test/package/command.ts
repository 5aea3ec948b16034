import { type ChildOptions, runChild } from "../../scripts/child";

const TIMEOUT_MS = 170_000;

/** The standard output of a command. If it fails, throws an error with all of its output. */
export async function output(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<string> {
  const result = await runChild(command, args, { timeoutMs: TIMEOUT_MS, ...options });
  if (result.exitCode === 0) return result.stdout;
  throw new Error(
    `${[command, ...args].join(" ")} ended with exit status ${result.exitCode}:\n${result.output}`,
  );
}
