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
import { setTimeout as sleep } from "node:timers/promises";

/** A response of the gateway itself. */
interface GatewayResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A rule of the gateway for some requests. It forwards all others. */
export interface Rule {
  readonly method: string;
  readonly path: RegExp;
  /** Matched against the body. Default: any. */
  readonly body?: RegExp;
  /** How many requests it applies to. Default: 1. */
  readonly times?: number;
  /** How many matching requests to forward first. Default: none. */
  readonly after?: number;
  /** When the server gets the request; a number: milliseconds after the response. Default: at once. */
  readonly effect?: "at once" | "on release" | "never" | number;
  /** How often the server gets the request. Default: once. */
  readonly deliveries?: number;
  /** The response to the client. Default: that of the server. */
  readonly response?: GatewayResponse;
  /** When the client gets the response. Default: at once. */
  readonly responds?: "at once" | "on release";
}

interface PassedOn {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Something to wait for. */
class Gate {
  private pass: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.pass = resolve;
  });

  open(): void {
    this.pass();
  }
}

/** The requests that match a rule. */
export class Interception {
  readonly effectGate = new Gate();
  readonly responseGate = new Gate();
  readonly effects: Promise<unknown>[] = [];
  private matched = 0;
  private met = 0;
  private isCanceled = false;
  private readonly arrivals: (() => void)[] = [];

  constructor(readonly rule: Rule) {}

  /** Counts the request if it matches the rule. */
  takes(method: string, path: string, body: string): boolean {
    const { rule } = this;
    if (this.isCanceled || this.met >= (rule.times ?? 1) || rule.method !== method) return false;
    if (!rule.path.test(path) || rule.body?.test(body) === false) return false;
    this.matched += 1;
    if (this.matched <= (rule.after ?? 0)) return false;
    this.met += 1;
    return true;
  }

  /** Ends the rule for later requests. */
  cancel(): void {
    this.isCanceled = true;
  }

  recordArrival(): void {
    for (const wake of this.arrivals.splice(0)) wake();
  }

  /** Resolves once this many requests have matched the rule, and immediate effects have happened. */
  async arrived(count = 1): Promise<void> {
    while (this.met < count) await new Promise<void>((wake) => this.arrivals.push(wake));
    if (typeof this.rule.effect !== "string" || this.rule.effect === "at once")
      await this.settled();
  }

  /** Forwards held requests to the server, and later ones at once. */
  async releaseEffects(): Promise<void> {
    this.effectGate.open();
    await this.settled();
  }

  /** Sends held responses to the client, if it still exists, and later ones at once. */
  releaseResponses(): void {
    this.responseGate.open();
  }

  /** Resolves once all requested effects have happened. */
  async settled(): Promise<void> {
    await Promise.all(this.effects);
  }
}

/**
 * A gateway in front of an embedded Flexprice. It can hold requests and responses, respond early or instead of the
 * server, deliver twice, and have its own clock.
 */
export class Gateway {
  /** The error of its Date header, in milliseconds. */
  dateOffsetMs = 0;
  /** Requests such as `POST /v1/users`, in order of arrival. */
  readonly requests: string[] = [];
  private readonly interceptions: Interception[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** @param target - Base URL of the server. */
  static async before(target: string): Promise<Gateway> {
    const server = createServer({ keepAlive: true });
    server.keepAliveTimeout = 0;
    const gateway = new Gateway(server, new URL(target));
    server.on("request", (request, response) => {
      gateway.receive(request, response).catch(() => response.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return gateway;
  }

  /** Base URL. */
  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.target.pathname}`;
  }

  /** If several rules match a request, the one added first is used. */
  intercept(rule: Rule): Interception {
    const interception = new Interception(rule);
    this.interceptions.push(interception);
    return interception;
  }

  async close(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async receive(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = incoming;
    this.requests.push(`${method} ${url}`);
    const body = await buffer(incoming);
    const interception = this.interceptions.find((each) =>
      each.takes(method, url, body.toString()),
    );
    const pass = () => this.passOn(incoming, body);
    if (interception === undefined) {
      this.send(outgoing, await pass());
      return;
    }
    const { rule } = interception;
    const effect = effectOf(interception, pass);
    interception.effects.push(effect);
    interception.recordArrival();
    const comesFirst = rule.response === undefined || (rule.effect ?? "at once") === "at once";
    const effectResponse = comesFirst ? await effect : undefined;
    if (rule.responds === "on release") await interception.responseGate.opened;
    const response = rule.response === undefined ? effectResponse : fakeResponse(rule.response);
    if (response !== undefined) this.send(outgoing, response);
  }

  private async passOn(incoming: IncomingMessage, body: Buffer): Promise<PassedOn> {
    const { method, url = "/", headers } = incoming;
    const passed = request(new URL(url, this.target), { method, headers });
    passed.end(body);
    const [response] = (await once(passed, "response")) as [IncomingMessage];
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await buffer(response),
    };
  }

  private send(outgoing: ServerResponse, { status, headers, body }: PassedOn): void {
    const { "transfer-encoding": _, connection: _c, date, ...others } = headers;
    const now = Date.parse(date ?? "") || Date.now();
    outgoing.writeHead(status, {
      ...others,
      date: new Date(now + this.dateOffsetMs).toUTCString(),
      ...(status === 204 ? {} : { "content-length": body.length }),
    });
    outgoing.end(status === 204 ? undefined : body);
  }
}

/** Resolves once the server has responded; at once for a request that must not reach it. */
async function effectOf(
  { rule, effectGate }: Interception,
  pass: () => Promise<PassedOn>,
): Promise<PassedOn | undefined> {
  const { effect = "at once", deliveries = 1 } = rule;
  if (effect === "never") return undefined;
  if (effect === "on release") await effectGate.opened;
  if (typeof effect === "number") await sleep(effect);
  let last: PassedOn | undefined;
  for (let time = 1; time <= deliveries; time += 1) last = await pass();
  return last;
}

function fakeResponse({ status, headers = {} }: GatewayResponse): PassedOn {
  return {
    status,
    headers: { "content-type": "text/html", ...headers },
    body: Buffer.from(`<html><body><h1>${status}</h1></body></html>`),
  };
}
