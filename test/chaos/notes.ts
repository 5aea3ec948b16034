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

interface Sign {
  /** The owner of the note. Nobody renews an abandoned note. */
  writer: Writer | undefined;
  /** When it was last renewed. */
  at: number;
  /** How far the clock of the folder was moved since then. */
  shiftMs: number;
  /** The last date of the file, in milliseconds. */
  dated?: number;
}

interface Writer {
  readonly label: string;
  readonly isRunning: boolean;
  readonly hasEnded: boolean;
  readonly midway: () => void;
}

/** The folder of notes that all processes share. Its files age with fake time. */
export class NoteFolder {
  readonly directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-chaos-"));
  private readonly signs = new Map<string, Sign>();

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

  begun(path: string, writer: Writer): void {
    this.signs.set(path, { writer, at: this.timeline.now, shiftMs: 0 });
  }

  left(path: string): void {
    const sign = this.signs.get(path);
    if (sign === undefined) return;
    this.renew(sign);
    sign.writer = undefined;
  }

  /** Call this before a process stops to renew its notes, and when it continues. */
  renewAll(): void {
    for (const sign of this.signs.values()) this.renew(sign);
  }

  /** Moves the clock of the folder: existing notes look older by this much. */
  setClock(aheadMs: number): void {
    this.date();
    for (const sign of this.signs.values()) sign.shiftMs += aheadMs;
  }

  /** Corrects the clock of the folder: no date is in the future. */
  setClockRight(): void {
    this.date();
    for (const sign of this.signs.values()) {
      sign.at = Math.min(sign.at, this.timeline.now);
      sign.shiftMs = 0;
    }
  }

  /** Gives each note its age in fake time. */
  date(): void {
    const { now } = this.timeline;
    this.renewAll();
    for (const path of this.files()) {
      const real = Date.now();
      const { mtimeMs } = statSync(path);
      let sign = this.signs.get(path);
      if (sign === undefined || (sign.dated !== undefined && mtimeMs > sign.dated + 1)) {
        // Claimed, and so renamed, or written to: its age is right.
        sign = { writer: sign?.writer, at: now - (real - mtimeMs), shiftMs: 0 };
        this.signs.set(path, sign);
      }
      sign.dated = real - (now - sign.at + sign.shiftMs);
      utimesSync(path, sign.dated / 1_000, sign.dated / 1_000);
    }
  }

  /** The notes that a later run may act on. */
  toSettle(): string[] {
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

  private renew(sign: Sign): void {
    if (sign.writer?.isRunning !== true) return;
    const renewals = Math.floor((this.timeline.now - sign.at) / RENEWAL_MS);
    if (renewals === 0) return;
    sign.at += renewals * RENEWAL_MS;
    sign.shiftMs = 0;
  }
}

/** The journal of one process. It sets the ages of notes before each look. */
export class ChaosJournal extends Journal {
  private readonly own = new Set<Note>();
  private readonly handingOver = new Set<Promise<boolean>>();

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
    this.tell(`note ${pending.settle} ${pending.name} in ${fileOf(note.file?.path)}`);
    if (note.file !== undefined) {
      this.own.add(note);
      this.folder.begun(note.file.path, this.writer);
    }
    return note;
  }

  override release(note: Note): void {
    super.release(note);
    if (this.own.delete(note) && note.file !== undefined) this.folder.left(note.file.path);
  }

  override async complete(note: Note, id: string): Promise<boolean> {
    const work = this.timeline.hold(super.complete(note, id));
    this.handingOver.add(work);
    this.writer.midway();
    try {
      const handsOver = await work;
      // It has noticed the end of its engine, and has ended.
      if (this.writer.hasEnded) return await new Promise<never>(() => undefined);
      this.tell(`${handsOver ? "hands over" : "does not hand over"} ${id}`);
      if (!handsOver) this.tally.count("answers not handed over");
      return handsOver;
    } finally {
      this.handingOver.delete(work);
    }
  }

  override claimAbandoned(server: string, tenantId: string): AbandonedNote[] {
    this.folder.date();
    const claimed = super.claimAbandoned(server, tenantId);
    this.tally.count("notes claimed", claimed.length);
    for (const { path, pending, ageMs, isStale } of claimed) {
      const old = `${Math.round(ageMs / 1_000)} s old${isStale ? ", stale" : ""}`;
      this.tell(`claims note ${pending.name} ${pending.id ?? ""}, ${old}, as ${fileOf(path)}`);
    }
    return claimed;
  }

  override close(note: Note): void {
    super.close(note);
    this.tell(`closes note ${fileOf(note.file?.path)}`);
  }

  override drop(note: AbandonedNote): void {
    super.drop(note);
    this.tell(`drops note ${note.pending.name} ${fileOf(note.path)}`);
  }

  override reports(server: string, tenantId: string): AbandonedNote[] {
    this.folder.date();
    return super.reports(server, tenantId);
  }

  /** Closes the files of an ended process. Resolves once no handover is in progress. */
  async closeFiles(): Promise<void> {
    for (const note of [...this.own]) this.release(note);
    await Promise.allSettled(this.handingOver);
  }

  private tell(what: string): void {
    this.timeline.tell(`${this.writer.label}: ${what}`);
  }
}

function fileOf(path = "none"): string {
  return basename(path).slice(0, 6);
}
