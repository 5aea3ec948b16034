import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import type { Platform } from "../../../provider/api/client";
import type { CommandContext, Finished } from "../../../provider/cli/command-context";
import type { ExitStatus } from "../../../provider/cli/exit-status";
import { main } from "../../../provider/cli/index";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { UnitFixture } from "../fixture";
import { exported, writtenAt } from "./exported";

type Terminal = PassThrough & { isTTY?: boolean; columns?: number };

/** Expects that a terminal of this width cuts no line. */
export function assertFits(text: string, columns: number): void {
  assert.deepEqual(
    text.split("\n").filter((line) => line.length > columns),
    [],
  );
}

/** A command line in a temporary folder, with recorded streams and stubbed programs. */
export class CliFixture implements CommandContext {
  /** Opens one, with its own Flexprice, for each test of the describe around it. */
  static forEachTest(): CliFixture {
    const fixture = new CliFixture(UnitFixture.forEachTest());
    beforeEach(() => fixture.open());
    afterEach(() => fixture.close());
    return fixture;
  }

  /** For a test that needs another command line on a server that runs. */
  static on(server: UnitFixture): CliFixture {
    const fixture = new CliFixture(server);
    fixture.open();
    return fixture;
  }

  directory = "";
  nodeVersion = "";
  environment: Record<string, string | undefined> = {};
  stdin: Terminal = new PassThrough();
  stdout: Terminal = new PassThrough();
  stderr: Terminal = new PassThrough();
  platform: Platform;
  /** The executed command lines. */
  ran: string[] = [];
  /** The result of command lines with this prefix; absent: the program does not exist. */
  programs = new Map<string, Partial<Finished>>();
  /** Ends a command that waits for a signal. */
  stop = () => {};
  /** Whether work takes longer than a command waits before it shows progress. */
  isSlow = false;
  private stopped = Promise.resolve();

  private constructor(readonly server: UnitFixture) {
    this.platform = server.platform();
  }

  private open(): void {
    this.directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-cli-"));
    this.nodeVersion = "20.19.0";
    this.environment = {
      FLEXPRICE_BASE_URL: this.server.emulator.url,
      FLEXPRICE_API_KEY: this.server.operator.apiKey,
    };
    this.stdin = new PassThrough();
    this.stdout = new PassThrough();
    this.stderr = new PassThrough();
    this.platform = this.server.platform();
    this.ran = [];
    this.programs = new Map();
    this.isSlow = false;
    this.stopped = new Promise((resolve) => {
      this.stop = resolve;
    });
  }

  readonly untilStopped = () => this.stopped;

  /** Later, or at once where work is slow. */
  readonly schedule = (_ms: number, run: () => void) => {
    if (this.isSlow) run();
    return () => {};
  };

  readonly run = async (
    command: string,
    args: readonly string[],
  ): Promise<Finished | undefined> => {
    const line = [command, ...args].join(" ");
    this.ran.push(line);
    const result = [...this.programs].find(([start]) => line.startsWith(start))?.[1];
    return result && { status: 0, stdout: "", stderr: "", ...result };
  };

  /** Runs the command line as users type it. */
  async command(...args: string[]): Promise<{ status: ExitStatus; out: string; err: string }> {
    const status = await main(args, this);
    return { status, out: this.out, err: this.err };
  }

  /** Expects a command to fail without output, and returns its message. */
  async assertFails(status: ExitStatus, message: RegExp, ...args: string[]): Promise<string> {
    const result = await this.command(...args);
    assert.deepEqual([result.status, result.out], [status, ""], result.err);
    assert.match(result.err, message);
    return result.err;
  }

  /** The output since the last read. */
  get out(): string {
    return String(this.stdout.read() ?? "");
  }

  get err(): string {
    return String(this.stderr.read() ?? "");
  }

  /** Makes input and output a terminal of this width, where a user types this. */
  onTerminal(columns: number, typed?: string): void {
    Object.assign(this.stdin, { isTTY: true });
    Object.assign(this.stdout, { isTTY: true, columns });
    Object.assign(this.stderr, { isTTY: true, columns });
    if (typed !== undefined) this.stdin.end(typed);
  }

  /** Makes the folder a Pulumi project. Its selected stack has this config under `flexprice:`. */
  configure(config: Record<string, string | { value: string; secret: boolean }>): void {
    this.write("Pulumi.yaml", "name: shop\nruntime: nodejs\n");
    const entries = Object.entries(config).map(([key, value]) => [
      `flexprice:${key}`,
      // From then on, the process redacts the secret, in later tests too.
      typeof value === "string" ? { value, secret: /apiKey|connections/.test(key) } : value,
    ]);
    this.programs.set("pulumi config", { stdout: JSON.stringify(Object.fromEntries(entries)) });
  }

  /** Configures a user's token instead of the operator's key. */
  useToken(accessToken: string, environmentId?: string): void {
    delete this.environment["FLEXPRICE_API_KEY"];
    this.environment["FLEXPRICE_ACCESS_TOKEN"] = accessToken;
    this.environment["FLEXPRICE_ENVIRONMENT_ID"] = environmentId;
  }

  /** Configures the key of a new service account, and returns the account's id. */
  useAccount(roles: string[]): string {
    const { id, credential } = this.server.accountWithKey(roles);
    this.environment["FLEXPRICE_API_KEY"] = credential.value;
    return id;
  }

  /** Adds a service account, one second after the last one: ids of one millisecond have no order. */
  account(name: string, roles = ["event_ingestor"]): EmulatedUser {
    this.server.clock.now += 1_000;
    return this.server.emulator.createAccount(this.server.operator.tenantId, { name, roles });
  }

  /** As {@link account}, a key of an account or user. */
  key(owner: string, name: string, expiresAt?: Date): EmulatedKey {
    this.server.clock.now += 1_000;
    return this.server.emulator.createKey(owner, this.server.operator.environmentId, {
      name,
      ...(expiresAt && { expiresAt }),
    });
  }

  write(path: string, content: string): void {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Writes an export whose state was written now. */
  writeExport(file: string, ...content: Parameters<typeof exported>): void {
    const now = new Date(this.server.clock.now).toISOString();
    this.write(file, writtenAt(exported(...content), now));
  }

  read(path: string): string {
    return readFileSync(join(this.directory, path), "utf8");
  }

  /** Stops a command that waits for a signal, and removes the folder. */
  close(): void {
    this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
