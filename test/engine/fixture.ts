import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type EmulatedKey,
  type EmulatedUser,
  Emulator,
  type Operator,
  type RecordedRequest,
} from "../../provider/emulator";
import { type ChildResult, runChild } from "../../scripts/child";
import {
  type OperationResult,
  ok,
  type ProgramSource,
  PulumiWorkspace,
  type StateResource,
  type Verb,
} from "../../scripts/workspace";
import { withFixture } from "../support/scenario";
import { Clock } from "./clock";

export const ACCOUNT_TYPE = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
export const KEY_TYPE = "pulumi-nodejs:dynamic/flexprice:ApiKey";

/** Accounts and keys of either front end. */
const OURS = /^(?:pulumi-nodejs:dynamic\/flexprice|flexprice:index):(?:ServiceAccount|ApiKey)$/;

export function isOurs({ type }: { readonly type: string }): boolean {
  return OURS.test(type);
}

/** What a CLI of version 3.250 exits with when --expect-no-changes sees a change; older ones exit with 1. */
export const CHANGES_SEEN = 7;

/** A script that takes longer hangs. */
const SHELL_TIMEOUT_MS = 120_000;

/**
 * If a component of the plugin fails, the engine can be gone before the program has its error. Pulumi then prints this
 * beside it.
 */
const MONITOR_GONE =
  /error: Unhandled exception: .* 2 UNKNOWN: resource monitor shut down\n(?:\s+at .*\n)*/g;

/** Nobody wants to read any of this: stack traces, values that were turned into text by accident, class names. */
const NOISE = /\n\s+at .*:\d+:\d+|node:internal|\[object Object\]|\bundefined\b|FlexpriceError/;

/** How the provider ends names that it makes up. */
const SUFFIX = /-[0-9a-hjkmnp-tv-z]{10}$/;

/** What a name that the provider made up begins with. */
export function prefixOf(name: unknown): string {
  assert.match(String(name), SUFFIX);
  return String(name).replace(SUFFIX, "");
}

/**
 * A program with one account `ci` and a private key `ci` of it; everything in braces is code. The key's name is made
 * up by the provider, and without `name` the account's too.
 */
export function accountWithKey(
  given: { name?: string; roles?: string; account?: string; key?: string; more?: string } = {},
): string {
  const { name, roles = '["event_ingestor"]', account = "", key = "", more = "" } = given;
  return `
import * as flexprice from "pulumi-flexprice";
const account = new flexprice.ServiceAccount("ci", { ${name === undefined ? "" : `name: "${name}", `}roles: ${roles}, ${account} });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id, ${key} });
export const accountId = account.id;
export const keyId = key.id;
export const apiKey = key.apiKey;
${more}`;
}

export interface EngineFixtureOptions {
  /** Leaves out the operator's credential, which is in the environment by default: config takes a call of the CLI. */
  withoutCredential?: boolean;
  env?: Record<string, string | undefined>;
  program?: Omit<ProgramSource, "source">;
  /**
   * Starts a process for each run of the program, as the CLI does by default: for tests of how a program fails, and for
   * programs that read the environment or the clock.
   */
  ownProcess?: boolean;
  /** Encrypts secrets with a passphrase, as the CLI does by default: for tests of the passphrase. */
  passphrase?: boolean;
  /** A folder with a Pulumi.yaml, whose index.ts becomes the source. */
  folder?: string;
  /** Default: "test". */
  stack?: string;
  /** How late a server with a read replica shows what was done, in milliseconds. Default: 0, at once. */
  replicaLagMs?: number;
}

/** A tenant on an embedded Flexprice, and a stack on the real engine whose program talks to it. */
export class EngineFixture {
  /** Everything the CLI printed, for the search for secrets at the end. */
  private readonly printed: string[] = [];
  /** Values that nobody may read anywhere, beside the keys that the emulator knows. */
  private readonly secrets = new Set<string>();

  private constructor(
    readonly emulator: Emulator,
    readonly operator: Operator,
    readonly workspace: PulumiWorkspace,
    readonly clock: Clock,
    private readonly folder: string | undefined,
  ) {}

  static async open(source: string, options: EngineFixtureOptions = {}): Promise<EngineFixture> {
    const { folder, program, ...settings } = options;
    const fixture = await EngineFixture.on(folder ?? { source, ...program }, settings);
    if (folder !== undefined) fixture.setSource(source);
    return fixture;
  }

  /** With a program as it is: a folder's, in a process of its own as one with packages of its own, or a text's. */
  static async on(
    program: string | ProgramSource,
    options: Pick<
      EngineFixtureOptions,
      "withoutCredential" | "env" | "stack" | "replicaLagMs" | "ownProcess" | "passphrase"
    > = {},
  ): Promise<EngineFixture> {
    const { replicaLagMs = 0 } = options;
    const clock = new Clock();
    const emulator = await Emulator.start({ clock: clock.now, replicaLagMs });
    const operator = emulator.createTenant();
    const workspace = await PulumiWorkspace.create({
      program,
      inline: typeof program !== "string" && !program.within && !options.ownProcess,
      secretsProvider: !options.passphrase,
      ...(options.stack === undefined ? {} : { stack: options.stack }),
      env: {
        FLEXPRICE_BASE_URL: emulator.url,
        ...(options.withoutCredential ? {} : { FLEXPRICE_API_KEY: operator.apiKey }),
        ...options.env,
      },
    });
    const folder = typeof program === "string" ? program : undefined;
    return new EngineFixture(emulator, operator, workspace, clock, folder);
  }

  preview(...args: string[]): Promise<OperationResult> {
    return this.perform("preview", args);
  }

  up(...args: string[]): Promise<OperationResult> {
    return this.perform("up", args);
  }

  refresh(...args: string[]): Promise<OperationResult> {
    return this.perform("refresh", args);
  }

  destroy(...args: string[]): Promise<OperationResult> {
    return this.perform("destroy", args);
  }

  /** Imports existing objects, without the code that Pulumi prints for them. */
  import(...args: string[]): Promise<OperationResult> {
    return this.perform("import", ["--generate-code=false", ...args]);
  }

  /** What CI runs to find drift. */
  drift(): Promise<OperationResult> {
    return this.preview("--refresh", "--diff", "--expect-no-changes");
  }

  setSource(source: string): void {
    if (this.folder === undefined) this.workspace.setSource(source);
    else writeFileSync(join(this.folder, "index.ts"), source);
  }

  /** The program's outputs as texts, secrets in plain text. */
  async outputs(): Promise<Record<string, string>> {
    return (await this.workspace.outputs()) as Record<string, string>;
  }

  /** What the state holds of this package: by `type name`, ids, inputs and outputs, secrets in plain text. */
  async held(): Promise<Record<string, Pick<StateResource, "id" | "inputs" | "outputs">>> {
    // Encrypted again whenever a state is written, the same secret would seem to change.
    const resources = await this.resources({ showSecrets: true });
    return Object.fromEntries(
      resources.map(({ urn, type, id, inputs, outputs }) => [
        `${type.split(":").at(-1)} ${urn.split("::").at(-1)}`,
        {
          ...(id === undefined ? {} : { id }),
          ...(inputs && { inputs }),
          ...(outputs && { outputs }),
        },
      ]),
    );
  }

  /** The state's entries of this package, in the order of the state. */
  async resources(options: { showSecrets?: boolean } = {}): Promise<StateResource[]> {
    const { deployment } = await this.workspace.exportState(options);
    return (deployment.resources ?? []).filter(isOurs);
  }

  /** Moves the operator's credential from the environment to the stack's config. */
  async keepCredentialInConfig(): Promise<void> {
    delete this.workspace.env["FLEXPRICE_API_KEY"];
    const { apiKey } = this.operator;
    await this.workspace.setConfig({ "flexprice:apiKey": { value: apiKey, secret: true } });
  }

  /** Removes stack config. */
  async unsetConfig(key: string): Promise<void> {
    await ok(this.workspace.run(["config", "rm", key]));
  }

  /** The requests that asked for a change since the last call. */
  takeWrites(): Write[] {
    const taken = this.emulator.writes().map(writeOf);
    this.emulator.clearRequests();
    return taken;
  }

  accounts(): EmulatedUser[] {
    return this.emulator
      .accounts(this.operator.tenantId)
      .filter(({ status }) => status === "published");
  }

  /** Keys that can be used, the operator's own left out. */
  keys(): EmulatedKey[] {
    return this.emulator
      .keys(this.operator.tenantId)
      .filter(({ status, userId }) => status === "published" && userId !== this.operator.userId);
  }

  hide(secret: string): void {
    this.secrets.add(secret);
  }

  /** Runs lines of a shell in a folder, as someone does who works with the stack. */
  async shell(script: string, cwd: string): Promise<ChildResult> {
    Object.assign(this.workspace.env, this.clock.env);
    const { env } = this.workspace;
    return this.noted(
      script,
      await runChild("sh", ["-c", script], { cwd, env, timeoutMs: SHELL_TIMEOUT_MS }),
    );
  }

  /**
   * Ends everything, after a look for secrets in all that was printed and in every file that was written: states,
   * their history, event logs, config, and what lies in this further folder.
   */
  async close(folder?: string): Promise<void> {
    try {
      this.assertNoSecretShown(folder);
    } finally {
      await this.workspace.dispose();
      await this.emulator.stop();
    }
  }

  private assertNoSecretShown(folder: string | undefined): void {
    const secrets = [
      ...this.secrets,
      this.operator.accessToken,
      ...this.emulator.keys().map(({ value }) => value),
    ];
    const texts = new Map([
      ["the output", this.printed.join("\n")],
      ...filesIn(this.workspace.scratch),
      ...(folder === undefined ? [] : filesIn(folder)),
    ]);
    for (const [where, text] of texts) {
      for (const secret of secrets) {
        assert.ok(!text.includes(secret), `${secret} is in ${where}`);
      }
    }
  }

  private async perform(verb: Verb, args: readonly string[]): Promise<OperationResult> {
    Object.assign(this.workspace.env, this.clock.env);
    return this.noted(verb, await this.workspace.perform(verb, args));
  }

  private noted<T extends ChildResult>(what: string, result: T): T {
    this.printed.push(result.output);
    const noise = NOISE.exec(result.output.replaceAll(MONITOR_GONE, ""));
    assert.equal(noise, null, `${what} prints noise:\n${result.output}`);
    return result;
  }
}

/** Opens a fixture with this program for one test, and closes it even if the test fails. */
export function withStack(
  source: string,
  options: EngineFixtureOptions,
  run: (fixture: EngineFixture) => Promise<void>,
): Promise<void> {
  return withFixture(EngineFixture.open(source, options), run);
}

/** A request that asked for a change. */
export interface Write {
  request: string;
  status: number | undefined;
  body: unknown;
}

function writeOf({ method, path, status, body }: RecordedRequest): Write {
  return { request: `${method} ${path}`, status, body };
}

/** `create ServiceAccount ci`, a line a step that changes something, in order. */
export function changes({ steps }: OperationResult): string[] {
  return steps
    .filter((step) => step.op !== "same" && step.op !== "refresh" && isOurs(step))
    .map(({ op, type, name }) => `${op} ${type.split(":").at(-1)} ${name}`);
}

/** The messages of the engine and the provider of this severity, without those of the program. */
export function messages({ diagnostics }: OperationResult, severity: string): string[] {
  return diagnostics
    .filter((diagnostic) => diagnostic.severity === severity)
    .map(({ message }) => message);
}

export function succeeded(result: OperationResult): OperationResult {
  assert.equal(result.exitCode, 0, result.output);
  return result;
}

export function failed(result: OperationResult): OperationResult {
  assert.notEqual(result.exitCode, 0, result.output);
  return result;
}

/** The text of every file below. Of event logs without what the SDK notes for its own debugging, responses in full. */
function* filesIn(folder: string): Generator<[string, string]> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, "utf8");
    yield [path, /^events-\d+\.log$/.test(entry.name) ? withoutDebugging(text) : text];
  }
}

function withoutDebugging(eventLog: string): string {
  return eventLog
    .split("\n")
    .filter((line) => !/"diagnosticEvent":.*"severity":"debug"\}\}$/.test(line))
    .join("\n");
}
