import type { Platform } from "../../provider/api/client";
import type { Transport } from "../../provider/api/transport";
import type { ChaosJournal, NoteFolder } from "./notes";
import type { Disruption } from "./scenario";
import type { Timeline } from "./timeline";

/** Rejects pending work when a process is killed. */
export class Killed extends Error {}

/** How long a provider process may take to notice the end of its engine. */
const NOTICE_MS = 50;

/** A provider process, which runs, is paused, or has ended. Its waits only resolve while it runs. */
export class ProviderProcess {
  private state: "running" | "frozen" | "ended" = "running";
  private readonly waiting: (() => void)[] = [];
  private rejectDeath: (reason: Killed) => void = () => undefined;
  private journal: ChaosJournal | undefined;
  /** Rejects if the process is killed. */
  readonly death: Promise<never>;
  /** How far its clock is ahead of the server's. */
  aheadMs: number;
  /** The number of requests, and of those that create something. */
  readonly sent = { requests: 0, creates: 0 };
  hasLostEngine = false;
  /** Called while the completion of a note waits for the disk. */
  onCompletion: () => void = () => undefined;

  constructor(
    readonly label: string,
    private readonly timeline: Timeline,
    private readonly notes: NoteFolder,
    readonly disruption: Disruption,
    private readonly killEngine: () => void,
  ) {
    this.aheadMs = disruption.aheadMs;
    this.death = new Promise<never>((_, reject) => {
      this.rejectDeath = reject;
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

  /** Resolves after this time, once the process runs. Never resolves if it has ended. */
  after(ms: number): Promise<void> {
    return new Promise((resolve) => this.timeline.after(ms, () => this.whenRunning(resolve)));
  }

  freeze(ms: number): void {
    if (!this.isRunning) return;
    this.notes.renewAll();
    this.timeline.log(`${this.label}: frozen`);
    this.state = "frozen";
    this.timeline.after(ms, () => {
      if (this.state !== "frozen") return;
      this.timeline.log(`${this.label}: continues`);
      this.state = "running";
      this.notes.renewAll();
      // One after the other, as a resumed process handles pending events.
      for (const callback of this.waiting.splice(0)) {
        this.timeline.after(0, () => this.whenRunning(callback));
      }
    });
  }

  /** Kills the process at once. Its sent requests may still have an effect. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.notes.renewAll();
    this.timeline.log(`${this.label}: ended`);
    this.state = "ended";
    // Leaves out a kill between the removal of a note and the response to the engine, when nothing on disk knows of the
    // object: see "orphans".
    await this.journal?.closeFiles();
    await new Promise((resolve) => setImmediate(resolve));
    this.rejectDeath(new Killed());
  }

  /** Only the engine is killed. The process notices a moment later, or once it runs again. */
  loseEngine(random: () => number): void {
    if (this.hasEnded) return;
    this.timeline.log(`${this.label}: its engine is killed`);
    this.hasLostEngine = true;
    this.killEngine();
    this.timeline.after(random() * NOTICE_MS, () =>
      this.whenRunning(() => this.noticeEngineExit()),
    );
    this.onCompletion = () => {
      if (random() < 0.5) this.noticeEngineExit();
    };
  }

  private noticeEngineExit(): void {
    if (this.hasEnded) return;
    this.journal?.onEngineExit();
    void this.timeline.hold(this.kill());
  }

  private whenRunning(callback: () => void): void {
    if (this.state === "running") callback();
    else if (this.state === "frozen") this.waiting.push(callback);
  }
}
