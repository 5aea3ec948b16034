import type { Credential } from "../config/read";
import {
  missingCredential,
  readSettings,
  type Settings,
  type SettingsSource,
} from "../config/read";
import { Connection } from "../session/connection";
import { FlexpriceError } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { readStackConfig, rejectUnknown, type StackChoice, type StackConfig } from "./pulumi";

/** Options that say which Flexprice is meant. */
export interface ConnectOptions {
  readonly stack?: string | false;
  readonly connection?: string;
}

/** A connection, and with what it was made. */
export interface Session {
  readonly connection: Connection;
  readonly baseUrl: string;
  readonly credential: Credential;
}

/** Settings of the stack's config first, then of the environment: as the provider reads them. */
export function settingsSource(shell: CommandContext, config: StackConfig): SettingsSource {
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
  shell: CommandContext,
  { stack, connection }: ConnectOptions,
  operation: string,
): Promise<Session> {
  const config = await readStackConfig(shell, stack satisfies StackChoice);
  rejectUnknown(config);
  const { credential, ...settings } = readSettings(settingsSource(shell, config), connection);
  if (credential === undefined) throw noCredential(config, operation, connection);
  return openSession(shell, credential, settings);
}

export function openSession(
  { platform }: CommandContext,
  credential: Credential,
  settings: Omit<Settings, "credential">,
): Session {
  const connection = new Connection({ ...settings, credential, platform });
  return { connection, baseUrl: settings.baseUrl, credential };
}

function noCredential(
  config: StackConfig,
  operation: string,
  connection: string | undefined,
): FlexpriceError {
  const missing = missingCredential(operation, connection);
  if (config.kind === "read") return missing;
  return new FlexpriceError({
    kind: "configuration",
    operation,
    reason: `${missing.reason}; ${config.why}, so that only environment variables count`,
    fix: "set FLEXPRICE_API_KEY, or run the command in the folder of a Pulumi project whose stack has flexprice:apiKey.",
  });
}
