/**
 * An embedded Flexprice for tests of your programs. It keeps its data in memory and serves real HTTP. Tests can inspect
 * its state and its requests.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { startFlexprice } from "pulumi-flexprice/testing";
 *
 * const flexprice = await startFlexprice();
 * const stack = await flexprice.stack("."); // the folder with your Pulumi.yaml
 * await stack.up();
 * assert.equal(flexprice.accounts().length, 1);
 * await flexprice.stop(); // destroys and removes the stack
 * ```
 *
 * @module
 */

import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";
import { ENVIRONMENT_VARIABLES } from "./config/keys";
import { Emulator, type Operator } from "./emulator";
import { durationMs } from "./shared/duration";
import { ScratchStack } from "./testing/scratch-stack";

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
  /**
   * Creates an empty stack that uses this Flexprice, ready for `up`, `preview`, `refresh` and `destroy` of Pulumi's
   * Automation API. It has a temporary backend, without a login, and changes neither your login nor the stack that you
   * have selected. {@link stop} destroys and removes it. You can create several.
   *
   * It needs a Pulumi CLI on `PATH`.
   *
   * @param program - The folder with the Pulumi.yaml of your program, in any language, or a function that creates
   * resources. The stack of a folder has its config in a file `Pulumi.test-….yaml` there until `stop()`.
   * @throws Error if there is no usable Pulumi CLI, or after `stop()`.
   */
  stack(program: string | PulumiFn): Promise<Stack>;
  /**
   * Ends all faults, destroys and removes the stacks of {@link stack}, and then stops the server. You can call it more
   * than once.
   *
   * @throws Error if a stack cannot be destroyed. Its temporary folder is removed, and the server stopped, all the
   * same.
   */
  stop(): Promise<void>;
}

/** Starts a new Flexprice on 127.0.0.1 that contains only the operator. */
export async function startFlexprice(options: FlexpriceOptions = {}): Promise<EmbeddedFlexprice> {
  let aheadMs = 0;
  const clock = () => new Date(Date.now() + aheadMs);
  const emulator = await Emulator.start({ ...options, clock });
  const operator = emulator.createTenant();
  const environment = {
    ...Object.fromEntries(ENVIRONMENT_VARIABLES.map((name) => [name, ""])),
    FLEXPRICE_BASE_URL: emulator.url,
    FLEXPRICE_API_KEY: operator.apiKey,
    // `advance` moves the server's clock alone, further than a gateway's Date header is believed.
    FLEXPRICE_TRUST_DATE_HEADER: "true",
  };
  const stacks: Promise<ScratchStack>[] = [];
  const stopServer = emulator.stop.bind(emulator);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    emulator.faults.clear();
    stopped ??= disposeAll(stacks).finally(stopServer);
    return stopped;
  };
  return Object.assign(emulator, {
    operator,
    environment,
    advance(duration: string): void {
      const ms = durationMs(duration);
      if (ms === undefined)
        throw new Error(`"${duration}" is not a duration such as "76d" or "12h"`);
      aheadMs += ms;
    },
    async stack(program: string | PulumiFn): Promise<Stack> {
      const config = {
        "flexprice:baseUrl": { value: emulator.url },
        "flexprice:apiKey": { value: operator.apiKey, secret: true },
        // The functions of a program in this process see the shell's, and resources do not.
        "flexprice:environmentId": { value: operator.environmentId },
      };
      if (stopped !== undefined) throw new Error("this Flexprice is stopped: start another one");
      // A test that times out stops the server while it waits for this.
      const created = ScratchStack.create(program, { environment, config });
      stacks.push(created);
      return (await created).stack;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  });
}

/** Newest first: a stack can use what an earlier one created. */
async function disposeAll(stacks: readonly Promise<ScratchStack>[]): Promise<void> {
  const errors: unknown[] = [];
  for (const created of [...stacks].reverse()) {
    // Whoever asked for a stack knows why there is none.
    const scratch = await created.catch(() => undefined);
    try {
      await scratch?.dispose();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join("\n"));
  if (errors.length === 1) throw errors[0];
}
