import type { dynamic } from "@pulumi/pulumi";
import { realPlatform } from "../api/client";
import { unknownSettingError, unknownSettings } from "../config/keys";
import {
  readConnectionNames,
  readSettings,
  type SettingsSource,
  wantsPreflight,
} from "../config/read";
import { FlexpriceQueries } from "../functions/queries";
import { ApiKeyProvider } from "../lifecycle/api-key/provider";
import { createContext } from "../lifecycle/context";
import type { Diff } from "../lifecycle/diff";
import { ServiceAccountProvider } from "../lifecycle/service-account/provider";
import type { Journal } from "../session/recovery/journal";
import { isFailure, type Warn } from "../shared/errors";
import { containsUnknown } from "../shared/unknowns";
import type { Properties } from "./wire";

/** What the engine calls for the resources of one type. */
export interface ResourceLifecycle {
  /** What is wrong with the inputs, whatever the state. */
  validate(inputs: object): Promise<dynamic.CheckFailure[]>;
  check(olds: object, news: object): Promise<dynamic.CheckResult>;
  diff(id: string, olds: object, news: object): Promise<Diff>;
  create(inputs: object): Promise<dynamic.CreateResult>;
  plannedCreate(inputs: object): object;
  read(id: string, outputs: object): Promise<dynamic.ReadResult>;
  /** As `read`, for an object of which the state has nothing yet. The result has inputs. */
  import(id: string): Promise<dynamic.ReadResult>;
  update(id: string, olds: object, news: object): Promise<dynamic.UpdateResult>;
  plannedUpdate(olds: object, news: object): object;
  delete(id: string, outputs: object): Promise<void>;
}

/** The lifecycles and functions of one provider instance. */
export interface Core {
  readonly journal: Journal;
  readonly resources: {
    readonly ServiceAccount: ResourceLifecycle;
    readonly ApiKey: ResourceLifecycle;
  };
  /** By the last part of the token. The engine only takes objects, so lists are wrapped. */
  readonly functions: Readonly<Record<string, (args: object) => Promise<object>>>;
}

export function createCore(
  settings: SettingsSource,
  engine: {
    readonly address: string | undefined;
    readonly warn: Warn;
    readonly notify: Warn;
    readonly currentUrn: () => string | undefined;
  },
): Core {
  const { context, connections, journal } = createContext({
    settings,
    platform: { ...realPlatform(), notify: engine.notify },
    warn: engine.warn,
    currentUrn: engine.currentUrn,
    engineAddress: engine.address,
    rejectsForeignTenant: true,
    reportsDrift: true,
  });
  const queries = new FlexpriceQueries(connections);
  return {
    journal,
    resources: {
      ServiceAccount: new ServiceAccountProvider(context),
      ApiKey: new ApiKeyProvider(context),
    },
    functions: functionsOf(queries),
  };
}

function functionsOf(queries: FlexpriceQueries): Core["functions"] {
  return {
    getServiceAccount: (args) => queries.serviceAccount(args),
    getServiceAccounts: async (args) => ({ accounts: await queries.serviceAccounts(args) }),
    getApiKeys: async (args) => ({ keys: await queries.apiKeys(args) }),
    getRoles: async (args) => ({ roles: await queries.roles(args) }),
    getCaller: (args) => queries.caller(args),
  };
}

/**
 * Why no operation can work with these settings of a provider, whose names come without `flexprice:`.
 * @param provider - The name of an explicit provider.
 */
export function settingsProblems(
  given: Properties,
  environment: SettingsSource["environment"],
  provider: string | undefined,
): string[] {
  const config = new Map(
    Object.entries(given).map(([name, value]) => [
      `flexprice:${name}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const unknown = unknownSettings([...config.keys()]).map(
    (key) => unknownSettingError(key, provider).message,
  );
  // What is unknown in a preview can only be checked in the up.
  if (unknown.length > 0 || containsUnknown(given)) return unknown;
  const settings = { config: (key: string) => config.get(key), environment, provider };
  const problems = new Set<string>();
  const attempt = <Result>(read: () => Result): Result | undefined => {
    try {
      return read();
    } catch (error) {
      if (!isFailure(error, "configuration")) throw error;
      problems.add(error.message);
      return undefined;
    }
  };
  const names = attempt(() => readConnectionNames(settings)) ?? [];
  for (const name of [undefined, ...names]) attempt(() => readSettings(settings, name));
  attempt(() => wantsPreflight(settings));
  return [...problems];
}
