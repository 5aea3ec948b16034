import { unknownSettingError, unknownSettings } from "../config/keys";
import {
  type Credential,
  missingCredential,
  readSettings,
  type Settings,
  type SettingsSource,
} from "../config/read";
import { Connection } from "../session/connection";
import type { FlexpriceError } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { readStackConfig, type StackChoice, type StackConfig } from "./pulumi";
import { withProgress } from "./terminal";

/** Options that choose the Flexprice server and credential. */
export interface ConnectOptions {
  readonly stack?: StackChoice;
  readonly connection?: string;
}

/** A connection, and the settings behind it. */
export interface Session {
  readonly connection: Connection;
  readonly baseUrl: string;
  readonly credential: Credential;
}

/** Settings as the provider reads them: the stack's config first, then the environment. */
export function settingsSource(context: CommandContext, config: StackConfig): SettingsSource {
  return {
    config: (key) => (config.kind === "read" ? config.values.get(key)?.value : undefined),
    environment: context.environment,
  };
}

/**
 * Connects to the Flexprice that the stack's config and the environment describe.
 * @throws FlexpriceError of kind `configuration`.
 */
export async function connect(
  context: CommandContext,
  { stack, connection }: ConnectOptions,
): Promise<Session> {
  const config = await withProgress(context, (show) => {
    show("Reading the stack's config …");
    return readStackConfig(context, stack);
  });
  // A typo in a setting would connect to another server.
  const [unknown] = unknownSettings(config.kind === "read" ? [...config.values.keys()] : []);
  if (unknown !== undefined) throw unknownSettingError(unknown);
  const { credential, ...settings } = readSettings(settingsSource(context, config), connection);
  if (credential === undefined) throw noCredential(config, connection);
  return openSession(context, credential, settings);
}

export function openSession(
  { platform }: CommandContext,
  credential: Credential,
  settings: Omit<Settings, "credential">,
): Session {
  const connection = new Connection({ ...settings, credential, platform });
  return { connection, baseUrl: settings.baseUrl, credential };
}

function noCredential(config: StackConfig, connection: string | undefined): FlexpriceError {
  const missing = missingCredential(connection);
  if (config.kind === "read") return missing;
  return missing.with({
    reason: `${missing.reason}; ${config.why}, so only environment variables count`,
    fix: "set FLEXPRICE_API_KEY, or run the command in the folder of a Pulumi project whose stack has flexprice:apiKey.",
  });
}
