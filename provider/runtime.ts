/**
 * What Pulumi's provider process loads. The state of every resource contains
 * `require("pulumi-flexprice/runtime").serviceAccount` or `.apiKey`, so these names must never change.
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
import { ServiceAccountProvider } from "./lifecycle/service-account/provider";
import { ConnectionPool } from "./session/connection-pool";
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
const connections = new ConnectionPool(source, platform, journal, managed);

const context: ProviderContext = {
  connect: (name) => connections.connect(name),
  isConfigured: (name) => connections.isConfigured(name),
  connectionNames: () => connections.names(),
  fingerprint: (name) => connections.fingerprint(name),
  wantsPreflight: () => wantsPreflight(source),
  managed,
  adoptedIds: new Set(),
  diffedAccounts: new DiffedResources(),
  diffedKeys: new DiffedResources(),
  now: (connection) => connections.now(connection),
  sleep: platform.sleep,
  warn,
};

onEngineExit(journal);

/** The host caches a provider before it awaits `configure`, so this stores the config at once, to be read later. */
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
