import { realPlatform } from "../api/client";
import {
  connectionNames,
  fingerprint,
  missingCredential,
  readSettings,
  type SettingsSource,
} from "../config/read";
import { Connection } from "./connection";
import { ManagedIds } from "./managed-ids";
import { Journal } from "./recovery/journal";

/** The connections that a set of settings describes, by their names; each is made when it is first asked for. */
export class Connections {
  private readonly made = new Map<string | undefined, Connection>();

  constructor(
    private readonly source: SettingsSource,
    private readonly platform = realPlatform(),
    private readonly journal = new Journal(),
    private readonly managed = new ManagedIds(journal),
  ) {}

  /**
   * The connection of this name, or the unnamed one.
   * @throws FlexpriceError of kind `configuration`.
   */
  connect(name: string | undefined, operation: string): Connection {
    const known = this.made.get(name);
    if (known !== undefined) return known;
    const { credential, ...settings } = readSettings(this.source, name);
    if (credential === undefined) throw missingCredential(operation, name);
    const { platform, journal, managed } = this;
    const connection = new Connection({ ...settings, credential, platform }, journal, managed);
    this.made.set(name, connection);
    return connection;
  }

  /** Whether the settings are enough to connect. */
  isConfigured(name: string | undefined): boolean {
    return this.made.has(name) || readSettings(this.source, name).credential !== undefined;
  }

  /**
   * Tells the settings of this connection from others.
   * @throws FlexpriceError of kind `configuration`.
   */
  fingerprint(name: string | undefined): string {
    return fingerprint(readSettings(this.source, name));
  }

  /** The names that a resource can give. */
  names(): readonly string[] {
    return connectionNames(this.source);
  }

  /** Milliseconds of the epoch by the clock of the connection's server, or by ours as long as it has not answered. */
  now(name: string | undefined): number {
    return this.made.get(name)?.api.serverNow() ?? this.platform.now();
  }
}
