import { RunError, runtime } from "@pulumi/pulumi";
import { unknownSettingError, unknownSettings } from "../settings";

let checked = false;

/**
 * Refuses a program whose stack has a `flexprice:` setting that means nothing. Only the program sees the names of
 * all settings; the provider process can but ask for one by its name.
 */
export function refuseUnknownSettings(): void {
  if (checked) return;
  checked = true;
  const [unknown] = unknownSettings(Object.keys(runtime.allConfig()));
  // A RunError is shown by its message alone, without the program's stack.
  if (unknown !== undefined) throw new RunError(unknownSettingError(unknown).message);
}
