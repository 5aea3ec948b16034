import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { z } from "zod";
import { errorCode, type Warn } from "../../shared/errors";
import { parseJson } from "../../shared/json";
import { lazy } from "../../shared/lazy";

/** How often the note of a running create is renewed, in milliseconds. */
const RENEWAL_MS = 20_000;

/** A note that was not renewed for this long may be claimed, in milliseconds. */
export const LEASE_MS = 2 * 60_000;

/** Notes older than this are only reported and dropped, in milliseconds. */
const MAX_AGE_MS = 24 * 60 * 60_000;

/** How long before the engine's end a returned object may be missing in the state, in milliseconds. */
const COMPLETED_MS = 15_000;

const pendingCreate = lazy(() =>
  z.object({
    /** Base URL of the server. */
    server: z.string(),
    tenantId: z.string(),
    /** Who sent the request: a hash of the credential, and the environment chosen with it. */
    credential: z.string(),
    environmentId: z.string().optional(),
    kind: z.enum(["account", "key"]),
    /** The name in the request. */
    name: z.string(),
    /** For a key: who it acts for. */
    ownerId: z.string().optional(),
    keyType: z.string().optional(),
    /**
     * What a later run may do with an object of this name. `remove`: nothing else has the name, and no state has the
     * object. `report`: other objects may have the name, or a state may have the object.
     */
    settle: z.enum(["remove", "report"]),
    /** The id of the created object, if known. */
    id: z.string().optional(),
  }),
);
/** A create whose result is in no state yet. Contains only names and ids. */
export type PendingCreate = z.infer<ReturnType<typeof pendingCreate>>;

const firstLine = lazy(() => pendingCreate().extend({ inode: z.string(), born: z.string() }));
const laterLine = lazy(() => z.object({ id: z.string() }));

/** A note of this process for a running create. */
export interface Note {
  readonly pending: PendingCreate;
  /** Undefined if it could not be written. */
  readonly file?: { readonly path: string; readonly descriptor: number };
}

/** A note that its writer no longer renews. */
export interface AbandonedNote {
  readonly path: string;
  readonly pending: PendingCreate;
  /** Time since the last renewal, in milliseconds. */
  readonly ageMs: number;
  /** Whether it must not be acted on: it is too old, or a copy of the original file. */
  readonly isStale: boolean;
}

export interface JournalOptions {
  /** Created on first use. Absent: no notes are kept. */
  readonly directory?: string | undefined;
  /** Called once if notes cannot be kept. */
  readonly warn?: Warn;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic?: () => number;
}

interface Look {
  readonly mtimeMs: number;
  readonly size: number;
  readonly at: number;
}

/**
 * Keeps one note on disk for each POST that creates something. The note is written before the POST is sent, and removed
 * before the result is returned to the engine. So an existing note means: no state has an object of this name, unless the
 * note only reports. A later process claims a note by renaming it, which only one can do. The writer then finds its
 * note gone, and does not return an object that another process may remove.
 *
 * A note is a lease: its age, by the clock of its folder, decides when it may be claimed.
 */
export class Journal {
  private readonly directory: string | undefined;
  private readonly warn: Warn;
  private readonly monotonic: () => number;
  private readonly held = new Set<Note>();
  private readonly looks = new Map<string, Look>();
  private completed: { readonly pending: PendingCreate; readonly at: number }[] = [];
  /** The paths of reports, by the id of the object. */
  private reportsById: Map<string, string> | undefined;
  private renewal: NodeJS.Timeout | undefined;
  private isBroken = false;
  private syncing: Promise<void> = Promise.resolve();
  private nextSync: Promise<void> | undefined;

  constructor(options: JournalOptions = {}) {
    this.directory = options.directory;
    this.warn = options.warn ?? (async () => undefined);
    this.monotonic = options.monotonic ?? (() => performance.now());
  }

  /** Writes a note before the request is sent. If that fails, the create continues without one. */
  async begin(pending: PendingCreate): Promise<Note> {
    if (this.directory === undefined || this.isBroken) return { pending };
    try {
      const note = { pending, file: write(this.directory, pending) };
      this.held.add(note);
      this.renewal ??= setInterval(() => this.renew(), RENEWAL_MS).unref();
      return note;
    } catch (error) {
      await this.giveUp(error);
      return { pending };
    }
  }

  /** Adds the id of the created object. */
  identify({ file }: Note, id: string): void {
    // If this fails, the note still has the name.
    if (file !== undefined) tryTo(() => writeSync(file.descriptor, `${JSON.stringify({ id })}\n`));
  }

  /** Removes the note of a create that created nothing, or whose object is cleaned up. */
  close(note: Note): void {
    const { file } = note;
    this.release(note);
    if (file !== undefined) tryTo(() => unlinkSync(file.path));
  }

  /** Stops renewing a note. If its file still exists, a later run handles it. */
  release(note: Note): void {
    if (!this.held.delete(note) || note.file === undefined) return;
    // A network file system may report a full quota only now.
    const { descriptor } = note.file;
    tryTo(() => closeSync(descriptor));
    if (this.held.size > 0) return;
    clearInterval(this.renewal);
    this.renewal = undefined;
  }

  /**
   * Removes the note, as the last step before the object is returned to the engine.
   * @returns False if another process has claimed the note, or it cannot be removed. Then another process may remove
   *   the object, and it must not be returned.
   */
  async complete(note: Note, id: string): Promise<boolean> {
    const { file, pending } = note;
    this.release(note);
    if (file !== undefined) {
      try {
        unlinkSync(file.path);
      } catch (error) {
        if (errorCode(error) !== "ENOENT") await this.giveUp(error);
        return false;
      }
    }
    // If the engine ends now, nothing else knows of the object.
    const now = this.monotonic();
    this.completed = this.completed.filter(({ at }) => now - at <= COMPLETED_MS);
    this.completed.push({ pending: { ...pending, id, settle: "report" }, at: now });
    // Without this, a power cut could bring the note back although a state has the object.
    if (file !== undefined) await this.sync(dirname(file.path));
    return true;
  }

  /** Call this when the engine has ended. Leaves reports of what was returned last: the state may not have it. */
  onEngineExit(): void {
    const { directory } = this;
    if (directory === undefined) return;
    const now = this.monotonic();
    for (const { pending, at } of this.completed) {
      if (now - at > COMPLETED_MS) continue;
      tryTo(() => closeSync(write(directory, pending).descriptor));
    }
  }

  /** Drops the report of an object that a state holds. */
  stateHolds(id: string): void {
    this.reportsById ??= new Map(
      this.files().flatMap((path) => {
        const pending = read(path)?.pending;
        return pending?.id === undefined || pending.settle !== "report"
          ? []
          : [[pending.id, path] as const];
      }),
    );
    const path = this.reportsById.get(id);
    if (path !== undefined) tryTo(() => unlinkSync(path));
  }

  /** Removes every note of an object that is being adopted. */
  forget(server: string, tenantId: string, object: { readonly id: string; readonly name: string }) {
    for (const path of this.files()) {
      const pending = read(path)?.pending;
      if (pending?.server !== server || pending.tenantId !== tenantId) continue;
      // Other objects may have the name in a note that only reports.
      const isNamed = pending.settle === "remove" && pending.name === object.name;
      if (pending.id === object.id || isNamed) tryTo(() => unlinkSync(path));
    }
  }

  /** The creates of other processes that have a note for this server and tenant. */
  pending(server: string, tenantId: string): PendingCreate[] {
    return this.notesOfOthers(server, tenantId).map(({ note }) => note.pending);
  }

  /** Claims the notes for this server and tenant that nobody renews. */
  claimAbandoned(server: string, tenantId: string): AbandonedNote[] {
    return this.abandoned(server, tenantId, "remove").flatMap((note) => {
      const path = noteFile(dirname(note.path));
      if (!tryTo(() => renameSync(note.path, path))) return [];
      // The writer may have added an id in the meantime.
      return [{ ...note, path, pending: read(path)?.pending ?? note.pending }];
    });
  }

  /** The creates for this server and tenant whose notes could be claimed. */
  claimable(server: string, tenantId: string): PendingCreate[] {
    return this.abandoned(server, tenantId, "remove")
      .filter(({ isStale }) => !isStale)
      .map(({ pending }) => pending);
  }

  /** The notes for this server and tenant that only report. */
  reports(server: string, tenantId: string): AbandonedNote[] {
    return this.abandoned(server, tenantId, "report");
  }

  /** Removes a note that is done. */
  drop({ path }: AbandonedNote): void {
    tryTo(() => unlinkSync(path));
  }

  /** Whether a note has not changed for the time of a lease. Needed because clocks jump. */
  private isUnchanged(path: string, { mtimeMs, size }: ReadNote): boolean {
    const now = this.monotonic();
    const before = this.looks.get(path);
    if (before?.mtimeMs === mtimeMs && before.size === size) return now - before.at >= LEASE_MS;
    this.looks.set(path, { mtimeMs, size, at: now });
    return false;
  }

  private notesOfOthers(server: string, tenantId: string): { path: string; note: ReadNote }[] {
    const held = new Set([...this.held].map(({ file }) => file?.path));
    return this.files().flatMap((path) => {
      const note = held.has(path) ? undefined : read(path);
      return note?.pending.server === server && note.pending.tenantId === tenantId
        ? [{ path, note }]
        : [];
    });
  }

  private abandoned(
    server: string,
    tenantId: string,
    settle: PendingCreate["settle"],
  ): AbandonedNote[] {
    const others = this.notesOfOthers(server, tenantId).filter(
      ({ note }) => note.pending.settle === settle,
    );
    const { directory } = this;
    if (directory === undefined || others.length === 0) return [];
    const now = clockOf(directory);
    if (now === undefined) return [];
    return others.flatMap(({ path, note }) => {
      const { pending, mtimeMs, isCopy } = note;
      const ageMs = now - mtimeMs;
      // A report with an id comes from a process that has ended: nobody renews it.
      const isRenewed = settle === "remove" || pending.id === undefined;
      if (isRenewed && ageMs < LEASE_MS && !this.isUnchanged(path, note)) return [];
      return [{ path, pending, ageMs, isStale: isCopy || ageMs > MAX_AGE_MS }];
    });
  }

  private renew(): void {
    for (const { file } of this.held) {
      // If renewing fails, the note may be claimed. Then the object is not returned, and nothing is lost.
      if (file !== undefined) tryTo(() => writeSync(file.descriptor, "\n"));
    }
  }

  private files(): string[] {
    const { directory } = this;
    if (directory === undefined) return [];
    try {
      return readdirSync(directory)
        .filter((file) => file.endsWith(".json"))
        .map((file) => join(directory, file));
    } catch {
      // The folder does not exist yet, or this user may not read it.
      return [];
    }
  }

  private async giveUp(error: unknown): Promise<void> {
    if (this.isBroken) return;
    this.isBroken = true;
    await this.warn(
      `Notes about creates cannot be kept in ${this.directory} (${errorCode(error) ?? String(error)}). Creates continue without them: if this run is killed during a create, the next run does not know what it created. Make the folder writable for this user, or set PULUMI_HOME to one that is.`,
    );
  }

  /** Syncs the folder to disk. Concurrent callers share one sync. */
  private sync(directory: string): Promise<void> {
    if (this.nextSync === undefined) {
      this.syncing = this.syncing.then(() => {
        this.nextSync = undefined;
        return syncFolder(directory);
      });
      this.nextSync = this.syncing;
    }
    return this.nextSync;
  }
}

function noteFile(directory: string): string {
  return join(directory, `${randomBytes(10).toString("hex")}.json`);
}

function write(directory: string, pending: PendingCreate): { path: string; descriptor: number } {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = noteFile(directory);
  const descriptor = openSync(path, "ax", 0o600);
  try {
    const { ino, birthtimeNs } = fstatSync(descriptor, { bigint: true });
    const file = { inode: String(ino), born: String(birthtimeNs) };
    writeFileSync(descriptor, `${JSON.stringify({ ...pending, ...file })}\n`);
    return { path, descriptor };
  } catch (error) {
    closeSync(descriptor);
    rmSync(path, { force: true });
    throw error;
  }
}

interface ReadNote {
  readonly pending: PendingCreate;
  readonly mtimeMs: number;
  readonly size: number;
  readonly isCopy: boolean;
}

/** Undefined if the note is gone, or if its writer died while writing it, before anything was sent. */
function read(path: string): ReadNote | undefined {
  try {
    const { ino, birthtimeNs, mtimeMs, size } = statSync(path, { bigint: true });
    const [first = "", ...later] = readFileSync(path, "utf8").split("\n");
    const { inode, born, ...pending } = firstLine().parse(JSON.parse(first));
    const ids = later.flatMap((line) => idIn(line) ?? []);
    return {
      pending: { ...pending, ...(ids[0] === undefined ? {} : { id: ids[0] }) },
      mtimeMs: Number(mtimeMs),
      size: Number(size),
      // A copy, such as one from a backup, is outdated. Some file systems reuse inode numbers at once, others allow
      // setting the birth time. None does both.
      isCopy: inode !== String(ino) || birthtimeNs > BigInt(born),
    };
  } catch {
    return undefined;
  }
}

/** The id in a line. Renewals are empty lines, and the last line may be incomplete. */
function idIn(line: string): string | undefined {
  return laterLine().safeParse(parseJson(line)).data?.id;
}

/** The time by the clock that dates the folder's files, which may be another machine's. Undefined if unavailable. */
function clockOf(directory: string): number | undefined {
  const path = join(directory, `${randomBytes(10).toString("hex")}.clock`);
  try {
    writeFileSync(path, "", { flag: "wx", mode: 0o600 });
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  } finally {
    tryTo(() => unlinkSync(path));
  }
}

async function syncFolder(directory: string): Promise<void> {
  try {
    const folder = await open(directory, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows cannot open folders, and does not need this sync. Elsewhere, a missing folder has no notes.
  }
}

/** Whether it worked. If not, another process has done it, or a later run will. */
function tryTo(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
