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

/** The connections of one set of settings, by name. Each is opened on first use. */
export class ConnectionPool {
  private readonly byName = new Map<string | undefined, Connection>();

  constructor(
    private readonly source: SettingsSource,
    private readonly platform = realPlatform(),
    private readonly journal = new Journal(),
    private readonly managed = new ManagedIds(journal),
  ) {}

  /**
   * The connection with this name, or the default connection.
   * @throws FlexpriceError of kind `configuration`.
   */
  connect(name: string | undefined): Connection {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const { credential, ...settings } = readSettings(this.source, name);
    if (credential === undefined) throw missingCredential(name, this.source.provider);
    const { platform, journal, managed } = this;
    const connection = new Connection({ ...settings, credential, platform }, journal, managed);
    this.byName.set(name, connection);
    return connection;
  }

  /** Whether a credential is configured. */
  isConfigured(name: string | undefined): boolean {
    return this.byName.has(name) || readSettings(this.source, name).credential !== undefined;
  }

  /**
   * A hash that identifies the settings of this connection.
   * @throws FlexpriceError of kind `configuration`.
   */
  fingerprint(name: string | undefined): string {
    return fingerprint(readSettings(this.source, name));
  }

  /** The names of all configured connections. */
  names(): readonly string[] {
    return connectionNames(this.source);
  }

  /** Milliseconds of the epoch by the server's clock, or by the local clock until the server has responded. */
  now(name: string | undefined): number {
    return this.byName.get(name)?.api.serverNow() ?? this.platform.now();
  }
}
