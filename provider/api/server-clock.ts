/** A Date header further from the local clock than this, in milliseconds, may be wrong, and is not trusted. */
const MAX_HEADER_SKEW_MS = 2 * 60_000;

/**
 * The server's clock, to about a second. A Date header is trusted if it is near the local clock. The creation time of
 * an object that the server has just created is always trusted, and then headers near that time are trusted too.
 */
export class ServerClock {
  private offset = 0;
  /** By the last header, trusted or not. */
  private heard = 0;
  /** By the newest created object. */
  private confirmed = 0;

  constructor(
    private readonly localNow: () => number,
    private readonly maxSkewMs = MAX_HEADER_SKEW_MS,
  ) {}

  /** Milliseconds of the epoch. */
  now(): number {
    return this.localNow() + this.offset;
  }

  /** The earliest time that it can be. Safer where a local clock that is far ahead could do harm. */
  earliestNow(): number {
    return this.localNow() + Math.min(this.offset, this.heard);
  }

  observeDateHeader(dateHeader: string | undefined): void {
    const offset = Date.parse(dateHeader ?? "") - this.localNow();
    if (!Number.isNaN(offset)) this.heard = offset;
    if (Math.abs(offset - this.confirmed) <= this.maxSkewMs) this.offset = offset;
  }

  /** @param createdAt - When the server created an object a moment ago, in milliseconds of the epoch. */
  observeCreation(createdAt: number | undefined): void {
    if (createdAt === undefined || Number.isNaN(createdAt)) return;
    this.confirmed = createdAt - this.localNow();
    // Keep a trusted header, which is more exact: this response may have taken long to arrive.
    if (Math.abs(this.offset - this.confirmed) > this.maxSkewMs) this.offset = this.confirmed;
  }
}
