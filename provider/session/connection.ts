import { Client, type ClientOptions, type Platform } from "../api/client";
import { FlexpriceApi } from "../api/endpoints";
import { displayIdOf } from "../api/ids";
import type { RetryLimits } from "../api/retry";
import type { Role, User } from "../api/schemas";
import { ServerClock } from "../api/server-clock";
import { type FlexpriceError, isFailure, type Warn } from "../shared/errors";
import { lazyAsync } from "../shared/lazy";
import { Creates, hashOf } from "./creates";
import { ManagedIds } from "./managed-ids";
import { Reads } from "./reads";
import { Journal } from "./recovery/journal";
import { Recovery } from "./recovery/recovery";

/** A preview does not wait long for a server that is down: it continues with what it knows. */
const PREFLIGHT_RETRY: RetryLimits = {
  maxAttempts: 2,
  maxElapsedMs: 10_000,
  unreachableMs: 10_000,
  throttledMs: 10_000,
  baseDelayMs: 500,
  maxDelayMs: 1_000,
};

/** The result of the check that precedes every change. */
export type Preflight =
  | {
      readonly kind: "ready";
      readonly caller: User;
      /** The roles that a service account can have; undefined if the server does not say. */
      readonly assignable: readonly Role[] | undefined;
    }
  /** The server is down or failing. Nothing is wrong with the program. */
  | { readonly kind: "unavailable"; readonly error: FlexpriceError }
  /** The settings cannot work. */
  | { readonly kind: "refused"; readonly error: FlexpriceError };

/** A connection to one server with one credential. Results are cached for the life of the process. */
export class Connection {
  readonly api: FlexpriceApi;
  readonly platform: Platform;
  readonly reads: Reads;
  readonly creates: Creates;
  private readonly recovery: Recovery;
  private readonly preflightApi: FlexpriceApi;
  private preflightCaller: User | undefined;
  private readonly fetchCaller = lazyAsync(() => this.api.me());
  /** Every role of the server with its permissions; one request per process. */
  readonly allRoles = lazyAsync(() => this.preflightApi.roles("all"));
  /** Requests the caller and the roles, once per process, whatever the result. Never fails. */
  readonly preflight = lazyAsync(() => this.runPreflight());

  constructor(
    private readonly options: Omit<ClientOptions, "clock">,
    private readonly journal = new Journal(),
    managed = new ManagedIds(journal),
  ) {
    this.platform = options.platform;
    const { now, trustsDateHeader } = options.platform;
    const clock = new ServerClock(now, trustsDateHeader ? Number.POSITIVE_INFINITY : undefined);
    this.api = new FlexpriceApi(new Client({ ...options, clock }));
    this.preflightApi = new FlexpriceApi(new Client({ ...options, clock, retry: PREFLIGHT_RETRY }));
    this.reads = new Reads(this.api, options.platform.sleep);
    const origin = {
      server: options.baseUrl,
      credential: hashOf(options.credential),
      environmentId: this.chosenEnvironment,
    };
    const { api, reads, platform } = this;
    const parts = [api, reads, platform, managed, journal, origin] as const;
    this.creates = new Creates(...parts);
    this.recovery = new Recovery(...parts);
  }

  /** Where the credential was configured. */
  get credentialSource(): string {
    return this.options.credential.source;
  }

  /** Whether a key is the credential of this connection. */
  usesKey(apiKey: string | undefined): boolean {
    return apiKey !== undefined && apiKey === this.options.credential.value;
  }

  /** Whether a listed key of the caller may be the credential. The list shows only its display id. */
  mayBeKey(displayId: string): boolean {
    const { kind, value } = this.options.credential;
    return kind === "apiKey" && displayIdOf(value) === displayId;
  }

  /** The environment for new keys, if the credential does not determine it. */
  get chosenEnvironment(): string | undefined {
    const { credential, environmentId } = this.options;
    return credential.kind === "accessToken" ? environmentId : undefined;
  }

  /** Whether keys cannot be used: an access token needs an environment for them. */
  get lacksEnvironment(): boolean {
    const { credential, environmentId } = this.options;
    return credential.kind === "accessToken" && environmentId === undefined;
  }

  /** Who the credential belongs to; one request per process. */
  async caller(): Promise<User> {
    return this.preflightCaller ?? (await this.fetchCaller());
  }

  /** Cleans up after killed runs. Call this before every change. */
  async recover(warn: Warn): Promise<void> {
    await this.recovery.recover(await this.caller(), warn);
  }

  /** Warns of what killed runs may have left, without changing anything. Only requests the caller from the server. */
  async remindOfPending(warn: Warn): Promise<void> {
    const { tenant } = await this.caller();
    await this.recovery.remind(tenant.id, warn);
  }

  /** Waits for keys with these names that a killed run may have created; see {@link Recovery.waitForKeys}. */
  async waitForKeys(names: readonly string[], warn: Warn): Promise<boolean> {
    return await this.recovery.waitForKeys(names, await this.caller(), warn);
  }

  /** The program adopts an object. Its notes must go, or a later run would remove the object. */
  forgetPending(tenantId: string, object: { readonly id: string; readonly name: string }): void {
    this.journal.forget(this.options.baseUrl, tenantId, object);
  }

  /** The roles that a service account can have; undefined if the server does not say. */
  async assignableRoles(): Promise<readonly Role[] | undefined> {
    if (this.lacksEnvironment) return undefined;
    try {
      return await this.preflightApi.roles("assignable");
    } catch (error) {
      // The server may hide its roles; the caller is still known.
      if (isFailure(error, "forbidden", "not_found")) return undefined;
      throw error;
    }
  }

  private async runPreflight(): Promise<Preflight> {
    try {
      const [caller, assignable] = await Promise.all([
        this.preflightApi.me(),
        this.assignableRoles(),
      ]);
      this.preflightCaller = caller;
      return { kind: "ready", caller, assignable };
    } catch (error) {
      if (!isFailure(error)) throw error;
      const passing = isFailure(error, "unreachable", "server_error", "throttled");
      return { kind: passing ? "unavailable" : "refused", error };
    }
  }
}
