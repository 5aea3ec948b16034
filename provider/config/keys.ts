import { FlexpriceError } from "../shared/errors";

/** Every setting under `flexprice:`, with its environment variable. */
export const SETTINGS = {
  apiKey: "FLEXPRICE_API_KEY",
  accessToken: "FLEXPRICE_ACCESS_TOKEN",
  environmentId: "FLEXPRICE_ENVIRONMENT_ID",
  baseUrl: "FLEXPRICE_BASE_URL",
  connections: "FLEXPRICE_CONNECTIONS",
  allowInsecure: "FLEXPRICE_ALLOW_INSECURE",
  preflight: "FLEXPRICE_PREFLIGHT",
} as const;
export type SettingName = keyof typeof SETTINGS;

/** Config keys whose values must be encrypted. */
export const SECRET_SETTINGS: readonly string[] = [
  "flexprice:apiKey",
  "flexprice:accessToken",
  "flexprice:connections",
];

/** The environment variables of all settings. */
export const ENVIRONMENT_VARIABLES: readonly string[] = Object.values(SETTINGS);

/** Config keys under `flexprice:` that are not settings. */
export function unknownSettings(keys: readonly string[]): string[] {
  return keys.filter(
    (key) =>
      key.startsWith("flexprice:") && !Object.hasOwn(SETTINGS, key.slice("flexprice:".length)),
  );
}

/** The error for an unknown config key, most likely a typo. */
export function unknownSettingError(key: string): FlexpriceError {
  return configError(
    key,
    `config key ${key} is unknown`,
    `remove it ("pulumi config rm ${key}") or correct it; valid keys: ${Object.keys(SETTINGS)
      .map((name) => `flexprice:${name}`)
      .join(", ")}.`,
  );
}

/** The error for a setting that cannot be used. */
export function configError(what: string, reason: string, fix: string): FlexpriceError {
  return new FlexpriceError({ kind: "configuration", operation: `use ${what}`, reason, fix });
}
