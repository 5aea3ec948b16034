import { distance } from "fastest-levenshtein";
import {
  ENVIRONMENT_VARIABLES,
  SECRET_SETTINGS,
  unknownSettingError,
  unknownSettings,
} from "../../config/keys";
import {
  connectionNames,
  missingCredential,
  readSettings,
  type Settings,
  settingSource,
} from "../../config/read";
import { isFailure } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { readStackConfig, type StackConfig } from "../pulumi";
import { type ConnectOptions, openSession, type Session, settingsSource } from "../session";
import { type Check, ok, problem, problemOf, warning } from "./check";

const CONFIG = "Stack config";

/** Checks the settings and where they come from; gives the connection that they describe, if they describe one. */
export async function* checkSettings(
  context: CommandContext,
  options: ConnectOptions,
): AsyncGenerator<Check, Session | undefined> {
  try {
    const config = await readStackConfig(context, options.stack);
    yield* checkConfig(context, config, options);
    yield* checkVariables(context.environment);
    return yield* checkConnection(context, config, options.connection);
  } catch (error) {
    if (!isFailure(error)) throw error;
    yield problemOf("Settings", error);
    return undefined;
  }
}

async function* checkConfig(
  context: CommandContext,
  config: StackConfig,
  { stack }: ConnectOptions,
): AsyncGenerator<Check> {
  if (config.kind === "none") {
    yield stack === false
      ? ok(CONFIG, "left out: --no-stack")
      : warning(
          CONFIG,
          `${config.why}: settings come from environment variables alone`,
          config.fix,
        );
    return;
  }
  const keys = [...config.values.keys()].filter((key) => key.startsWith("flexprice:"));
  const name = stack ?? (await selectedStack(context));
  const listed = keys.map(escapeControl).join(", ") || "nothing of flexprice:";
  yield ok(CONFIG, `stack ${name} sets ${listed}`);
  for (const key of unknownSettings(keys)) yield problemOf(CONFIG, unknownSettingError(key));
  for (const key of keys) {
    if (!SECRET_SETTINGS.includes(key) || config.values.get(key)?.secret === true) continue;
    yield problem(
      CONFIG,
      `${key} is stored in the stack's file in plain text`,
      `set it again, encrypted, and replace the credential if the file was shared: pulumi config set --secret ${key}`,
    );
  }
}

async function selectedStack(context: CommandContext): Promise<string> {
  const result = await context.run("pulumi", ["stack", "--show-name", "--non-interactive"]);
  return result?.stdout.trim() ?? "";
}

/** A self-hosted server has FLEXPRICE_ variables too, so only likely typos are reported. */
function* checkVariables(environment: CommandContext["environment"]): Generator<Check> {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("FLEXPRICE_") || ENVIRONMENT_VARIABLES.includes(name)) continue;
    const meant = ENVIRONMENT_VARIABLES.find((known) => distance(known, name) <= 2);
    if (meant === undefined) continue;
    yield warning(
      "Environment",
      `${escapeControl(name)} is not a setting of this provider`,
      `use ${meant}, if you meant that.`,
    );
  }
}

function* checkConnection(
  context: CommandContext,
  config: StackConfig,
  name: string | undefined,
): Generator<Check, Session | undefined> {
  const source = settingsSource(context, config);
  const { credential, ...settings } = readSettings(source, name);
  const origin =
    name === undefined
      ? (settingSource(source, "baseUrl") ?? "the default")
      : `connection "${escapeControl(name)}"`;
  yield ok("Server", `${settings.baseUrl} (${origin})`);
  if (credential !== undefined) {
    yield* checkEnvironment({ ...settings, credential });
    return openSession(context, credential, settings);
  }
  const names = connectionNames(source);
  yield name === undefined && names.length > 0
    ? ok(
        "Credential",
        `only those of the connections ${names.join(", ")}; check one of them with --connection`,
      )
    : problemOf("Credential", missingCredential(name));
  return undefined;
}

/** A key that the server stores in its database. Keys in a self-hosted server's configuration look different. */
const STORED_KEY = /^sk_[0-9A-HJKMNP-TV-Z]{26}$/;

function* checkEnvironment({ credential, environmentId }: Settings): Generator<Check> {
  if (credential?.kind !== "apiKey" || environmentId === undefined) return;
  if (!STORED_KEY.test(credential.value)) return;
  yield warning(
    "Environment",
    `environmentId is set to ${escapeControl(environmentId)}, and the credential is an API key. The server ignores the setting, because an API key belongs to one environment`,
    "remove environmentId; it is for access tokens.",
  );
}
