import { distance } from "fastest-levenshtein";
import {
  ENVIRONMENT_VARIABLES,
  SECRET_SETTINGS,
  unknownSettingError,
  unknownSettings,
} from "../config/keys";
import {
  connectionNames,
  missingCredential,
  readSettings,
  type Settings,
  settingSource,
  wantsPreflight,
} from "../config/read";
import { isFailure } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { type Check, ok, problem, problemOf, warning } from "./doctor-check";
import { readStackConfig, type StackConfig } from "./pulumi";
import { type ConnectOptions, openSession, type Session, settingsSource } from "./session";
import { bare } from "./wording";

const CONFIG = "Stack config";

/** Looks at the settings and where they come from; gives the connection that they describe, if they describe one. */
export async function* checkSettings(
  shell: CommandContext,
  options: ConnectOptions,
): AsyncGenerator<Check, Session | undefined> {
  try {
    const config = await readStackConfig(shell, options.stack);
    yield* checkConfig(shell, config, options);
    yield* checkVariables(shell.environment);
    return yield* checkConnection(shell, config, options.connection);
  } catch (error) {
    if (!isFailure(error)) throw error;
    yield problemOf("Settings", error);
    return undefined;
  }
}

async function* checkConfig(
  shell: CommandContext,
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
  const name = stack ?? (await selectedStack(shell));
  yield ok(CONFIG, `stack ${name} sets ${keys.map(bare).join(", ") || "nothing of flexprice:"}`);
  for (const key of unknownSettings(keys)) yield problemOf(CONFIG, unknownSettingError(key));
  for (const key of keys) {
    if (!SECRET_SETTINGS.includes(key) || config.values.get(key)?.secret === true) continue;
    yield problem(
      CONFIG,
      `${key} stands in the stack's file in plain text`,
      `set it anew, encrypted, and change the credential if the file was shared: pulumi config set --secret ${key}`,
    );
  }
}

async function selectedStack(shell: CommandContext): Promise<string> {
  const asked = await shell.run("pulumi", ["stack", "--show-name", "--non-interactive"]);
  return asked?.stdout.trim() ?? "";
}

/** A server of one's own has FLEXPRICE_ variables too: only what looks like a slip is worth a word. */
function* checkVariables(environment: CommandContext["environment"]): Generator<Check> {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("FLEXPRICE_") || ENVIRONMENT_VARIABLES.includes(name)) continue;
    const meant = ENVIRONMENT_VARIABLES.find((known) => distance(known, name) <= 2);
    if (meant === undefined) continue;
    yield warning(
      "Environment",
      `${bare(name)} is no setting of this provider`,
      `if it was meant for it: ${meant}.`,
    );
  }
}

function* checkConnection(
  shell: CommandContext,
  config: StackConfig,
  name: string | undefined,
): Generator<Check, Session | undefined> {
  const source = settingsSource(shell, config);
  const { credential, ...settings } = readSettings(source, name);
  const origin =
    name === undefined
      ? (settingSource(source, "baseUrl") ?? "the default")
      : `connection "${bare(name)}"`;
  yield ok("Server", `${settings.baseUrl} (${origin})`);
  if (!wantsPreflight(source)) {
    yield warning(
      "Preview",
      `${settingSource(source, "preflight")} keeps previews from asking the server`,
      "leave it out to have roles and permissions checked before anything is changed.",
    );
  }
  const names = connectionNames(source);
  if (credential === undefined && name === undefined && names.length > 0) {
    yield ok(
      "Credential",
      `none but those of the connections ${names.join(", ")}; --connection looks at one of them`,
    );
    return undefined;
  }
  if (credential === undefined) {
    yield problemOf("Credential", missingCredential("connect", name));
    return undefined;
  }
  yield* checkEnvironment({ ...settings, credential });
  return openSession(shell, credential, settings);
}

/** A key that the server has made, and keeps in its database. */
const KEPT_KEY = /^sk_[0-9A-HJKMNP-TV-Z]{26}$/;

function* checkEnvironment({ credential, environmentId }: Settings): Generator<Check> {
  if (credential?.kind !== "apiKey" || environmentId === undefined) return;
  // One that stands in the configuration of a self-hosted server has no environment of its own.
  if (!KEPT_KEY.test(credential.value)) return;
  yield warning(
    "Environment",
    `environmentId is set to ${bare(environmentId)}, and the credential is an API key: a key that Flexprice keeps belongs to its own environment, and the server ignores the setting`,
    "leave environmentId out; it is for access tokens.",
  );
}
