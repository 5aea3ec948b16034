import { type ChildOptions, runChild } from "../../scripts/child";

const TIMEOUT_MS = 170_000;

/** What a command prints to standard output; an error with all that it printed where it fails. */
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
