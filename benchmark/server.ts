/** The embedded Flexprice in a process of its own, so that it shares no event loop with the measuring. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Emulator } from "../provider/emulator";

/** Requests since they were last counted. */
export interface Requests {
  readonly all: number;
  /** Those that asked for a change. */
  readonly writes: number;
}

interface Address {
  readonly url: string;
  readonly apiKey: string;
}

export class Server implements Address {
  static async start(): Promise<Server> {
    const child = fork(__filename, { execArgv: ["-r", "ts-node/register/transpile-only"] });
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

async function serve(): Promise<void> {
  const emulator = await Emulator.start();
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
  process.send?.({ url: emulator.url, apiKey } satisfies Address);
}

if (require.main === module) void serve();
