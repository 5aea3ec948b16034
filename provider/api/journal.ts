import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { once } from "../once";
import type { Intent } from "./intent";

const entry = once(() =>
  z.object({
    host: z.string(),
    pid: z.number().int(),
    /** Base URL of the server. */
    server: z.string(),
    tenantId: z.string(),
    /** The server's time before the last request, in milliseconds of the epoch. */
    sentAt: z.number(),
    intent: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("account"), name: z.string(), roles: z.array(z.string()) }),
      z.object({ kind: z.literal("key"), name: z.string(), ownerId: z.string() }),
    ]),
    /** Ids of objects like it that the process held: never what this create has made. */
    spared: z.array(z.string()),
    /** What it made, where the engine ended before it is sure that its state has it. */
    made: z.string().optional(),
  }),
);
type Entry = z.infer<ReturnType<typeof entry>>;

/** A create that is under way, or whose process ended without an answer. */
export interface JournalEntry {
  readonly server: string;
  readonly tenantId: string;
  readonly sentAt: number;
  readonly intent: Intent;
  readonly spared: readonly string[];
  readonly made?: string | undefined;
  /** The name of its file. */
  readonly file: string;
}

/** No create takes as long: what is older belongs to a process that is gone, on whichever machine. */
const LONGEST_CREATE_MS = 10 * 60_000;

/** An engine that ended less than this after an answer may not have written it into its state, in milliseconds. */
const FRESH_MS = 15_000;

export interface JournalOptions {
  /** Made when first needed. Absent: nothing outlives the process. */
  readonly directory?: string | undefined;
  readonly pid?: number;
  /** Whether a process of this machine still runs. */
  readonly isRunning?: (pid: number) => boolean;
  /** Milliseconds of the epoch. */
  readonly now?: () => number;
}

/**
 * Creates without an answer, a small file each, written before the request and removed with the answer. A process
 * that is killed in between leaves its file, and the next one can look for what was made. Names and ids only.
 */
export class Journal {
  private readonly directory: string | undefined;
  private readonly pid: number;
  private readonly isRunning: (pid: number) => boolean;
  private readonly now: () => number;
  private readonly open = new Set<string>();
  private readonly fresh: { entry: JournalEntry; made: string; at: number }[] = [];
  /** No two processes share it, whatever numbers they have. */
  private readonly mark = randomBytes(6).toString("hex");
  private begun = 0;
  private hasDirectory = false;
  private engineEnded = false;

  constructor(options: JournalOptions = {}) {
    this.directory = options.directory;
    this.pid = options.pid ?? process.pid;
    this.isRunning = options.isRunning ?? runsHere;
    this.now = options.now ?? Date.now;
  }

  /** How many creates are under way. */
  get underWay(): number {
    return this.open.size;
  }

  /** Begins the care for a create. Nothing is written before its request is about to go out. */
  begin(noted: Omit<JournalEntry, "file">): JournalEntry {
    this.begun += 1;
    const file = `${this.pid}-${this.mark}-${this.begun}.json`;
    this.open.add(file);
    return { ...noted, file };
  }

  /** Notes that the request is about to go out, for the first time or anew: what went before has made nothing. */
  sending(entry: JournalEntry, sentAt: number): void {
    this.write({ ...entry, sentAt });
  }

  /** Forgets a create that made nothing, or whose object is settled. */
  close({ file }: JournalEntry): void {
    this.open.delete(file);
    if (this.directory !== undefined) rmSync(join(this.directory, file), { force: true });
  }

  /** Forgets a create that has been answered, if there is still an engine to write the answer into its state. */
  answered(entry: JournalEntry, made: string): void {
    if (this.engineEnded) {
      this.open.delete(entry.file);
      return;
    }
    this.close(entry);
    this.fresh.push({ entry, made, at: this.now() });
    while (this.now() - (this.fresh[0]?.at ?? this.now()) > FRESH_MS) this.fresh.shift();
  }

  /** Ends the care for a create that stays without an outcome: its file is for the next process. */
  leave({ file }: JournalEntry): void {
    this.open.delete(file);
  }

  /** To be called when the engine has ended and this process has not: what it answers now, nobody hears. */
  engineIsGone(): void {
    this.engineEnded = true;
    for (const { entry, made, at } of this.fresh) {
      if (this.now() - at <= FRESH_MS) this.write({ ...entry, made });
    }
  }

  /** Takes over what ended processes have left for this server and tenant. */
  takeOver(server: string, tenantId: string): JournalEntry[] {
    return this.files().flatMap((file) => {
      if (this.open.has(file)) return [];
      const left = this.read(file);
      if (left === undefined || left.server !== server || left.tenantId !== tenantId) return [];
      if (!this.isAbandoned(left) || !this.claim(file)) return [];
      const { host: _h, pid: _p, ...noted } = left;
      const mine = this.begin(noted);
      this.write(mine);
      return [mine];
    });
  }

  private write({ file, ...noted }: JournalEntry): void {
    if (this.directory === undefined) return;
    if (!this.hasDirectory) mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.hasDirectory = true;
    const text = JSON.stringify({ host: hostname(), pid: this.pid, ...noted });
    writeFileSync(join(this.directory, file), text, { mode: 0o600 });
  }

  private files(): string[] {
    if (this.directory === undefined || !existsSync(this.directory)) return [];
    return readdirSync(this.directory).filter((file) => file.endsWith(".json"));
  }

  private read(file: string): Entry | undefined {
    try {
      const text = readFileSync(join(this.directory ?? "", file), "utf8");
      return entry().safeParse(JSON.parse(text)).data;
    } catch {
      // Taken over by another process meanwhile, or cut off by the death of its writer, before anything was sent.
      return undefined;
    }
  }

  private isAbandoned({ host, pid, sentAt }: Entry): boolean {
    if (this.now() - sentAt > LONGEST_CREATE_MS) return true;
    // Our own number on a file that is not ours: an earlier process had it.
    return host === hostname() && (pid === this.pid || !this.isRunning(pid));
  }

  /** Of several processes that start at once, one takes an entry over: a file can be renamed away once. */
  private claim(file: string): boolean {
    const path = join(this.directory ?? "", file);
    try {
      renameSync(path, `${path}.taken`);
    } catch {
      return false;
    }
    rmSync(`${path}.taken`, { force: true });
    return true;
  }
}

function runsHere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
