interface Event {
  readonly at: number;
  readonly act: () => void | Promise<void>;
}

/** Fake time: events happen one after the other, in an order that only depends on the seed. */
export class Timeline {
  /** Sorted by time, and then in the order in which they were planned. */
  private readonly events: Event[] = [];
  /** A log of events, to analyse failures. */
  readonly story: string[] = [];
  private readonly holding = new Set<Promise<unknown>>();

  /** @param now - Milliseconds of the epoch. */
  constructor(public now: number) {}

  after(ms: number, act: Event["act"]): void {
    const event = { at: this.now + Math.max(0, ms), act };
    const later = this.events.findIndex(({ at }) => at > event.at);
    this.events.splice(later === -1 ? this.events.length : later, 0, event);
  }

  tell(what: string): void {
    this.story.push(`${new Date(this.now).toISOString().slice(11, 23)} ${what}`);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs work that takes real time. No event happens before it is done. */
  hold<Value>(work: Promise<Value>): Promise<Value> {
    this.holding.add(work);
    const release = () => this.holding.delete(work);
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
    const ended = { is: false };
    const end = () => {
      ended.is = true;
    };
    work.then(end, end);
    for (;;) {
      await this.settled();
      if (ended.is) return await work;
      const next = this.events.shift();
      if (next === undefined) throw new Error("nothing is planned, and the work is not done");
      this.now = next.at;
      await next.act();
    }
  }

  private async settled(): Promise<void> {
    do {
      await Promise.allSettled(this.holding);
      await new Promise((turn) => setImmediate(turn));
    } while (this.holding.size > 0);
  }
}
