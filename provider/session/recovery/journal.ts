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
import type { Warn } from "../../shared/errors";
import { lazy } from "../../shared/lazy";

/** How often the note of a create that is under way is renewed, in milliseconds. */
const RENEWAL_MS = 20_000;

/** A note that was not renewed for so long may be claimed, in milliseconds. */
export const LEASE_MS = 2 * 60_000;

/** What is older says nothing of today: it is reported and dropped, in milliseconds. */
const MAX_AGE_MS = 24 * 60 * 60_000;

/** What was handed over so shortly before its engine ended may not be in the state, in milliseconds. */
const HANDED_OVER_MS = 15_000;

const pendingCreate = lazy(() =>
  z.object({
    /** Base URL of the server. */
    server: z.string(),
    tenantId: z.string(),
    /** Whose request it was: a hash of the credential, and the environment that was chosen with it. */
    credential: z.string(),
    environmentId: z.string().optional(),
    kind: z.enum(["account", "key"]),
    /** The name that the request carries. */
    name: z.string(),
    /** Of a key: who it acts for. */
    ownerId: z.string().optional(),
    keyType: z.string().optional(),
    /**
     * What a later run may do with what bears the name. `remove`: nothing else bears it, and no state has it.
     * `report`: other objects may bear it, or a state may have it.
     */
    settle: z.enum(["remove", "report"]),
    /** What was made, where the answer said so. */
    id: z.string().optional(),
  }),
);
/** A create whose outcome no state has yet. Names and ids only. */
export type PendingCreate = z.infer<ReturnType<typeof pendingCreate>>;

const firstLine = lazy(() => pendingCreate().extend({ inode: z.string(), born: z.string() }));
const laterLine = lazy(() => z.object({ id: z.string() }));

/** A note of this process, for a create that is under way. */
export interface Note {
  readonly pending: PendingCreate;
  /** Undefined where none could be written. */
  readonly file?: { readonly path: string; readonly descriptor: number };
}

/** A note that its writer does not renew any more. */
export interface AbandonedNote {
  readonly path: string;
  readonly pending: PendingCreate;
  /** Since its writer gave the last sign of life, in milliseconds. */
  readonly ageMs: number;
  /** Whether it is nothing to act on: a copy of the file that was written, or from another day. */
  readonly isStale: boolean;
}

export interface JournalOptions {
  /** Made when first needed. Absent: nothing outlives the process. */
  readonly directory?: string | undefined;
  /** Told once, where notes cannot be kept. */
  readonly warn?: Warn;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic?: () => number;
}

interface Look {
  readonly mtimeMs: number;
  readonly size: number;
  readonly at: number;
}

/**
 * One note on disk for each POST that makes something, written before it is sent and taken away before the answer is
 * handed over. So a note that exists says: no state has what bears this name. Whoever comes later claims a note by
 * renaming it, and only one can: its writer then finds it gone, and does not hand over what another may remove.
 *
 * A note is a lease. Its age decides when it may be claimed, by the clock of its folder; never whether.
 */
export class Journal {
  private readonly directory: string | undefined;
  private readonly warn: Warn;
  private readonly monotonic: () => number;
  private readonly held = new Set<Note>();
  private readonly looks = new Map<string, Look>();
  private handedOver: { readonly pending: PendingCreate; readonly at: number }[] = [];
  /** Reports of what a state may have, by the id. */
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

  /** Writes a note before its request goes out. Where that cannot be, the create goes on without. */
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

  /** Adds what the request has made. */
  identify({ file }: Note, id: string): void {
    // Where it cannot be added, the name is still there.
    if (file !== undefined) tryTo(() => writeSync(file.descriptor, `${JSON.stringify({ id })}\n`));
  }

  /** Forgets a create that made nothing, or whose object is settled. */
  close(note: Note): void {
    const { file } = note;
    this.leave(note);
    if (file !== undefined) tryTo(() => unlinkSync(file.path));
  }

  /** Ends the care for a create whose outcome stays open: its note is for a later run. */
  leave(note: Note): void {
    if (!this.held.delete(note) || note.file === undefined) return;
    // A network file system may tell of a full quota as late as here.
    const { descriptor } = note.file;
    tryTo(() => closeSync(descriptor));
    if (this.held.size > 0) return;
    clearInterval(this.renewal);
    this.renewal = undefined;
  }

  /**
   * Takes the note away, the last thing before the engine is handed what was made.
   * @returns False where another process has claimed it, or it cannot be taken away: then whoever holds the note may
   *   remove what was made, and it must not be handed over.
   */
  async handOver(note: Note, id: string): Promise<boolean> {
    const { file, pending } = note;
    this.leave(note);
    if (file !== undefined) {
      try {
        unlinkSync(file.path);
      } catch (error) {
        if (codeOf(error) !== "ENOENT") await this.giveUp(error);
        return false;
      }
    }
    // From here on nothing else tells of the object, should the engine end.
    const now = this.monotonic();
    this.handedOver = this.handedOver.filter(({ at }) => now - at <= HANDED_OVER_MS);
    this.handedOver.push({ pending: { ...pending, id, settle: "report" }, at: now });
    // After a power cut the note would be back, and the object is in a state by then.
    if (file !== undefined) await this.sync(dirname(file.path));
    return true;
  }

  /** To be called when the engine has ended: what it was handed last may not be in its state. */
  onEngineExit(): void {
    const { directory } = this;
    if (directory === undefined) return;
    const now = this.monotonic();
    for (const { pending, at } of this.handedOver) {
      if (now - at > HANDED_OVER_MS) continue;
      tryTo(() => closeSync(write(directory, pending).descriptor));
    }
  }

  /** A state has the object after all: nothing is left to report of it. */
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

  /** Forgets every note of an object that somebody takes over now. */
  forget(server: string, tenantId: string, object: { readonly id: string; readonly name: string }) {
    for (const path of this.files()) {
      const pending = read(path)?.pending;
      if (pending?.server !== server || pending.tenantId !== tenantId) continue;
      // A note that only reports tells of a name that others bear too.
      const isNamed = pending.settle === "remove" && pending.name === object.name;
      if (pending.id === object.id || isNamed) tryTo(() => unlinkSync(path));
    }
  }

  /** What of this server and tenant has a note, the creates of this process left out. */
  pending(server: string, tenantId: string): PendingCreate[] {
    return this.notesOfOthers(server, tenantId).map(({ note }) => note.pending);
  }

  /** Claims the notes of this server and tenant that nobody renews any more. */
  claimAbandoned(server: string, tenantId: string): AbandonedNote[] {
    return this.abandoned(server, tenantId, "remove").flatMap((note) => {
      const path = noteFile(dirname(note.path));
      if (!tryTo(() => renameSync(note.path, path))) return [];
      // Its writer may have added an id meanwhile.
      return [{ ...note, path, pending: read(path)?.pending ?? note.pending }];
    });
  }

  /** What the notes of this server and tenant stand for that a run could claim. */
  claimable(server: string, tenantId: string): PendingCreate[] {
    return this.abandoned(server, tenantId, "remove")
      .filter(({ isStale }) => !isStale)
      .map(({ pending }) => pending);
  }

  /** The notes of this server and tenant that are there for a person to read. */
  reports(server: string, tenantId: string): AbandonedNote[] {
    return this.abandoned(server, tenantId, "report");
  }

  /** Forgets a note: what it stood for is settled. */
  drop({ path }: AbandonedNote): void {
    tryTo(() => unlinkSync(path));
  }

  /** Clocks jump; a note that two looks show unchanged, a lease apart, is abandoned all the same. */
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
      // A report with an id was left by a process that has ended: nobody renews it.
      const isRenewed = settle === "remove" || pending.id === undefined;
      if (isRenewed && ageMs < LEASE_MS && !this.isUnchanged(path, note)) return [];
      return [{ path, pending, ageMs, isStale: isCopy || ageMs > MAX_AGE_MS }];
    });
  }

  private renew(): void {
    for (const { file } of this.held) {
      // A lease that cannot be renewed may be claimed: then the answer is not handed over, and nothing is lost.
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
      // Nobody has kept a note here yet, or this user may not look.
      return [];
    }
  }

  private async giveUp(error: unknown): Promise<void> {
    if (this.isBroken) return;
    this.isBroken = true;
    await this.warn(
      `No notes of creates can be kept in ${this.directory} (${codeOf(error) ?? String(error)}). Creates go on without: if this run is killed in the middle of one, the next run does not know of what it made. Make the folder writable for this user, or set PULUMI_HOME to one that is.`,
    );
  }

  /** Writes the folder itself to disk; those who ask together share it. */
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

/** Undefined where it was taken away meanwhile, or cut off by the death of its writer, before anything was sent. */
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
      // A copy, out of a backup for instance, tells of another day. Some file systems give the number of a file that
      // is gone away again at once; others let the time of birth be set back. None does both.
      isCopy: inode !== String(ino) || birthtimeNs > BigInt(born),
    };
  } catch {
    return undefined;
  }
}

/** Renewals are empty lines, and a line may be cut off. */
function idIn(line: string): string | undefined {
  try {
    return laterLine().safeParse(JSON.parse(line)).data?.id;
  } catch {
    return undefined;
  }
}

/** The time by the clock that dates the folder's files, which another machine may keep; undefined: not to be had. */
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
    // Windows opens no folders and needs no sync of them; elsewhere a folder that is gone has no note to come back.
  }
}

/** Whether it worked. What does not, another process has done, or a later run does. */
function tryTo(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
