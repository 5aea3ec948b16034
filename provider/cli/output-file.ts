import { existsSync, writeFileSync } from "node:fs";
import { FlexpriceError } from "../shared/errors";

/** @throws FlexpriceError before any work, if the file exists and `force` does not allow to overwrite it. */
export function rejectExisting(path: string, force: boolean): void {
  if (!force && existsSync(path)) throw fileExists(path);
}

/** @throws FlexpriceError if the file cannot be written, or exists and `force` does not allow to overwrite it. */
export function writeOutput(path: string, text: string, force: boolean): void {
  try {
    writeFileSync(path, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    const { code, message } = Object(error) as { code?: string; message?: string };
    if (code === "EEXIST") throw fileExists(path);
    throw new FlexpriceError({
      kind: "configuration",
      operation: `write ${path}`,
      reason: String(message),
      fix: "name a file in a folder where you may write.",
    });
  }
}

function fileExists(path: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation: `write ${path}`,
    reason: "the file exists",
    fix: "name another file, or overwrite it with --force.",
  });
}
