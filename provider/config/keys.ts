import { FlexpriceError } from "../shared/errors";

/** Every key under `flexprice:` that means something, and the environment variable behind it. */
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

/** Keys of the stack's config whose values belong encrypted. */
export const SECRET_SETTINGS: readonly string[] = [
  "flexprice:apiKey",
  "flexprice:accessToken",
  "flexprice:connections",
];

/** Every environment variable that means something. */
export const ENVIRONMENT_VARIABLES: readonly string[] = Object.values(SETTINGS);

/** Keys of the stack's config that look like this provider's and are not. */
export function unknownSettings(keys: readonly string[]): string[] {
  return keys.filter(
    (key) =>
      key.startsWith("flexprice:") && !Object.hasOwn(SETTINGS, key.slice("flexprice:".length)),
  );
}

/** The error for a config key that means nothing, most likely a slip. */
export function unknownSettingError(key: string): FlexpriceError {
  return configError(
    key,
    `config key ${key} is unknown`,
    `remove it ("pulumi config rm ${key}") or correct it; there are: ${Object.keys(SETTINGS)
      .map((name) => `flexprice:${name}`)
      .join(", ")}.`,
  );
}

/** The error for a setting that cannot be used. */
export function configError(what: string, reason: string, fix: string): FlexpriceError {
  return new FlexpriceError({ kind: "configuration", operation: `use ${what}`, reason, fix });
}
