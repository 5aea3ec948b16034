/** A Date header that is further from the local clock, in milliseconds, may as well be a gateway's mistake. */
const MAX_HEADER_SKEW_MS = 2 * 60_000;

/**
 * The server's clock. Its Date headers tell it to about a second, and are believed while they are near the local
 * clock; what the server itself writes into an object that it has just made is believed in any case, and from then
 * on headers count that are near to that.
 */
export class ServerClock {
  private offset = 0;
  /** By the last header, believed or not. */
  private heard = 0;
  /** By the newest object. */
  private confirmed = 0;

  constructor(
    private readonly localNow: () => number,
    private readonly maxSkewMs = MAX_HEADER_SKEW_MS,
  ) {}

  /** Milliseconds of the epoch. */
  now(): number {
    return this.localNow() + this.offset;
  }

  /** The same where it is safer to take it for earlier than it is: a local clock that is far ahead proves nothing. */
  earliestNow(): number {
    return this.localNow() + Math.min(this.offset, this.heard);
  }

  noteHeader(dateHeader: string | undefined): void {
    const offset = Date.parse(dateHeader ?? "") - this.localNow();
    if (!Number.isNaN(offset)) this.heard = offset;
    if (Math.abs(offset - this.confirmed) <= this.maxSkewMs) this.offset = offset;
  }

  /** @param createdAt - Of an object that the server has made a moment ago, in milliseconds of the epoch. */
  noteCreation(createdAt: number | undefined): void {
    if (createdAt === undefined || Number.isNaN(createdAt)) return;
    this.confirmed = createdAt - this.localNow();
    // A believed header is the better one: the answer may have been long under way.
    if (Math.abs(this.offset - this.confirmed) > this.maxSkewMs) this.offset = this.confirmed;
  }
}
