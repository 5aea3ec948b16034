import { homedir } from "node:os";
import { join } from "node:path";
import { type SettingsSource, wantsPreflight } from "../config/read";
import type { Connection } from "../session/connection";
import { ConnectionPool } from "../session/connection-pool";
import { KeptIds } from "../session/kept-ids";
import { ManagedIds } from "../session/managed-ids";
import { Journal } from "../session/recovery/journal";
import type { Warn } from "../shared/errors";
import type { Inputs as KeyInputs, State as KeyState } from "./api-key/state";
import { DiffedResources } from "./diffed-resources";
import type { Inputs as AccountInputs, State as AccountState } from "./service-account/state";

/** What the providers of both resources share in one process. */
export interface ProviderContext {
  /**
   * The connection with this name, or the default connection.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly connect: (connection: string | undefined) => Connection;
  /** Whether a credential is configured. Without one, previews check what they can. */
  readonly isConfigured: (connection: string | undefined) => boolean;
  /** The names of the connections that are configured. */
  readonly connectionNames: () => readonly string[];
  /**
   * A hash that identifies the settings of this connection.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly fingerprint: (connection: string | undefined) => string;
  /** Whether previews ask the server (`flexprice:preflight`). */
  readonly wantsPreflight: () => boolean;
  readonly managed: ManagedIds;
  /** Ids that the program adopts. A resource that held one of them before does not delete it. */
  readonly adoptedIds: Set<string>;
  /** The resources that the engine has asked this process to diff. */
  readonly diffedAccounts: DiffedResources<AccountState, AccountInputs>;
  readonly diffedKeys: DiffedResources<KeyState, KeyInputs>;
  /**
   * Milliseconds of the epoch by the server's clock, which decides when a key has expired; by the local clock until
   * the server has responded.
   */
  readonly now: (connection: string | undefined) => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly warn: Warn;
  /** Shows what is no problem, but what the engine's own output does not say. */
  readonly inform: Warn;
  /** The URN of the resource that the engine's current call is for; undefined if the front end does not learn it. */
  readonly currentUrn: () => string | undefined;
  /** Whether a diff fails if the credential belongs to another tenant than the resource. If not, it warns. */
  readonly rejectsForeignTenant: boolean;
  readonly environment: SettingsSource["environment"];
}

/** What a front end gives to the lifecycles. */
export interface FrontEnd {
  readonly settings: SettingsSource;
  readonly platform: Connection["platform"];
  readonly warn: Warn;
  readonly currentUrn: ProviderContext["currentUrn"];
  /** Identifies the run that this process belongs to. */
  readonly engineAddress: string | undefined;
  /** Whether the engine learns of drift property by property, so that `replaceOnChanges` can replace because of it. */
  readonly reportsDrift: boolean;
  readonly rejectsForeignTenant: boolean;
}

/** Creates what the lifecycles of one process share. */
export function createContext({
  settings,
  platform,
  warn,
  currentUrn,
  engineAddress,
  reportsDrift,
  rejectsForeignTenant,
}: FrontEnd): {
  readonly context: ProviderContext;
  readonly connections: ConnectionPool;
  readonly journal: Journal;
} {
  const pulumiHome = settings.environment["PULUMI_HOME"] || join(homedir(), ".pulumi");
  const home = join(pulumiHome, "flexprice");
  const journal = new Journal({ directory: join(home, "creates"), warn });
  const run = engineAddress?.replace(/\W+/g, "-");
  const kept = new KeptIds(run && join(home, "runs"), run, warn);
  const managed = new ManagedIds(journal);
  const connections = new ConnectionPool(settings, platform, journal, managed);
  const context: ProviderContext = {
    connect: (name) => connections.connect(name),
    isConfigured: (name) => connections.isConfigured(name),
    connectionNames: () => connections.names(),
    fingerprint: (name) => connections.fingerprint(name),
    wantsPreflight: () => wantsPreflight(settings),
    managed,
    adoptedIds: new Set(),
    diffedAccounts: new DiffedResources({ kept, reportsDrift }),
    diffedKeys: new DiffedResources({ kept, reportsDrift }),
    now: (connection) => connections.now(connection),
    sleep: platform.sleep,
    warn,
    inform: platform.notify ?? (async () => {}),
    currentUrn,
    rejectsForeignTenant,
    environment: settings.environment,
  };
  return { context, connections, journal };
}
