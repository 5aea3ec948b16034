import assert from "node:assert/strict";
import type { Platform } from "../../provider/api/client";
import type { RetryLimits } from "../../provider/api/retry";
import {
  DEFAULT_TRANSPORT_LIMITS,
  httpTransport,
  type TransportLimits,
} from "../../provider/api/transport";
import type { Credential } from "../../provider/config/read";
import {
  type EmulatedKey,
  type EmulatedUser,
  Emulator,
  type FaultRule,
  type Operator,
  type RecordedRequest,
  seeded,
} from "../../provider/emulator";
import { ApiKeyProvider } from "../../provider/lifecycle/api-key/provider";
import type { Inputs as KeyInputs, State } from "../../provider/lifecycle/api-key/state";
import type { ProviderContext } from "../../provider/lifecycle/context";
import { DiffedResources } from "../../provider/lifecycle/diffed-resources";
import { ServiceAccountProvider } from "../../provider/lifecycle/service-account/provider";
import type {
  Inputs as AccountInputs,
  State as AccountState,
} from "../../provider/lifecycle/service-account/state";
import { Connection } from "../../provider/session/connection";
import { KeptIds } from "../../provider/session/kept-ids";
import { ManagedIds } from "../../provider/session/managed-ids";
import { Journal } from "../../provider/session/recovery/journal";
import { type ErrorKind, FlexpriceError } from "../../provider/shared/errors";
import { type TestFaultKind, testFault } from "../support/faults";

/** Pulumi's placeholder for an unknown value. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The initial time: a whole second, so that the Date header is exact. */
export const START = Date.UTC(2026, 10, 24, 8, 0, 0);

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** No retries. */
export const ONCE: RetryLimits = {
  maxAttempts: 1,
  maxElapsedMs: 0,
  unreachableMs: 0,
  throttledMs: 0,
  baseDelayMs: 0,
  maxDelayMs: 0,
};

export type { AccountInputs, AccountState, KeyInputs };
/** The state of a key whose value is known. */
export type KeyState = State & { readonly apiKey: string };

export interface UnitFixtureOptions {
  /** How far the server's clock is ahead of the process's, in milliseconds. */
  readonly serverAheadMs?: number;
  readonly revocationDelayMs?: number;
}

export interface ProcessOptions {
  /** Default: the operator's key. */
  readonly credential?: Credential;
  readonly environmentId?: string;
  readonly baseUrl?: string;
  /** Default: true. */
  readonly preflight?: boolean;
  /** Default: true. */
  readonly configured?: boolean;
  /** What identifies the settings of connections, by name. Default: no two have the same settings. */
  readonly fingerprints?: Readonly<Record<string, string>>;
  /** The names of connections that are not configured; "" is the default connection. */
  readonly unconfigured?: readonly string[];
  /** As in the plugin. Default: false. */
  readonly isPlugin?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** As in the plugin, which learns what each call of the engine is for. */
  readonly urn?: () => string;
  /** The folder of the processes of one run. Default: the process is the only one. */
  readonly runFolder?: string;
  readonly transport?: Partial<TransportLimits>;
  readonly retry?: RetryLimits;
  /** Default: one that keeps no notes. */
  readonly journal?: Journal;
}

/** The fingerprint of the settings of the default connection. */
export const FINGERPRINT = "0123456789abcdef";

/** One provider process, which lives for one operation of Pulumi. */
export interface ProviderProcess {
  readonly accounts: ServiceAccountProvider;
  readonly keys: ApiKeyProvider;
  readonly connection: Connection;
  readonly managed: ManagedIds;
  readonly warnings: string[];
  readonly infos: string[];
  /** All pauses, in milliseconds. None of them takes time. */
  readonly pauses: number[];
}

interface RunningServer {
  readonly emulator: Emulator;
  readonly operator: Operator;
  readonly clock: { now: number };
}

/** An embedded Flexprice, a clock that only moves with pauses, and provider processes that use both. */
export class UnitFixture {
  private running: RunningServer | undefined;

  /** Runs one for each test of the describe around it. Call it before other hooks, so that they find the server running. */
  static forEachTest(options: UnitFixtureOptions = {}): UnitFixture {
    const fixture = new UnitFixture();
    beforeEach(() => fixture.start(options));
    afterEach(() => fixture.stop());
    return fixture;
  }

  /** For a test that needs another server, or one with other options. */
  static async start(options: UnitFixtureOptions = {}): Promise<UnitFixture> {
    const fixture = new UnitFixture();
    await fixture.start(options);
    return fixture;
  }

  private constructor() {}

  /** Starts the server, a new one if it already runs. */
  async start({ serverAheadMs = 0, ...options }: UnitFixtureOptions = {}): Promise<void> {
    await this.stop();
    const clock = { now: START };
    const emulator = await Emulator.start({
      ...options,
      clock: () => new Date(clock.now + serverAheadMs),
      random: seeded(1),
    });
    this.running = { emulator, operator: emulator.createTenant(), clock };
  }

  /** Ends the server. Its address and clock stay, for tests of a server that is down. */
  async stop(): Promise<void> {
    await this.running?.emulator.stop();
  }

  private get server(): RunningServer {
    assert.ok(this.running, "the fixture is not started");
    return this.running;
  }

  get emulator(): Emulator {
    return this.server.emulator;
  }

  get operator(): Operator {
    return this.server.operator;
  }

  get clock(): { now: number } {
    return this.server.clock;
  }

  get admin(): Credential {
    return credential(this.operator.apiKey);
  }

  platform(transport: Partial<TransportLimits> = {}, pauses: number[] = []): Platform {
    return {
      transport: httpTransport({ ...DEFAULT_TRANSPORT_LIMITS, ...transport }),
      now: () => this.clock.now,
      random: seeded(2),
      sleep: async (ms) => {
        pauses.push(ms);
        this.clock.now += ms;
        // One turn of the event loop, the shortest that a real pause takes.
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }

  process(options: ProcessOptions = {}): ProviderProcess {
    const { preflight = true, configured = true, isPlugin = false, retry } = options;
    const { journal = new Journal() } = options;
    const managed = new ManagedIds(journal);
    const warnings: string[] = [];
    const infos: string[] = [];
    const pauses: number[] = [];
    const platform = this.platform(options.transport, pauses);
    const connection = new Connection(
      {
        baseUrl: options.baseUrl ?? this.emulator.url,
        credential: options.credential ?? this.admin,
        environmentId: options.environmentId,
        platform,
        ...(retry === undefined ? {} : { retry }),
      },
      journal,
      managed,
    );
    const keptIds = new KeptIds(options.runFolder, "run");
    const context: ProviderContext = {
      connect: () => connection,
      isConfigured: (name = "") => configured && options.unconfigured?.includes(name) !== true,
      connectionNames: () => [],
      fingerprint: (name = "") => options.fingerprints?.[name] ?? `${FINGERPRINT}${name}`,
      wantsPreflight: () => preflight,
      managed,
      adoptedIds: new Set(),
      diffedAccounts: new DiffedResources({ reportsDrift: isPlugin, kept: keptIds }),
      diffedKeys: new DiffedResources({ reportsDrift: isPlugin, kept: keptIds }),
      now: () => connection.api.serverNow(),
      sleep: platform.sleep,
      currentUrn: () => options.urn?.(),
      rejectsForeignTenant: isPlugin,
      environment: options.environment ?? {},
      warn: async (message) => {
        warnings.push(message);
      },
      inform: async (message) => {
        infos.push(message);
      },
    };
    return {
      accounts: new ServiceAccountProvider(context),
      keys: new ApiKeyProvider(context),
      connection,
      managed,
      warnings,
      infos,
      pauses,
    };
  }

  /** A process with the key of another tenant's operator. */
  foreignProcess(options: ProcessOptions = {}): ProviderProcess {
    const { apiKey } = this.emulator.createTenant();
    return this.process({ ...options, credential: credential(apiKey) });
  }

  /** A process with a key of the operator in another environment. */
  otherEnvironmentProcess(): ProviderProcess {
    const { tenantId, userId } = this.operator;
    const environmentId = this.emulator.createEnvironment(tenantId, "Other");
    const { value } = this.emulator.createKey(userId, environmentId, { name: "other" });
    return this.process({ credential: credential(value) });
  }

  /** A service account of the operator's tenant, created without a request. */
  addAccount(options: Parameters<Emulator["createAccount"]>[1]): EmulatedUser {
    return this.emulator.createAccount(this.operator.tenantId, options);
  }

  /** A service account of another tenant. */
  addForeignAccount(options: Parameters<Emulator["createAccount"]>[1]): EmulatedUser {
    return this.emulator.createAccount(this.emulator.createTenant().tenantId, options);
  }

  /** A key in the operator's environment, created without a request. */
  addKey(ownerId: string, options: Parameters<Emulator["createKey"]>[2]): EmulatedKey {
    return this.emulator.createKey(ownerId, this.operator.environmentId, options);
  }

  /** A service account with a key, created without a request. */
  accountWithKey(roles: string[], name = "weak"): { id: string; credential: Credential } {
    const { id } = this.addAccount({ name, roles });
    const { value } = this.addKey(id, { name: `key of ${name}` });
    return { id, credential: credential(value) };
  }

  account(id: string): EmulatedUser {
    return this.emulator.accounts().find((account) => account.id === id) ?? assert.fail(id);
  }

  key(id: string): EmulatedKey {
    return this.emulator.keys().find((key) => key.id === id) ?? assert.fail(id);
  }

  /** The status of an account or a key. */
  statusOf(id: string): string {
    const objects = [...this.emulator.accounts(), ...this.emulator.keys()];
    return objects.find((object) => object.id === id)?.status ?? assert.fail(id);
  }

  /** After that, an object that the server does not show cannot be missing because a read replica lags. */
  passReplicaLag(): void {
    this.clock.now += 11 * MINUTE;
  }

  /** The names of the keys that are not revoked, of one owner or of all. */
  liveKeys(ownerId?: string): string[] {
    return this.emulator
      .keys()
      .filter(({ status }) => status === "published")
      .filter(({ userId }) => ownerId === undefined || userId === ownerId)
      .map(({ name }) => name);
  }

  /** The requests since the log was last cleared, e.g. `GET /users/me`. */
  get log(): string[] {
    return this.emulator.requests.map(line);
  }

  /** As {@link log}, only with requests for changes. */
  get writes(): string[] {
    return this.emulator.writes().map(line);
  }

  fault(
    kind: TestFaultKind,
    when: "before" | "after",
    rule: Pick<FaultRule, "match" | "times" | "after"> = {},
  ): void {
    this.emulator.faults.add({ ...testFault(kind, when), ...rule });
  }

  /** Sends this response to requests, which then have no effect. */
  respondWith(
    status: number,
    { body, ...rule }: Pick<FaultRule, "match" | "times" | "after"> & { body?: unknown } = {},
  ): void {
    this.fault({ kind: "status", status, body }, "before", rule);
  }
}

function line({ method, path }: Pick<RecordedRequest, "method" | "path">): string {
  return `${method} ${path.replace(/^\/v1/, "")}`;
}

export function credential(value: string, source = "config key flexprice:apiKey"): Credential {
  return { kind: "apiKey", value, source };
}

export function token(value: string): Credential {
  return { kind: "accessToken", value, source: "config key flexprice:accessToken" };
}

/** The error of an attempt, which must fail with this kind. */
export async function failureOf(
  attempt: Promise<unknown> | (() => Promise<unknown>),
  kind: ErrorKind,
): Promise<FlexpriceError> {
  let result: unknown;
  try {
    result = await (typeof attempt === "function" ? attempt() : attempt);
  } catch (error) {
    if (!(error instanceof FlexpriceError)) throw error;
    assert.equal(error.kind, kind, error.message);
    return error;
  }
  throw new assert.AssertionError({
    message: `expected a failure of kind ${kind}, got ${JSON.stringify(result)}`,
  });
}

/** Creates a resource as `pulumi up` does: check, then create with the inputs that check returns. */
export async function createAccount(
  { accounts }: ProviderProcess,
  inputs: Partial<AccountInputs>,
): Promise<{ id: string; state: AccountState }> {
  const checked = await accounts.check({}, inputs as AccountInputs);
  assert.deepEqual(checked.failures, []);
  const { id, outs } = await accounts.create(checked.inputs as AccountInputs);
  return { id, state: outs as AccountState };
}

/** As {@link createAccount}, for a key. */
export async function createKey(
  { keys }: ProviderProcess,
  inputs: Partial<KeyInputs>,
): Promise<{ id: string; state: KeyState }> {
  const checked = await keys.check({}, inputs as KeyInputs);
  assert.deepEqual(checked.failures, []);
  const { id, outs } = await keys.create(checked.inputs as KeyInputs);
  return { id, state: outs as KeyState };
}

/** The reasons of a check's failures. None may name its property, since the engine would print the property's value. */
export function reasons(checked: {
  failures?: { property: string; reason: string }[] | undefined;
}): string[] {
  return (checked.failures ?? []).map(({ property, reason }) => {
    assert.equal(property, "");
    return reason;
  });
}
