const LINE_INTERVAL_MS = 15_000;
const REDRAW_INTERVAL_MS = 500;

/** Shows the progress of a long step: in place on a terminal, otherwise a line now and then. */
export class Progress {
  readonly #title: string;
  readonly #log: (line: string) => void;
  readonly #inPlace: boolean;
  readonly #started = Date.now();
  readonly #timer: NodeJS.Timeout;
  #detail = "";

  constructor(title: string, log: (line: string) => void, inPlace: boolean) {
    this.#title = title;
    this.#log = log;
    this.#inPlace = inPlace;
    log(`${title} …`);
    this.#timer = setInterval(() => this.#show(), inPlace ? REDRAW_INTERVAL_MS : LINE_INTERVAL_MS);
  }

  /** The current action, e.g. the package being compiled. */
  set detail(text: string) {
    this.#detail = text.trim();
  }

  end(outcome: string): void {
    clearInterval(this.#timer);
    if (this.#inPlace) process.stderr.write("\r\x1b[K");
    this.#log(`${this.#title}: ${outcome} after ${this.#seconds()} s`);
  }

  #show(): void {
    const line = `${this.#title}: ${this.#seconds()} s${this.#detail ? `, ${this.#detail}` : ""}`;
    if (!this.#inPlace) {
      this.#log(line);
      return;
    }
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }

  #seconds(): number {
    return Math.round((Date.now() - this.#started) / 1000);
  }
}
