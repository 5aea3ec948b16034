import type { Platform } from "../../provider/api/client";
import type { Transport } from "../../provider/api/transport";
import type { ChaosJournal, NoteFolder } from "./notes";
import type { Mishap } from "./scenario";
import type { Timeline } from "./timeline";

/** Rejects what was under way when a process is killed. */
export class Killed extends Error {}

/** How long a provider process may take to notice that its engine is gone. */
const NOTICE_MS = 50;

/** A process of the provider: it runs, stands still, or has ended. What it waits for, it gets only while it runs. */
export class ProviderProcess {
  private state: "running" | "frozen" | "ended" = "running";
  private readonly waiting: (() => void)[] = [];
  private die: (reason: Killed) => void = () => undefined;
  private journal: ChaosJournal | undefined;
  /** Rejects when the process is killed. */
  readonly death: Promise<never>;
  /** Its clock, ahead of the server's. */
  aheadMs: number;
  /** Requests, and those that make something, so far. */
  readonly sent = { requests: 0, creates: 0 };
  hasLostEngine = false;
  /** Called while a hand-over waits for the disk. */
  midway: () => void = () => undefined;

  constructor(
    readonly label: string,
    private readonly timeline: Timeline,
    private readonly notes: NoteFolder,
    readonly mishap: Mishap,
    private readonly killEngine: () => void,
  ) {
    this.aheadMs = mishap.aheadMs;
    this.death = new Promise<never>((_, reject) => {
      this.die = reject;
    });
    this.death.catch(() => undefined);
  }

  get isRunning(): boolean {
    return this.state === "running";
  }

  get hasEnded(): boolean {
    return this.state === "ended";
  }

  platform(transport: Transport, random: () => number): Platform {
    return {
      transport,
      random,
      now: () => this.timeline.now + this.aheadMs,
      sleep: (ms) => this.after(ms),
    };
  }

  openJournal(warn: (message: string) => Promise<void>): ChaosJournal {
    this.journal = this.notes.journal(this, warn);
    return this.journal;
  }

  /** Resolves after so long, once the process runs; never when it has ended. */
  after(ms: number): Promise<void> {
    return new Promise((resolve) => this.timeline.after(ms, () => this.whenRunning(resolve)));
  }

  freeze(ms: number): void {
    if (!this.isRunning) return;
    this.notes.renewAll();
    this.timeline.tell(`${this.label}: frozen`);
    this.state = "frozen";
    this.timeline.after(ms, () => {
      if (this.state !== "frozen") return;
      this.timeline.tell(`${this.label}: goes on`);
      this.state = "running";
      this.notes.renewAll();
      // One after the other, as a process takes up what has come meanwhile.
      for (const act of this.waiting.splice(0)) this.timeline.after(0, () => this.whenRunning(act));
    });
  }

  /** At once, and for good: what it has sent may have its effect all the same. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.notes.renewAll();
    this.timeline.tell(`${this.label}: ended`);
    this.state = "ended";
    // Between the end of a note and the answer in the engine's hands nothing on disk knows of the object: see
    // "orphans". A kill just there is left out.
    await this.journal?.closeFiles();
    await new Promise((turn) => setImmediate(turn));
    this.die(new Killed());
  }

  /** The engine is killed alone; the process notices a moment later, or once it runs again. */
  loseEngine(random: () => number): void {
    if (this.hasEnded) return;
    this.timeline.tell(`${this.label}: its engine is killed`);
    this.hasLostEngine = true;
    this.killEngine();
    this.timeline.after(random() * NOTICE_MS, () => this.whenRunning(() => this.notice()));
    this.midway = () => {
      if (random() < 0.5) this.notice();
    };
  }

  private notice(): void {
    if (this.hasEnded) return;
    this.journal?.onEngineExit();
    void this.timeline.hold(this.kill());
  }

  private whenRunning(act: () => void): void {
    if (this.state === "running") act();
    else if (this.state === "frozen") this.waiting.push(act);
  }
}
