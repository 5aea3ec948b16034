import { log, type Resource, RunError, runtime } from "@pulumi/pulumi";
import { SECRET_SETTINGS, unknownSettingError, unknownSettings } from "../config/keys";

let checked = false;

/**
 * Refuses a program whose stack has a `flexprice:` setting that means nothing. Only the program sees the names of
 * all settings; the provider process can but ask for one by its name.
 */
export function rejectUnknownSettings(): void {
  if (checked) return;
  checked = true;
  const config = runtime.allConfig();
  const [unknown] = unknownSettings(Object.keys(config));
  // A RunError is shown by its message alone, without the program's stack.
  if (unknown !== undefined) throw new RunError(unknownSettingError(unknown).message);
  const secret = secretKeys();
  const readable = SECRET_SETTINGS.filter(
    (key) => Object.hasOwn(config, key) && secret?.includes(key) === false,
  );
  for (const key of readable) {
    void log.warn(
      `${key} stands in the stack's file in plain text, for everybody who can read the repository. Replace the credential, since it has been readable, and set the new one with "pulumi config set --secret ${key}".`,
    );
  }
}

/** The keys of the config that are encrypted, as the CLI tells a program that it runs; undefined: it did not. */
function secretKeys(): readonly unknown[] | undefined {
  try {
    const keys: unknown = JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "null");
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

/** What functions have worked with, in each run of a program: by connection, "" for the unnamed one. */
const functionSettingsOfRun = new WeakMap<Resource, Record<string, string>>();

/** A function of this run works with these settings. */
export function recordFunctionSettings(connection: string | undefined, fingerprint: string): void {
  const run = runtime.getStackResource();
  if (run === undefined) return;
  functionSettingsOfRun.set(run, {
    ...functionSettingsOfRun.get(run),
    [connection ?? ""]: fingerprint,
  });
}

/** The input by which a resource tells its provider what the program's functions have worked with so far. */
export function functionSettings(): { readonly __functions?: Readonly<Record<string, string>> } {
  const run = runtime.getStackResource();
  const seen = run && functionSettingsOfRun.get(run);
  return seen === undefined ? {} : { __functions: seen };
}
