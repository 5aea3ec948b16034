import type { Credential } from "../api/client";
import { Connection } from "../session/connection";
import { missingCredential, readSettings, type Settings, type SettingsSource } from "../config/read";
import { FlexpriceError } from "../shared/errors";
import { readStackConfig, refuseUnknown, type StackChoice, type StackConfig } from "./pulumi";
import type { Shell } from "./command-context";

/** Options that say which Flexprice is meant. */
export interface ConnectOptions {
  readonly stack?: string | false;
  readonly connection?: string;
}

/** A connection, and with what it was made. */
export interface Contact {
  readonly connection: Connection;
  readonly baseUrl: string;
  readonly credential: Credential;
}

/** Settings of the stack's config first, then of the environment: as the provider reads them. */
export function settingsSource(shell: Shell, config: StackConfig): SettingsSource {
  return {
    config: (key) => (config.kind === "read" ? config.values.get(key)?.value : undefined),
    environment: shell.environment,
  };
}

/**
 * Connects to the Flexprice that the stack's config and the environment describe.
 * @throws FlexpriceError of kind `configuration`.
 */
export async function connect(
  shell: Shell,
  { stack, connection }: ConnectOptions,
  attempted: string,
): Promise<Contact> {
  const config = await readStackConfig(shell, stack satisfies StackChoice);
  refuseUnknown(config);
  const { credential, ...settings } = readSettings(settingsSource(shell, config), connection);
  if (credential === undefined) throw noCredential(config, attempted, connection);
  return contactBy(shell, credential, settings);
}

export function contactBy(
  { world }: Shell,
  credential: Credential,
  settings: Omit<Settings, "credential">,
): Contact {
  const connection = new Connection({ ...settings, credential, world });
  return { connection, baseUrl: settings.baseUrl, credential };
}

function noCredential(
  config: StackConfig,
  attempted: string,
  connection: string | undefined,
): FlexpriceError {
  const missing = missingCredential(attempted, connection);
  if (config.kind === "read") return missing;
  return new FlexpriceError({
    kind: "configuration",
    attempted,
    answer: `${missing.answer}; ${config.why}, so that only environment variables count`,
    advice:
      "set FLEXPRICE_API_KEY, or run the command in the folder of a Pulumi project whose stack has flexprice:apiKey.",
  });
}
