import type { Connection } from "../session/connection";
import type { ManagedIds } from "../session/managed-ids";
import type { Warn } from "../shared/errors";
import type { Inputs as KeyInputs, State as KeyState } from "./api-key/state";
import type { DiffedResources } from "./diffed-resources";
import type { Inputs as AccountInputs, State as AccountState } from "./service-account/state";

/** What the providers of both resources share in one process. */
export interface ProviderContext {
  /**
   * The connection with this name, or the default one.
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
}
