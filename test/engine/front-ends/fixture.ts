import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import type { OperationResult, ProgramSource } from "../../../scripts/workspace";
import { sample } from "../../support/sample";
import {
  ACCOUNT_TYPE,
  EngineFixture,
  type EngineFixtureOptions,
  failed,
  KEY_TYPE,
  messages,
} from "../fixture";

const CHECKOUT = resolve(__dirname, "..", "..", "..");
const PLUGIN = join(CHECKOUT, "dist", "plugin", "main.js");

/** One of the two ways in which programs reach the lifecycles. */
export interface FrontEnd {
  readonly title: string;
  readonly accountType: string;
  readonly keyType: string;
  /** What makes a program use it. The text of the program is the same for both. */
  readonly program: Omit<ProgramSource, "source">;
}

const DYNAMIC: FrontEnd = {
  title: "the dynamic provider",
  accountType: ACCOUNT_TYPE,
  keyType: KEY_TYPE,
  program: {},
};

export const PLUGIN_FRONT_END: FrontEnd = {
  title: "the plugin",
  accountType: "flexprice:index:ServiceAccount",
  keyType: "flexprice:index:ApiKey",
  program: {
    files: {
      "Pulumi.yaml": JSON.stringify({
        name: "test",
        runtime: { name: "nodejs", options: { typescript: true } },
        plugins: { providers: [{ name: "flexprice", path: "." }] },
      }),
      "pulumi-resource-flexprice": `#!/bin/sh\nexec node '${PLUGIN}' "$@"\n`,
      // In place of this package.
      "node_modules/pulumi-flexprice/index.js": `module.exports = require(${JSON.stringify(join(__dirname, "sdk.ts"))});`,
    },
  },
};

/**
 * Defines the same tests for both front ends. By day, only the plugin runs them: the dynamic provider has suites of its
 * own for the same behaviors.
 */
export function describeBoth(title: string, define: (frontEnd: FrontEnd) => void): void {
  for (const frontEnd of sample([PLUGIN_FRONT_END, DYNAMIC])) {
    describe(`${title}, with ${frontEnd.title}`, () => define(frontEnd));
  }
}

export function open(
  { program }: FrontEnd,
  source: string,
  options: Omit<EngineFixtureOptions, "program"> = {},
): Promise<EngineFixture> {
  return EngineFixture.open(source, { ...options, program });
}

/** The provider's only error: in three parts, and shown once. */
export function errorOf(result: OperationResult): string {
  const errors = messages(failed(result), "error").filter((text) => text.includes("Reason:"));
  assert.equal(errors.length, 1, result.output);
  const shown = result.output.match(/error: .*Could not .*\n +Reason:/g);
  assert.equal(shown?.length, 1, result.output);
  const [error = ""] = errors;
  assert.match(error, /Could not .+\.\n {2}Reason: .+\n {2}What to do: .+/);
  return error;
}
