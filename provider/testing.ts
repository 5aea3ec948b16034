/**
 * The embedded Flexprice, for tests of programs: a Flexprice in memory behind real HTTP, whose state and requests a
 * test can look at.
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
  RecordedRequest,
  UserType,
} from "./emulator";

/** How {@link startFlexprice} starts. */
export interface FlexpriceOptions {
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  /**
   * For how long a key that was in use goes on working after it has been revoked, in milliseconds. On a real server
   * it is up to 120,000. Default: 0.
   */
  readonly revocationDelayMs?: number;
  /**
   * For how long one request does not see what another has written, in milliseconds, as with a server that has a read
   * replica. Default: 0.
   */
  readonly replicaLagMs?: number;
}

/**
 * A Flexprice in memory, with one tenant and an operator of it. It lives until `stop()`, or to the end of the block
 * that declares it with `await using`.
 */
export interface EmbeddedFlexprice extends Emulator, AsyncDisposable {
  /** A user with super_admin, as whom Pulumi works: ids, an API key, an access token. */
  readonly operator: Operator;
  /**
   * What makes Pulumi talk to this Flexprice as the operator, to be added to the environment of the CLI, of an
   * Automation API workspace, or of the test itself. It holds every variable that the provider knows; those that are
   * empty keep settings of the surrounding shell out. Settings in a stack's config go before all of them.
   */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Lets time pass for the server, e.g. "76d": keys expire, and rotations become due, since the provider goes by the
   * server's clock. The clocks of the test and of Pulumi stay as they are.
   *
   * @throws Error when the text is no number with a unit.
   */
  advance(duration: string): void;
}

/** Starts a Flexprice of its own on 127.0.0.1, empty but for the operator. */
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
      if (ms === undefined) throw new Error(`"${duration}" is no duration such as "76d" or "12h"`);
      aheadMs += ms;
    },
    [Symbol.asyncDispose]: () => emulator.stop(),
  });
}
