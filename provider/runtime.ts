/**
 * What Pulumi's provider process loads. The state of every resource contains
 * `require("pulumi-flexprice/runtime").serviceAccount` or `.apiKey`, so these names must never change.
 */
import type { dynamic } from "@pulumi/pulumi";
import { realPlatform } from "./api/client";
import { ApiKeyProvider } from "./lifecycle/api-key/provider";
import { createContext } from "./lifecycle/context";
import { onEngineExit } from "./lifecycle/engine-exit";
import { ServiceAccountProvider } from "./lifecycle/service-account/provider";
import { asEngineAddress, dropRepeatedErrors, engineLog } from "./shared/engine-log";

dropRepeatedErrors();

let config: dynamic.Config | undefined;

const engineAddress = asEngineAddress(process.argv[2]);
const { context, journal } = createContext({
  settings: { config: (key) => config?.get(key), environment: process.env },
  platform: { ...realPlatform(), notify: engineLog(engineAddress, "info") },
  warn: engineLog(engineAddress),
  // The host of dynamic providers does not pass it on.
  currentUrn: () => undefined,
  engineAddress,
  reportsDrift: false,
  rejectsForeignTenant: false,
});

// Other processes, such as tests, may load this too. Their standard input must not be read.
if (process.argv[1]?.includes("dynamic-provider") === true)
  onEngineExit(() => journal.onEngineExit());

/** The host caches a provider before it awaits `configure`, so this stores the config at once, to be read later. */
async function configure(request: dynamic.ConfigureRequest): Promise<void> {
  config = request.config;
}

/**
 * A state that the plugin wrote has no `__provider`, which the host needs for a refresh or a deletion. Reports a change,
 * so that an update adds it.
 */
function withProviderInState(provider: dynamic.ResourceProvider): dynamic.ResourceProvider {
  const { diff } = provider;
  return Object.assign(provider, {
    diff: async (id: string, olds: object, news: object) => {
      const found = await diff?.call(provider, id, olds, news);
      return "__provider" in olds ? found : { ...found, changes: true };
    },
    configure,
  });
}

export const serviceAccount = withProviderInState(new ServiceAccountProvider(context));

export const apiKey = withProviderInState(new ApiKeyProvider(context));
