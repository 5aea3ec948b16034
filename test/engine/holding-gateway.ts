import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** Requests that are kept from getting on, until they are released. */
export class Hold {
  private readonly releases: (() => void)[] = [];
  private readonly arrivals: (() => void)[] = [];
  private seen = 0;
  private isOver = false;

  constructor(
    readonly matches: (method: string, path: string) => boolean,
    /** `request`: the server does not see it yet; `answer`: it has done what was asked. */
    readonly what: "request" | "answer",
    private readonly times: number,
  ) {}

  get isUsedUp(): boolean {
    return this.isOver || this.seen >= this.times;
  }

  /** Resolves once so many requests are held. */
  async arrived(count = 1): Promise<void> {
    while (this.seen < count) await new Promise<void>((wake) => this.arrivals.push(wake));
  }

  /** Lets them all go on, and holds no more. */
  release(): void {
    this.isOver = true;
    for (const go of this.releases.splice(0)) go();
  }

  /** Counts a request, and returns what to wait for where it is to be held. */
  take(): () => Promise<void> {
    this.seen += 1;
    return () =>
      new Promise((go) => {
        this.releases.push(go);
        for (const wake of this.arrivals.splice(0)) wake();
      });
  }
}

/** A gateway before an embedded Flexprice that can hold requests and answers back, and has a clock of its own. */
export class HoldingGateway {
  /** What its Date header is off by, in milliseconds; undefined: the server's header is passed on. */
  dateOffsetMs: number | undefined;
  private readonly holds: Hold[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** @param target - Base URL of the server, with its path. */
  static async before(target: string): Promise<HoldingGateway> {
    const server = createServer();
    const gateway = new HoldingGateway(server, new URL(target));
    server.on("request", (asked, answer) => {
      gateway.pass(asked, answer).catch(() => answer.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return gateway;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.target.pathname}`;
  }

  /** Holds what comes of these requests from now on. */
  hold(method: string, path: RegExp, what: Hold["what"], times = Number.POSITIVE_INFINITY): Hold {
    const hold = new Hold((asked, at) => asked === method && path.test(at), what, times);
    this.holds.push(hold);
    return hold;
  }

  async close(): Promise<void> {
    for (const hold of this.holds) hold.release();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private async pass(asked: IncomingMessage, answer: ServerResponse) {
    const { method = "GET", url = "/", headers } = asked;
    const hold = this.holds.find((each) => !each.isUsedUp && each.matches(method, url));
    const held = hold?.take();
    const body = await buffer(asked);
    if (hold?.what === "request") await held?.();
    const passed = request(new URL(url, this.target), { method, headers });
    passed.end(body);
    const [got] = (await once(passed, "response")) as [IncomingMessage];
    const content = await buffer(got);
    if (hold?.what === "answer") await held?.();
    const ownDate =
      this.dateOffsetMs === undefined
        ? {}
        : { date: new Date(Date.now() + this.dateOffsetMs).toUTCString() };
    const { "transfer-encoding": _, ...passedOn } = got.headers;
    answer.writeHead(got.statusCode ?? 502, {
      ...passedOn,
      ...ownDate,
      "content-length": content.length,
    });
    answer.end(content);
  }
}
