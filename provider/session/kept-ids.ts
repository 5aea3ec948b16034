import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorCode, errorText, type Warn } from "../shared/errors";

/** A run is shorter. A file that is older belongs to an earlier engine with the same address, in milliseconds. */
const MAX_RUN_MS = 6 * 60 * 60_000;

/** A file of one process: `<address of the engine>.<pid>.kept`. */
const FILE = /^[\w-]+\.\d+\.kept$/;

/**
 * Tells the processes of one run which objects the program keeps. Each provider instance runs in its own process, and
 * so does each front end: a resource that moves between them without an alias is deleted by one process while another
 * one manages the same object. Each process appends to its own file.
 */
export class KeptIds {
  private readonly own = new Set<string>();
  private readonly others = new Map<string, { size: number; ids: ReadonlySet<string> }>();
  private isPrepared = false;
  private failure: string | undefined;

  /**
   * @param directory - The folder that the processes of all runs share; undefined: there are no others.
   * @param run - Identifies the run, by the address of its engine.
   */
  constructor(
    private readonly directory?: string,
    private readonly run = "",
    private readonly warn: Warn = async () => {},
  ) {}

  /** @param isKept - Whether the program keeps the object. The last call for an id counts. */
  mark(id: string, isKept: boolean): void {
    if (this.own.has(id) === isKept) return;
    if (isKept) this.own.add(id);
    else this.own.delete(id);
    this.append(`${isKept ? "+" : "-"}${id}\n`);
  }

  /** As {@link mark}, for an object that another resource may have managed until now. */
  async markAdopted(id: string): Promise<void> {
    this.mark(id, true);
    if (this.failure === undefined) return;
    await this.warn(
      `The adoption of ${id} cannot be recorded in ${this.directory} (${this.failure}). If a resource of another provider managed it until now, this run may delete it: make the folder writable for this user, or set PULUMI_HOME to one that is.`,
    );
  }

  /** Whether a resource that another process manages keeps the object. */
  isKeptElsewhere(id: string): boolean {
    const { directory, run, ownFile } = this;
    if (directory === undefined) return false;
    return filesIn(directory)
      .filter((file) => file.startsWith(`${run}.`) && file !== ownFile)
      .some((file) => this.idsIn(join(directory, file)).has(id));
  }

  private get ownFile(): string {
    return `${this.run}.${process.pid}.kept`;
  }

  private append(line: string): void {
    const { directory } = this;
    if (directory === undefined || this.failure !== undefined) return;
    try {
      if (!this.isPrepared) prepare(directory);
      this.isPrepared = true;
      appendFileSync(join(directory, this.ownFile), line);
    } catch (error) {
      // Few programs have several providers, so this only matters for an adoption.
      this.failure = errorText(error);
    }
  }

  private idsIn(file: string): ReadonlySet<string> {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || isOver(found) || isOfEarlierRun(file, found)) return new Set();
    const known = this.others.get(file);
    if (known?.size === found.size) return known.ids;
    const ids = new Set<string>();
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line.startsWith("+")) ids.add(line.slice(1));
      else ids.delete(line.slice(1));
    }
    this.others.set(file, { size: found.size, ids });
    return ids;
  }
}

/** Creates the folder, and removes the files of runs that are over. */
function prepare(directory: string): void {
  for (const file of filesIn(directory).map((name) => join(directory, name))) {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found !== undefined && isOver(found)) rmSync(file, { force: true });
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

function isOver({ mtimeMs }: { readonly mtimeMs: number }): boolean {
  return Date.now() - mtimeMs > MAX_RUN_MS;
}

/** A later engine may get the same address again. By then, the process that wrote the file has ended. */
function isOfEarlierRun(file: string, { mtimeMs }: { readonly mtimeMs: number }): boolean {
  return mtimeMs < performance.timeOrigin && !isRunning(Number(file.split(".").at(-2)));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It runs as another user.
    return errorCode(error) === "EPERM";
  }
}

/** Empty if the folder does not exist, or this user may not read it. */
function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => FILE.test(name));
  } catch {
    return [];
  }
}
