import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { FaultRule, RecordedRequest } from "../../../provider/emulator";
import { Journal, LEASE_MS, type PendingCreate } from "../../../provider/session/recovery/journal";
import { MINUTE, type ProcessOptions, type ProviderProcess, type UnitFixture } from "../fixture";

/** A provider process with a journal. */
export interface JournalingProvider extends ProviderProcess {
  readonly journal: Journal;
}

/** A temporary home, and the notes of provider processes in it. */
export class Notes {
  /** Has an empty home for each test of the describe around it. */
  static forEachTest(fixture: UnitFixture): Notes {
    const notes = new Notes(fixture);
    afterEach(async () => {
      await notes.remove();
      mkdirSync(notes.home);
    });
    after(() => rmSync(notes.home, { recursive: true }));
    return notes;
  }

  readonly home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-notes-"));
  readonly directory = join(this.home, "flexprice", "creates");
  /** Pending requests of killed processes, which end with the server. */
  private readonly dying: Promise<unknown>[] = [];

  constructor(private readonly fixture: UnitFixture) {}

  async remove(): Promise<void> {
    await this.fixture.stop();
    await Promise.all(this.dying);
    rmSync(this.home, { recursive: true, force: true });
  }

  start(options: ProcessOptions = {}): JournalingProvider {
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
    ask: (provider: ProviderProcess) => Promise<unknown>,
    when: "before" | "after",
    rule: Partial<FaultRule>,
    provider: ProviderProcess = this.start(),
  ): Promise<void> {
    const { emulator } = this.fixture;
    await provider.connection.caller();
    this.fixture.fault({ kind: "timeout" }, when, rule);
    const known = new Set(emulator.requests);
    const isLost = (request: RecordedRequest) =>
      !known.has(request) && request.fault === `timeout ${when}`;
    this.dying.push(ask(provider).catch(() => undefined));
    while (!emulator.requests.some(isLost)) await new Promise((turn) => setTimeout(turn, 1));
  }

  /** Recovers as a provider does before its first change. */
  async recover(provider: JournalingProvider = this.start()): Promise<JournalingProvider> {
    await provider.connection.recover(async (message) => {
      provider.warnings.push(message);
    });
    return provider;
  }

  /** As {@link recover}, by a new provider and when nobody renews the notes any more. */
  async recoverAfterLease(): Promise<JournalingProvider> {
    this.age(LEASE_MS + MINUTE);
    return await this.recover();
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

  get names(): string[] {
    return this.pending.map(({ name }) => name);
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
