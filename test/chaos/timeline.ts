interface Event {
  readonly at: number;
  readonly run: () => void | Promise<void>;
}

/** Fake time: events happen one after the other, in an order that only depends on the seed. */
export class Timeline {
  /** Sorted by time, and then in the order in which they were planned. */
  private readonly events: Event[] = [];
  /** The log of all events, to analyze failures. */
  readonly lines: string[] = [];
  private readonly held = new Set<Promise<unknown>>();

  /** @param now - Milliseconds of the epoch. */
  constructor(public now: number) {}

  after(ms: number, run: Event["run"]): void {
    const event = { at: this.now + Math.max(0, ms), run };
    const next = this.events.findIndex(({ at }) => at > event.at);
    this.events.splice(next === -1 ? this.events.length : next, 0, event);
  }

  log(message: string): void {
    this.lines.push(`${new Date(this.now).toISOString().slice(11, 23)} ${message}`);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs work that takes real time. No event happens before it is done. */
  hold<Value>(work: Promise<Value>): Promise<Value> {
    this.held.add(work);
    const release = () => this.held.delete(work);
    work.then(release, release);
    return work;
  }

  /** Waits until no event is planned. Events may plan more. */
  async untilQuiet(): Promise<void> {
    for (;;) {
      const last = this.events.at(-1);
      if (last === undefined) return;
      await this.pause(last.at - this.now + 1);
    }
  }

  /** Advances time until the work is done. */
  async run(work: Promise<void>): Promise<void> {
    const progress = { isDone: false };
    const finish = () => {
      progress.isDone = true;
    };
    work.then(finish, finish);
    for (;;) {
      await this.untilReleased();
      if (progress.isDone) return await work;
      const next = this.events.shift();
      if (next === undefined) throw new Error("nothing is planned, and the work is not done");
      this.now = next.at;
      await next.run();
    }
  }

  private async untilReleased(): Promise<void> {
    do {
      await Promise.allSettled(this.held);
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.held.size > 0);
  }
}
