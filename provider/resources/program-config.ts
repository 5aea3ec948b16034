import { log, type Resource, RunError, runtime } from "@pulumi/pulumi";
import { SECRET_SETTINGS, unknownSettingError, unknownSettings } from "../config/keys";
import { parseJson } from "../shared/json";

let checked = false;

/**
 * Rejects a program whose stack has an unknown `flexprice:` setting. Only the program sees the names of all settings:
 * the provider process can only get a setting by its name.
 */
export function rejectUnknownSettings(): void {
  if (checked) return;
  checked = true;
  const config = runtime.allConfig();
  const [unknown] = unknownSettings(Object.keys(config));
  // Pulumi shows a RunError without the program's stack.
  if (unknown !== undefined) throw new RunError(unknownSettingError(unknown).message);
  const secret = secretKeys();
  const readable = SECRET_SETTINGS.filter(
    (key) => Object.hasOwn(config, key) && secret?.includes(key) === false,
  );
  for (const key of readable) {
    void log.warn(
      `${key} is stored in the stack's file in plain text, and everyone who can read the repository can read it. Replace the credential, and set the new one with "pulumi config set --secret ${key}".`,
    );
  }
}

/** The encrypted config keys that the CLI passes to a program; undefined if it does not. */
function secretKeys(): readonly unknown[] | undefined {
  const keys = parseJson(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "");
  return Array.isArray(keys) ? keys : undefined;
}

/** The fingerprints of the settings that functions have used, per run and connection; "" is the default connection. */
const functionSettingsOfRun = new WeakMap<Resource, Record<string, string>>();

/** Records that a function of this run uses these settings. */
export function recordFunctionSettings(connection: string | undefined, fingerprint: string): void {
  const run = runtime.getStackResource();
  if (run === undefined) return;
  functionSettingsOfRun.set(run, {
    ...functionSettingsOfRun.get(run),
    [connection ?? ""]: fingerprint,
  });
}

/** The input that tells a resource's provider which settings the program's functions have used so far. */
export function functionSettings(): { readonly __functions?: Readonly<Record<string, string>> } {
  const run = runtime.getStackResource();
  const seen = run && functionSettingsOfRun.get(run);
  return seen === undefined ? {} : { __functions: seen };
}
