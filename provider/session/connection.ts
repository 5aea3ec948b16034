import { Client, type ClientOptions, type Platform } from "../api/client";
import { FlexpriceApi } from "../api/endpoints";
import { displayIdOf } from "../api/ids";
import type { RetryLimits } from "../api/retry";
import type { Role, User } from "../api/schemas";
import { ServerClock } from "../api/server-clock";
import { type FlexpriceError, isFailure, type Warn } from "../shared/errors";
import { Creates, hashOf } from "./creates";
import { Directory } from "./directory";
import { Inventory } from "./inventory";
import { ManagedIds } from "./managed-ids";
import { Journal } from "./recovery/journal";
import { Recovery } from "./recovery/recovery";

/** A preview does not wait long for a server that is away: it goes on with what it knows. */
const PREFLIGHT_RETRY: RetryLimits = {
  attempts: 2,
  maxElapsedMs: 10_000,
  unreachableMs: 10_000,
  throttledMs: 10_000,
  baseDelayMs: 500,
  maxDelayMs: 1_000,
};

/** What could be learned before anything is changed. */
export type Preflight =
  | {
      readonly kind: "ready";
      readonly caller: User;
      /** What a service account can be given here; undefined where the server did not say. */
      readonly assignable: readonly Role[] | undefined;
    }
  /** The server is away or in trouble: nothing was learned, nothing is wrong with the program. */
  | { readonly kind: "unavailable"; readonly error: FlexpriceError }
  /** The settings cannot work. */
  | { readonly kind: "refused"; readonly error: FlexpriceError };

/** One server with one credential, as long as the process lives. What it asks once it keeps. */
export class Connection {
  readonly api: FlexpriceApi;
  readonly platform: Platform;
  readonly directory: Directory;
  readonly inventory: Inventory;
  readonly creates: Creates;
  private readonly recovery: Recovery;
  private readonly preflightApi: FlexpriceApi;
  private knownCaller: Promise<User> | undefined;
  private knownRoles: Promise<readonly Role[]> | undefined;
  private knownPreflight: Promise<Preflight> | undefined;

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
    this.directory = new Directory(this.api, options.platform.sleep);
    this.inventory = new Inventory(this.api, options.platform.sleep);
    const origin = {
      server: options.baseUrl,
      credential: hashOf(options.credential),
      environmentId: this.chosenEnvironment,
    };
    const { api, directory, inventory, platform } = this;
    const of = [api, directory, inventory, platform, managed, journal, origin] as const;
    this.creates = new Creates(...of);
    this.recovery = new Recovery(...of);
  }

  /** Where the credential was configured. */
  get credentialSource(): string {
    return this.options.credential.source;
  }

  /** Whether a key is the very credential of this connection. */
  usesKey(apiKey: string | undefined): boolean {
    return apiKey !== undefined && apiKey === this.options.credential.value;
  }

  /** Whether a listed key of the caller may be the credential: the list shows no more of it. */
  mayBeKey(displayId: string): boolean {
    const { kind, value } = this.options.credential;
    return kind === "apiKey" && displayIdOf(value) === displayId;
  }

  /** The environment that keys are made in, where the credential does not bring its own. */
  get chosenEnvironment(): string | undefined {
    const { credential, environmentId } = this.options;
    return credential.kind === "accessToken" ? environmentId : undefined;
  }

  /** Whether keys can be reached at all: an access token needs an environment. */
  get lacksEnvironment(): boolean {
    const { credential, environmentId } = this.options;
    return credential.kind === "accessToken" && environmentId === undefined;
  }

  /** Who the credential belongs to; one request a process. */
  async caller(): Promise<User> {
    this.knownCaller ??= this.api.me();
    return await this.keepSuccess(this.knownCaller, () => {
      this.knownCaller = undefined;
    });
  }

  /** Settles what killed runs have left, before this one changes something. */
  async recover(warn: Warn): Promise<void> {
    await this.recovery.recover(await this.caller(), warn);
  }

  /** Says what killed runs may have left, where nothing may be changed. Asks the server nothing but who the caller is. */
  async remindOfPending(warn: Warn): Promise<void> {
    const { tenant } = await this.caller();
    await this.recovery.remind(tenant.id, warn);
  }

  /** Waits for keys of these names that a killed run may have made; see {@link Recovery.waitForKeys}. */
  async waitForKeys(names: readonly string[], warn: Warn): Promise<boolean> {
    return await this.recovery.waitForKeys(names, await this.caller(), warn);
  }

  /** The program takes an object over: a note of it would have a later run remove it. */
  forgetPending(tenantId: string, object: { readonly id: string; readonly name: string }): void {
    this.journal.forget(this.options.baseUrl, tenantId, object);
  }

  /** Every role of the server with its permissions; one request a process. */
  async allRoles(): Promise<readonly Role[]> {
    this.knownRoles ??= this.preflightApi.roles("all");
    return await this.keepSuccess(this.knownRoles, () => {
      this.knownRoles = undefined;
    });
  }

  /** What a service account can be given here; undefined where the server does not say. */
  async assignableRoles(): Promise<readonly Role[] | undefined> {
    if (this.lacksEnvironment) return undefined;
    try {
      return await this.preflightApi.roles("assignable");
    } catch (error) {
      // A server may keep its roles to itself; who asks is known all the same.
      if (isFailure(error, "forbidden", "not_found")) return undefined;
      throw error;
    }
  }

  /** Asks who the caller is and which roles there are, once a process whatever comes of it. Never fails. */
  preflight(): Promise<Preflight> {
    this.knownPreflight ??= this.runPreflight();
    return this.knownPreflight;
  }

  private async runPreflight(): Promise<Preflight> {
    try {
      const [caller, assignable] = await Promise.all([
        this.preflightApi.me(),
        this.assignableRoles(),
      ]);
      this.knownCaller ??= Promise.resolve(caller);
      return { kind: "ready", caller, assignable };
    } catch (error) {
      if (!isFailure(error)) throw error;
      const passing = isFailure(error, "unreachable", "server_error", "throttled");
      return { kind: passing ? "unavailable" : "refused", error };
    }
  }

  private async keepSuccess<Value>(asked: Promise<Value>, forget: () => void): Promise<Value> {
    try {
      return await asked;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
