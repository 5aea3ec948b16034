import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  type AbandonedNote,
  Journal,
  type Note,
  type PendingCreate,
} from "../../provider/session/recovery/journal";
import type { Tally } from "./tally";
import type { Timeline } from "./timeline";

/** How often a process renews its notes. The journal's own timer uses real time. */
const RENEWAL_MS = 20_000;

interface Renewal {
  /** The owner of the note. Nobody renews an abandoned note. */
  writer: Writer | undefined;
  /** When it was last renewed. */
  at: number;
  /** How far the clock of the folder was moved since then. */
  shiftMs: number;
  /** The last time of the file, in milliseconds. */
  fileTimeMs?: number;
}

interface Writer {
  readonly label: string;
  readonly isRunning: boolean;
  readonly hasEnded: boolean;
  readonly onCompletion: () => void;
}

/** The folder of notes that all processes share. Its files age with fake time. */
export class NoteFolder {
  readonly directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-chaos-"));
  private readonly renewals = new Map<string, Renewal>();

  constructor(
    private readonly timeline: Timeline,
    private readonly tally: Tally,
  ) {}

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  journal(writer: Writer, warn: (message: string) => Promise<void>): ChaosJournal {
    const { directory, timeline } = this;
    return new ChaosJournal(this, writer, timeline, this.tally, {
      directory,
      warn,
      monotonic: () => timeline.now,
    });
  }

  track(path: string, writer: Writer): void {
    this.renewals.set(path, { writer, at: this.timeline.now, shiftMs: 0 });
  }

  abandon(path: string): void {
    const renewal = this.renewals.get(path);
    if (renewal === undefined) return;
    this.renew(renewal);
    renewal.writer = undefined;
  }

  /** Call this before a process stops to renew its notes, and when it continues. */
  renewAll(): void {
    for (const renewal of this.renewals.values()) this.renew(renewal);
  }

  /** Moves the clock of the folder: existing notes look older by this much. */
  setClock(aheadMs: number): void {
    this.setFileTimes();
    for (const renewal of this.renewals.values()) renewal.shiftMs += aheadMs;
  }

  /** Corrects the clock of the folder: no time is in the future. */
  setClockRight(): void {
    this.setFileTimes();
    for (const renewal of this.renewals.values()) {
      renewal.at = Math.min(renewal.at, this.timeline.now);
      renewal.shiftMs = 0;
    }
  }

  /** Gives each note its age in fake time. */
  setFileTimes(): void {
    const { now } = this.timeline;
    this.renewAll();
    for (const path of this.files()) {
      const realNow = Date.now();
      const { mtimeMs } = statSync(path);
      let renewal = this.renewals.get(path);
      if (
        renewal === undefined ||
        (renewal.fileTimeMs !== undefined && mtimeMs > renewal.fileTimeMs + 1)
      ) {
        // Claimed, and so renamed, or written to: its age is right.
        renewal = { writer: renewal?.writer, at: now - (realNow - mtimeMs), shiftMs: 0 };
        this.renewals.set(path, renewal);
      }
      renewal.fileTimeMs = realNow - (now - renewal.at + renewal.shiftMs);
      utimesSync(path, renewal.fileTimeMs / 1_000, renewal.fileTimeMs / 1_000);
    }
  }

  /** The notes that a later run may act on. */
  actionable(): string[] {
    return this.files()
      .map((path) => readFileSync(path, "utf8"))
      .filter((text) => text.includes('"settle":"remove"'));
  }

  private files(): string[] {
    try {
      return readdirSync(this.directory)
        .filter((file) => file.endsWith(".json"))
        .map((file) => join(this.directory, file));
    } catch {
      return [];
    }
  }

  private renew(renewal: Renewal): void {
    if (renewal.writer?.isRunning !== true) return;
    const missed = Math.floor((this.timeline.now - renewal.at) / RENEWAL_MS);
    if (missed === 0) return;
    renewal.at += missed * RENEWAL_MS;
    renewal.shiftMs = 0;
  }
}

/** The journal of one process. It sets the ages of notes before each look. */
export class ChaosJournal extends Journal {
  private readonly ownNotes = new Set<Note>();
  private readonly completions = new Set<Promise<boolean>>();

  constructor(
    private readonly folder: NoteFolder,
    private readonly writer: Writer,
    private readonly timeline: Timeline,
    private readonly tally: Tally,
    options: ConstructorParameters<typeof Journal>[0],
  ) {
    super(options);
  }

  override async begin(pending: PendingCreate): Promise<Note> {
    const note = await super.begin(pending);
    this.log(`note ${pending.settle} ${pending.name} in ${fileOf(note.file?.path)}`);
    if (note.file !== undefined) {
      this.ownNotes.add(note);
      this.folder.track(note.file.path, this.writer);
    }
    return note;
  }

  override release(note: Note): void {
    super.release(note);
    if (this.ownNotes.delete(note) && note.file !== undefined) this.folder.abandon(note.file.path);
  }

  override async complete(note: Note, id: string): Promise<boolean> {
    const completion = this.timeline.hold(super.complete(note, id));
    this.completions.add(completion);
    this.writer.onCompletion();
    try {
      const isOurs = await completion;
      // It has noticed the end of its engine, and has ended.
      if (this.writer.hasEnded) return await new Promise<never>(() => undefined);
      this.log(`${isOurs ? "returns" : "does not return"} ${id}`);
      if (!isOurs) this.tally.count("objects not returned");
      return isOurs;
    } finally {
      this.completions.delete(completion);
    }
  }

  override claimAbandoned(server: string, tenantId: string): AbandonedNote[] {
    this.folder.setFileTimes();
    const claimed = super.claimAbandoned(server, tenantId);
    this.tally.count("notes claimed", claimed.length);
    for (const { path, pending, ageMs, isStale } of claimed) {
      const old = `${Math.round(ageMs / 1_000)} s old${isStale ? ", stale" : ""}`;
      this.log(`claims note ${pending.name} ${pending.id ?? ""}, ${old}, as ${fileOf(path)}`);
    }
    return claimed;
  }

  override close(note: Note): void {
    super.close(note);
    this.log(`closes note ${fileOf(note.file?.path)}`);
  }

  override drop(note: AbandonedNote): void {
    super.drop(note);
    this.log(`drops note ${note.pending.name} ${fileOf(note.path)}`);
  }

  override reports(server: string, tenantId: string): AbandonedNote[] {
    this.folder.setFileTimes();
    return super.reports(server, tenantId);
  }

  /** Closes the files of an ended process. Resolves once no note is being completed. */
  async closeFiles(): Promise<void> {
    for (const note of [...this.ownNotes]) this.release(note);
    await Promise.allSettled(this.completions);
  }

  private log(message: string): void {
    this.timeline.log(`${this.writer.label}: ${message}`);
  }
}

function fileOf(path = "none"): string {
  return basename(path).slice(0, 6);
}
