import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import type { Platform } from "../../../provider/api/client";
import type { CommandContext, Finished } from "../../../provider/cli/command-context";
import type { ExitStatus } from "../../../provider/cli/exit-status";
import { main } from "../../../provider/cli/index";
import type { UnitFixture } from "../fixture";

type Terminal = PassThrough & { isTTY?: boolean; columns?: number };

/** A shell in a folder of its own, whose streams are kept and whose programs are played. */
export class TestShell implements CommandContext {
  readonly directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-cli-"));
  nodeVersion = "20.19.0";
  readonly environment: Record<string, string | undefined>;
  readonly stdin: Terminal = new PassThrough();
  readonly stdout: Terminal = new PassThrough();
  readonly stderr: Terminal = new PassThrough();
  readonly platform: Platform;
  /** The command lines of what was run. */
  readonly ran: string[] = [];
  /** What a command line gives; absent: there is no such program. */
  readonly programs = new Map<string, Partial<Finished>>();
  /** Ends what waits for a signal. */
  stop = () => {};
  private readonly stopped = new Promise<void>((resolve) => {
    this.stop = resolve;
  });

  constructor(fixture: UnitFixture) {
    this.platform = fixture.platform();
    this.environment = {
      FLEXPRICE_BASE_URL: fixture.emulator.url,
      FLEXPRICE_API_KEY: fixture.operator.apiKey,
    };
  }

  readonly untilStopped = () => this.stopped;

  readonly run = async (
    command: string,
    args: readonly string[],
  ): Promise<Finished | undefined> => {
    const line = [command, ...args].join(" ");
    this.ran.push(line);
    const played = [...this.programs].find(([start]) => line.startsWith(start))?.[1];
    return played && { status: 0, stdout: "", stderr: "", ...played };
  };

  /** Runs the command line as a user gives it. */
  async command(...args: string[]): Promise<{ status: ExitStatus; out: string; err: string }> {
    const status = await main(args, this);
    return { status, out: this.out, err: this.err };
  }

  /** What was printed since it was last asked for. */
  get out(): string {
    return String(this.stdout.read() ?? "");
  }

  get err(): string {
    return String(this.stderr.read() ?? "");
  }

  /** Makes both ends a terminal of this width, with somebody who types this. */
  onTerminal(columns: number, typed?: string): void {
    Object.assign(this.stdin, { isTTY: true });
    Object.assign(this.stdout, { isTTY: true, columns });
    Object.assign(this.stderr, { isTTY: true, columns });
    if (typed !== undefined) this.stdin.end(typed);
  }

  write(path: string, content: string): void {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  read(path: string): string {
    return readFileSync(join(this.directory, path), "utf8");
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
