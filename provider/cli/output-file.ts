import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { errorCode, errorText, FlexpriceError } from "../shared/errors";
import type { CommandContext } from "./command-context";

/**
 * Writes the file with this name, if an option gives one.
 * @throws FlexpriceError before any work, if the file exists and `force` does not allow to overwrite it. The returned
 * function also throws it if the file has come to exist since, or cannot be written.
 */
export function outputFile(
  { directory }: CommandContext,
  name: string | undefined,
  force = false,
): ((text: string) => void) | undefined {
  if (name === undefined) return undefined;
  const path = resolve(directory, name);
  if (!force && existsSync(path)) throw fileExists(path);
  return (text) => {
    try {
      writeFileSync(path, text, { flag: force ? "w" : "wx" });
    } catch (error) {
      if (errorCode(error) === "EEXIST") throw fileExists(path);
      throw new FlexpriceError({
        kind: "configuration",
        operation: `write ${path}`,
        reason: errorText(error),
        fix: "name a file in a folder where you may write.",
      });
    }
  };
}

function fileExists(path: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation: `write ${path}`,
    reason: "the file exists",
    fix: "name another file, or overwrite it with --force.",
  });
}
