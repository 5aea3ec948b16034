/**
 * An embedded Flexprice for tests of your programs. It keeps its data in memory and serves real HTTP. Tests can inspect
 * its state and its requests.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { LocalWorkspace } from "@pulumi/pulumi/automation";
 * import { startFlexprice } from "pulumi-flexprice/testing";
 *
 * const flexprice = await startFlexprice();
 * const stack = await LocalWorkspace.createOrSelectStack(
 *   { stackName: "test", workDir: "." },
 *   { envVars: { ...flexprice.environment } },
 * );
 * await stack.up();
 * assert.equal(flexprice.accounts().length, 1);
 * await flexprice.stop();
 * ```
 *
 * @module
 */

import { ENVIRONMENT_VARIABLES } from "./config/keys";
import { Emulator, type Operator } from "./emulator";
import { durationMs } from "./shared/duration";

export type {
  EmulatedKey,
  EmulatedUser,
  Fault,
  FaultKind,
  FaultPlan,
  FaultRule,
  KeyType,
  Operator,
  RawResponse,
  RecordedRequest,
  UserType,
} from "./emulator";

/** Options of {@link startFlexprice}. */
export interface FlexpriceOptions {
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  /**
   * How long a recently used key keeps working after it is revoked, in milliseconds. On a real server, this is up to
   * 120,000. Default: 0.
   */
  readonly revocationDelayMs?: number;
  /**
   * How long the changes of one request stay invisible to others, in milliseconds, as on a server with a read replica.
   * Default: 0.
   */
  readonly replicaLagMs?: number;
}

/**
 * A Flexprice in memory, with one tenant and its operator. It runs until `stop()`, or until the end of the block that
 * declares it with `await using`.
 */
export interface EmbeddedFlexprice extends Emulator, AsyncDisposable {
  /** The super_admin user whose credential Pulumi uses: ids, an API key, an access token. */
  readonly operator: Operator;
  /**
   * Makes Pulumi use this Flexprice as the operator. Add it to the environment of the CLI, of an Automation API
   * workspace, or of the test itself. It sets every variable of the provider: empty ones override the settings of your
   * shell. A stack's config overrides all of them.
   */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Moves the server's clock forward, e.g. by "76d". The provider uses the server's clock, so keys expire and rotations
   * become due. The clocks of the test and of Pulumi do not change.
   *
   * @throws Error if the text is not a number with a unit.
   */
  advance(duration: string): void;
}

/** Starts a new Flexprice on 127.0.0.1 that contains only the operator. */
export async function startFlexprice(options: FlexpriceOptions = {}): Promise<EmbeddedFlexprice> {
  let aheadMs = 0;
  const clock = () => new Date(Date.now() + aheadMs);
  const emulator = await Emulator.start({ ...options, clock });
  const operator = emulator.createTenant();
  return Object.assign(emulator, {
    operator,
    environment: {
      ...Object.fromEntries(ENVIRONMENT_VARIABLES.map((name) => [name, ""])),
      FLEXPRICE_BASE_URL: emulator.url,
      FLEXPRICE_API_KEY: operator.apiKey,
      // `advance` moves the server's clock alone, further than a gateway's Date header is believed.
      FLEXPRICE_TRUST_DATE_HEADER: "true",
    },
    advance(duration: string): void {
      const ms = durationMs(duration);
      if (ms === undefined)
        throw new Error(`"${duration}" is not a duration such as "76d" or "12h"`);
      aheadMs += ms;
    },
    [Symbol.asyncDispose]: () => emulator.stop(),
  });
}
