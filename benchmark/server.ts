/** The embedded Flexprice in a separate process, so that it shares no event loop with the measurement. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { Emulator } from "../provider/emulator";

/** Requests since they were last counted. */
export interface Requests {
  readonly all: number;
  /** The requests for changes. */
  readonly writes: number;
}

interface Address {
  readonly url: string;
  readonly apiKey: string;
}

export class Server implements Address {
  /** Behind a connection with this round trip time, in milliseconds. */
  static async start(latencyMs: number): Promise<Server> {
    const child = fork(__filename, [String(latencyMs)], {
      execArgv: ["-r", "ts-node/register/transpile-only"],
    });
    const [address]: Address[] = await once(child, "message");
    if (address === undefined) throw new Error("The embedded Flexprice does not say where it is.");
    return new Server(child, address);
  }

  readonly url: string;
  readonly apiKey: string;

  private constructor(
    private readonly child: ChildProcess,
    { url, apiKey }: Address,
  ) {
    this.url = url;
    this.apiKey = apiKey;
  }

  async takeRequests(): Promise<Requests> {
    this.child.send("take");
    const [requests]: Requests[] = await once(this.child, "message");
    if (requests === undefined) throw new Error("The embedded Flexprice does not count.");
    return requests;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.disconnect();
    await ended;
  }
}

/** The port of a relay to another port, which delays all data and keeps its order. */
async function relay(port: number, latencyMs: number): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.setNoDelay();
      from.on("data", (piece) => setTimeout(() => to.write(piece), latencyMs / 2));
      from.on("close", () => setTimeout(() => to.destroy(), latencyMs));
      from.on("error", () => to.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function serve(): Promise<void> {
  const emulator = await Emulator.start();
  const url = new URL(emulator.url);
  const latencyMs = Number(process.argv[2]);
  if (latencyMs > 0) url.port = String(await relay(Number(url.port), latencyMs));
  const { apiKey } = emulator.createTenant();
  process.on("message", () => {
    const requests: Requests = {
      all: emulator.requests.length,
      writes: emulator.writes().length,
    };
    emulator.clearRequests();
    process.send?.(requests);
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ url: url.href, apiKey } satisfies Address);
}

if (require.main === module) void serve();
