import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** An HTTP proxy for tunnels (CONNECT). All lead to one port of this machine, whatever host is requested. */
export class ConnectProxy {
  /** The requests to the proxy itself. */
  readonly tunnels: { readonly target: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** Requests without a tunnel, which the proxy could read. */
  readonly untunnelled: string[] = [];
  /** The data that went through the tunnels to the server. */
  readonly passed: Buffer[] = [];
  private readonly sockets = new Set<Socket>();

  /** @param status - The response to CONNECT. Only 200 opens a tunnel. */
  static async start(port: number, status = 200): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(createServer(), port, status);
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    return proxy;
  }

  private constructor(
    private readonly server: Server,
    port: number,
    status: number,
  ) {
    server.on("request", (request, response) => {
      this.untunnelled.push(String(request.url));
      response.writeHead(400).end();
    });
    server.on("connection", (socket: Socket) => this.keep(socket));
    server.on("connect", (request, socket: Socket, head) => {
      this.tunnels.push({ target: String(request.url), headers: request.headers });
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const upstream = connect(port, "127.0.0.1");
      this.keep(upstream);
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      socket.on("data", (chunk: Buffer) => this.passed.push(chunk));
      socket.pipe(upstream).pipe(socket);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.sockets.delete(socket));
  }
}
