import { FlexpriceError } from "../shared/errors";
import { quoted } from "../shared/redaction";

/** Every setting under `flexprice:`, with its environment variable. The plugin's schema has these docstrings. */
export const SETTINGS = {
  /** The API key that Pulumi uses. It belongs to one environment of Flexprice, and so do the keys that it creates. */
  apiKey: "FLEXPRICE_API_KEY",
  /** The access token of a user, instead of an API key. To work with keys, also set `environmentId`. */
  accessToken: "FLEXPRICE_ACCESS_TOKEN",
  /** The environment to use with an access token. An API key ignores it. */
  environmentId: "FLEXPRICE_ENVIRONMENT_ID",
  /** The address of the server. You can leave out `/v1`. Default: `https://us.api.flexprice.io/v1`. */
  baseUrl: "FLEXPRICE_BASE_URL",
  /**
   * Servers and credentials by name, for resources and functions that set `connection`. Without a `baseUrl`, a
   * connection uses that of the settings outside `flexprice:connections`.
   */
  connections: "FLEXPRICE_CONNECTIONS",
  /**
   * Whether to allow plain http to a host other than this machine. Credentials and keys are then sent unencrypted.
   * Default: false.
   */
  allowInsecure: "FLEXPRICE_ALLOW_INSECURE",
  /**
   * Whether `preview` and `up` ask the server before they change anything. Otherwise roles are checked against a
   * built-in list. Default: true.
   */
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

/**
 * The error for an unknown config key, most likely a typo.
 * @param provider - The provider that has it as an argument, if the stack's config does not have it.
 */
export function unknownSettingError(key: string, provider?: string): FlexpriceError {
  if (provider !== undefined) {
    const name = key.slice("flexprice:".length);
    return configError(
      `provider ${quoted(provider)}`,
      `argument ${quoted(name)} is unknown`,
      `remove or correct it; valid arguments: ${Object.keys(SETTINGS).join(", ")}.`,
    );
  }
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
