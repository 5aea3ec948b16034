import type { Connection } from "../session/connection";
import type { ManagedIds } from "../session/managed-ids";
import type { Warn } from "../shared/errors";
import type { Inputs as KeyInputs, State as KeyState } from "./api-key/state";
import type { DiffedResources } from "./diffed-resources";
import type { Inputs as AccountInputs, State as AccountState } from "./service-account";

/** What the provider process gives to the lifecycles. */
export interface ProviderContext {
  /**
   * The connection of this name, or the unnamed one.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly connect: (connection: string | undefined, operation: string) => Connection;
  /** Whether a connection could be made; previews without one check what they can. */
  readonly isConfigured: (connection: string | undefined) => boolean;
  /** The names of the connections that are configured. */
  readonly connectionNames: () => readonly string[];
  /**
   * Tells the settings of this connection from others.
   * @throws FlexpriceError of kind `configuration`.
   */
  readonly fingerprint: (connection: string | undefined) => string;
  /** Whether previews ask the server (`flexprice:preflight`). */
  readonly wantsPreflight: () => boolean;
  readonly managed: ManagedIds;
  /** Ids that the program adopts: a resource which held one of them before lets go of it. */
  readonly adopted: Set<string>;
  /** What of the program the engine has asked this process to diff. */
  readonly diffedAccounts: DiffedResources<AccountState, AccountInputs>;
  readonly diffedKeys: DiffedResources<KeyState, KeyInputs>;
  /**
   * Milliseconds of the epoch by the clock of the connection's server, which decides when a key has expired; by
   * ours until the server has answered something.
   */
  readonly now: (connection: string | undefined) => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly warn: Warn;
}
