/**
 * What Pulumi's provider process loads: `require("pulumi-flexprice/runtime").serviceAccount` and `.apiKey` stand in
 * the state of every resource ever made, so these two names are a contract with old states.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { realPlatform } from "./api/client";
import { type SettingsSource, wantsPreflight } from "./config/read";
import { ApiKeyProvider } from "./lifecycle/api-key/provider";
import type { ProviderContext } from "./lifecycle/context";
import { DiffedResources } from "./lifecycle/diffed-resources";
import { onEngineExit } from "./lifecycle/engine-exit";
import { ServiceAccountProvider } from "./lifecycle/service-account";
import { Connections } from "./session/connection-pool";
import { ManagedIds } from "./session/managed-ids";
import { Journal } from "./session/recovery/journal";
import { dropRepeatedErrors, engineLog } from "./shared/engine-log";

dropRepeatedErrors();

let config: dynamic.Config | undefined;

const source: SettingsSource = {
  config: (key) => config?.get(key),
  environment: process.env,
};

const platform = { ...realPlatform(), notify: engineLog(process.argv[2], "info") };
const warn = engineLog();
const journal = new Journal({
  directory: join(process.env["PULUMI_HOME"] || join(homedir(), ".pulumi"), "flexprice", "creates"),
  warn,
});
const managed = new ManagedIds(journal);
const connections = new Connections(source, platform, journal, managed);

const context: ProviderContext = {
  connect: (name, operation) => connections.connect(name, operation),
  isConfigured: (name) => connections.isConfigured(name),
  connectionNames: () => connections.names(),
  fingerprint: (name) => connections.fingerprint(name),
  wantsPreflight: () => wantsPreflight(source),
  managed,
  adopted: new Set(),
  diffedAccounts: new DiffedResources(),
  diffedKeys: new DiffedResources(),
  now: (connection) => connections.now(connection),
  sleep: platform.sleep,
  warn,
};

onEngineExit(journal);

/** The host caches a provider before it awaits `configure`: the config is taken over at once, and read when needed. */
async function configure(request: dynamic.ConfigureRequest): Promise<void> {
  config = request.config;
}

export const serviceAccount: dynamic.ResourceProvider = Object.assign(
  new ServiceAccountProvider(context),
  { configure },
);

export const apiKey: dynamic.ResourceProvider = Object.assign(new ApiKeyProvider(context), {
  configure,
});
