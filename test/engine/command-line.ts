import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type ChildOptions,
  type ChildResult,
  type RunningChild,
  startChild,
} from "../../scripts/child";
import type { EngineFixture } from "./fixture";

const CLI = resolve(__dirname, "..", "..", "dist", "cli", "index.js");

/** Starts the built command line as a shell does. */
export function startCli(args: readonly string[], options: ChildOptions = {}): RunningChild {
  return startChild(process.execPath, [CLI, ...args], options);
}

/** Runs the built command line in the folder of a fixture's program, for its stack. */
export async function runCli(
  fixture: EngineFixture,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  const { workspace } = fixture;
  // The stack's config is not in the program's folder. The CLI expects it there.
  const config = `Pulumi.${workspace.stack}.yaml`;
  copyFileSync(join(workspace.scratch, config), join(workspace.programDirectory, config));
  const result = await startCli(args, {
    cwd: workspace.programDirectory,
    env: workspace.env,
    ...options,
  }).done;
  for (const { value } of fixture.emulator.keys()) {
    assert(!result.output.includes(value), `${args.join(" ")} prints ${value}`);
  }
  return result;
}
