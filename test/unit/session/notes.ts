import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { FaultRule, RecordedRequest } from "../../../provider/emulator";
import { Journal, type PendingCreate } from "../../../provider/session/recovery/journal";
import type { ProcessOptions, ProviderProcess, UnitFixture } from "../fixture";

/** A provider process with a journal. */
export interface JournalingProcess extends ProviderProcess {
  readonly journal: Journal;
}

/** A temporary home, and the notes of provider processes in it. */
export class Notes {
  readonly home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-notes-"));
  readonly directory = join(this.home, "flexprice", "creates");
  /** Pending requests of killed processes, which end with the server. */
  private readonly dying: Promise<unknown>[] = [];

  constructor(private readonly fixture: UnitFixture) {}

  async remove(): Promise<void> {
    await this.fixture.stop();
    await Promise.all(this.dying);
    rmSync(this.home, { recursive: true });
  }

  start(options: ProcessOptions = {}): JournalingProcess {
    const warnings: string[] = [];
    const journal = new Journal({
      directory: this.directory,
      monotonic: () => this.fixture.clock.now,
      warn: async (message) => {
        warnings.push(message);
      },
    });
    return { ...this.fixture.process({ ...options, journal }), journal, warnings };
  }

  /** Delivers a request whose sender dies before the response. */
  async dieAsking(
    ask: (process: ProviderProcess) => Promise<unknown>,
    when: "before" | "after",
    rule: Partial<FaultRule>,
    process: ProviderProcess = this.start(),
  ): Promise<void> {
    const { emulator } = this.fixture;
    await process.connection.caller();
    this.fixture.fault({ kind: "timeout" }, when, rule);
    const known = new Set(emulator.requests);
    const isLost = (request: RecordedRequest) =>
      !known.has(request) && request.fault === `timeout ${when}`;
    this.dying.push(ask(process).catch(() => undefined));
    while (!emulator.requests.some(isLost)) await new Promise((turn) => setTimeout(turn, 1));
  }

  /** The recovery of a process before its first change. */
  async recover(process: JournalingProcess = this.start()): Promise<JournalingProcess> {
    await process.connection.recover(async (message) => {
      process.warnings.push(message);
    });
    return process;
  }

  /** Makes the last renewal of every note this old, in milliseconds. */
  age(ms: number): void {
    const time = (Date.now() - ms) / 1_000;
    for (const path of this.paths) utimesSync(path, time, time);
  }

  get paths(): string[] {
    return this.files.filter((file) => file.endsWith(".json")).map((f) => join(this.directory, f));
  }

  /** The names of all files. */
  get files(): string[] {
    return existsSync(this.directory) ? readdirSync(this.directory) : [];
  }

  /** The notes by their create. */
  get pending(): PendingCreate[] {
    return this.paths.map((path) => pendingIn(readFileSync(path, "utf8")));
  }

  /** The only note. */
  get only(): { readonly path: string; readonly pending: PendingCreate; readonly text: string } {
    const [path, ...others] = this.paths;
    if (path === undefined || others.length > 0) {
      throw new Error(`there is not one note but: ${this.paths.map((p) => basename(p))}`);
    }
    const text = readFileSync(path, "utf8");
    return { path, text, pending: pendingIn(text) };
  }
}

/** The create in a note, without the data about its file. */
function pendingIn(text: string): PendingCreate {
  const { inode: _inode, born: _born, ...pending } = JSON.parse(text.split("\n")[0] ?? "");
  return pending;
}
