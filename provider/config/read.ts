import { createHash } from "node:crypto";
import { z } from "zod";
import { FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { quoted } from "../shared/redaction";
import { configError, SECRET_SETTINGS, SETTINGS, type SettingName } from "./keys";

/** Where the settings of one Flexprice server and credential come from. */
export interface SettingsSource {
  /** A value of the stack's config, by its whole key, e.g. `flexprice:apiKey`; decrypted. */
  readonly config: (key: string) => string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The provider whose arguments the config has, for errors; undefined: it is the stack's config. */
  readonly provider?: string | undefined;
}

/** A credential. For errors, `source` says where the value was configured. */
export interface Credential {
  readonly kind: "apiKey" | "accessToken";
  readonly value: string;
  readonly source: string;
}

/** The settings for one Flexprice server. */
export interface Settings {
  /** With `/v1`, without a slash at the end. */
  readonly baseUrl: string;
  /** Undefined if none is configured. Previews then check what they can. */
  readonly credential: Credential | undefined;
  readonly environmentId: string | undefined;
}

export const DEFAULT_BASE_URL = "https://us.api.flexprice.io/v1";

interface Setting {
  readonly value: string;
  /** As users know it: `config key flexprice:apiKey`. */
  readonly source: string;
  readonly origin: "config" | "environment";
}

/** Where a setting of the default connection was configured; undefined if it is not set. */
export function settingSource(source: SettingsSource, name: SettingName): string | undefined {
  return read(source, name)?.source;
}

/**
 * The settings of a connection, without a name those of the default connection. Config takes precedence over the environment.
 * @throws FlexpriceError of kind `configuration`, naming the setting and the command that sets it.
 */
export function readSettings(source: SettingsSource, connection?: string): Settings {
  if (connection !== undefined) return readConnection(source, connection);
  return {
    baseUrl: baseUrlOf(source, read(source, "baseUrl")),
    credential: oneCredential(read(source, "apiKey"), read(source, "accessToken")),
    environmentId: read(source, "environmentId")?.value,
  };
}

/** Identifies a set of settings without revealing them. */
export function fingerprint({ baseUrl, credential, environmentId }: Settings): string {
  // An API key has an environment of its own.
  const chosen = credential?.kind === "accessToken" ? environmentId : undefined;
  const parts = [baseUrl, credential?.kind, credential?.value, chosen];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** The names of all connections. Empty if they cannot be read: using one then throws the error. */
export function connectionNames(source: SettingsSource): string[] {
  return Object.keys(parseConnections(read(source, "connections")).data ?? {});
}

/**
 * As {@link connectionNames}, for settings that must be usable.
 * @throws FlexpriceError of kind `configuration`.
 */
export function readConnectionNames(source: SettingsSource): string[] {
  return Object.keys(readConnections(source));
}

/** Whether previews query the server; `flexprice:preflight`, on by default. */
export function wantsPreflight(source: SettingsSource): boolean {
  return readFlag(source, "preflight", true);
}

/** The error if no credential is configured. */
export function missingCredential(connection?: string, provider?: string): FlexpriceError {
  return new FlexpriceError({
    kind: "configuration",
    defaultOperation: "connect to Flexprice",
    reason:
      connection === undefined
        ? `no Flexprice credential is configured${provider === undefined ? "" : ` for provider ${quoted(provider)}`}`
        : `connection "${connection}" has neither apiKey nor accessToken`,
    fix:
      provider !== undefined
        ? howToSet({ provider }, connection === undefined ? "apiKey" : "connections")
        : connection === undefined
          ? `run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.`
          : `add one of them: "pulumi config set --secret --path ${connectionPath(connection)}.apiKey".`,
  });
}

function parseConnections(setting: Setting | undefined) {
  return z.record(z.string(), z.unknown()).safeParse(parseJson(setting?.value ?? "{}"));
}

function readConnections(source: SettingsSource): Readonly<Record<string, unknown>> {
  const setting = read(source, "connections");
  const all = parseConnections(setting);
  if (all.success) return all.data;
  const where = connectionsSource(setting);
  throw configError(
    where,
    `${where} is not an object of named connections`,
    howToSet(source, "connections"),
  );
}

function connectionsSource(setting: Setting | undefined): string {
  return setting?.source ?? "config key flexprice:connections";
}

function readConnection(source: SettingsSource, name: string): Settings {
  const setting = read(source, "connections");
  const where = connectionsSource(setting);
  const all = readConnections(source);
  const given = Object.hasOwn(all, name) ? all[name] : undefined;
  if (UNUSABLE_NAMES.includes(name)) {
    throw configError(
      where,
      `a connection cannot be called ${quoted(name)}`,
      "give it another name.",
    );
  }
  if (given === undefined) {
    const names = Object.keys(all);
    throw configError(
      where,
      `connection ${quoted(name)} does not exist; ${names.length === 0 ? "none is configured" : `configured: ${names.join(", ")}`}`,
      `${howToSet(source, "connections", name)} Or correct the resource's connection.`,
    );
  }
  const shape = z.strictObject({
    apiKey: z.string().min(1).optional(),
    accessToken: z.string().min(1).optional(),
    environmentId: z.string().min(1).optional(),
    baseUrl: z.string().min(1).optional(),
  });
  const parsed = shape.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      (issue) => `${issue.path.join(".") || name}: ${issue.message}`,
    );
    throw configError(
      where,
      `connection ${quoted(name)} is unusable: ${issues.join("; ")}`,
      howToSet(source, "connections"),
    );
  }
  const { apiKey, accessToken, environmentId, baseUrl } = parsed.data;
  const inside = `connection ${quoted(name)} in ${where}`;
  const part = (value: string | undefined): Setting | undefined =>
    value === undefined
      ? undefined
      : { value, source: inside, origin: setting?.origin ?? "config" };
  return {
    baseUrl: baseUrlOf(source, part(baseUrl) ?? read(source, "baseUrl")),
    credential: oneCredential(part(apiKey), part(accessToken)),
    environmentId,
  };
}

/** Property names that are special in JavaScript objects. */
const UNUSABLE_NAMES: readonly string[] = ["__proto__", "constructor", "prototype"];

/** A connection in the syntax of `pulumi config set --path`. */
function connectionPath(name: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name);
  return `flexprice:connections${isPlain ? `.${name}` : `[${quoted(name)}]`}`;
}

function oneCredential(
  apiKey: Setting | undefined,
  accessToken: Setting | undefined,
): Credential | undefined {
  if (apiKey !== undefined && accessToken !== undefined && apiKey.origin === accessToken.origin) {
    throw configError(
      apiKey.source,
      `both ${apiKey.source} and ${accessToken.source} are set`,
      "keep the one for this stack, and remove the other.",
    );
  }
  const chosen = [
    { kind: "apiKey" as const, setting: apiKey },
    { kind: "accessToken" as const, setting: accessToken },
  ].flatMap(({ kind, setting }) => (setting === undefined ? [] : [{ kind, ...setting }]));
  const best = chosen.find(({ origin }) => origin === "config") ?? chosen[0];
  if (best === undefined) return undefined;
  if (/[\r\n\0]|^\s|\s$/.test(best.value)) {
    throw configError(
      best.source,
      `${best.source} begins or ends with white space, or contains a line break`,
      "set it again without them; a value piped from a file often ends in a line break.",
    );
  }
  const [extra] = /^(?:Bearer|Basic)\s|^["']/i.exec(best.value) ?? [];
  if (extra !== undefined) {
    throw configError(
      best.source,
      `${best.source} begins with ${extra.trim()}, which is not part of the credential`,
      "set it to the credential alone, without quotes or the name of a scheme.",
    );
  }
  if (/[^\x20-\x7e]/.test(best.value)) {
    throw configError(
      best.source,
      `${best.source} contains a character that no credential has`,
      "set it again; a value copied from where it is abbreviated contains an ellipsis.",
    );
  }
  return { kind: best.kind, value: best.value, source: best.source };
}

function baseUrlOf(source: SettingsSource, setting: Setting | undefined): string {
  const allowInsecure = readFlag(source, "allowInsecure", false);
  return usableUrl(
    source,
    setting?.value ?? DEFAULT_BASE_URL,
    setting?.source ?? "the default",
    allowInsecure,
  );
}

function usableUrl(
  settings: SettingsSource,
  text: string,
  source: string,
  allowInsecure: boolean,
): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw configError(
      source,
      `the base URL from ${source} is not a valid http(s) URL`,
      howToSet(settings, "baseUrl"),
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw configError(
      source,
      `the base URL from ${source} contains a user, a query or a fragment`,
      `${howToSet(settings, "baseUrl")} The credential goes into flexprice:apiKey.`,
    );
  }
  if (url.protocol === "http:" && !allowInsecure && !isLoopback(url.hostname)) {
    throw configError(
      source,
      `the base URL from ${source} uses plain http to ${url.hostname}: credentials and keys would be sent unencrypted`,
      `use https. To allow http, ${howToSet(settings, "allowInsecure")}`,
    );
  }
  const path = url.pathname.replace(/\/{2,}/g, "/").replace(/(?:\/v1)*\/?$/, "");
  return `${url.origin}${path}/v1`;
}

function readFlag(
  source: SettingsSource,
  name: "allowInsecure" | "preflight",
  fallback: boolean,
): boolean {
  const setting = read(source, name);
  if (setting === undefined) return fallback;
  if (setting.value === "true") return true;
  if (setting.value === "false") return false;
  throw configError(
    setting.source,
    `${setting.source} is neither true nor false`,
    howToSet(source, name),
  );
}

function read(source: SettingsSource, name: SettingName): Setting | undefined {
  const configured = source.config(`flexprice:${name}`);
  if (configured !== undefined && configured !== "") {
    const { provider } = source;
    const from =
      provider === undefined
        ? `config key flexprice:${name}`
        : `${name} of provider ${quoted(provider)}`;
    return { value: configured, source: from, origin: "config" };
  }
  const variable = SETTINGS[name];
  const exported = source.environment[variable];
  // CI systems pass an empty variable for a missing secret.
  if (exported === undefined || exported === "") return undefined;
  return { value: exported, source: `environment variable ${variable}`, origin: "environment" };
}

function howToSet(
  { provider }: Pick<SettingsSource, "provider">,
  name: SettingName,
  connection = "NAME",
): string {
  if (provider !== undefined) {
    return `set ${name} in the arguments of provider ${quoted(provider)}, or ${SETTINGS[name]}.`;
  }
  const secret = SECRET_SETTINGS.includes(`flexprice:${name}`) ? "--secret " : "";
  const example: Record<SettingName, string> = {
    apiKey: "",
    accessToken: "",
    environmentId: " env_…",
    baseUrl: ` ${DEFAULT_BASE_URL}`,
    connections: "",
    allowInsecure: " true",
    preflight: " false",
  };
  const command =
    name === "connections"
      ? `pulumi config set --secret --path ${connectionPath(connection)}.apiKey`
      : `pulumi config set ${secret}flexprice:${name}${example[name]}`;
  return `set it with "${command}" or in ${SETTINGS[name]}.`;
}

/** Whether the host is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}
