import assert from "node:assert/strict";
import dns from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from "node:net";
import { mock } from "node:test";
import {
  DEFAULT_TRANSPORT_LIMITS,
  type HttpRequest,
  httpTransport,
  type Transport,
  TransportFailure,
  type TransportLimits,
} from "../../../provider/api/transport";

function transport(limits: Partial<TransportLimits> = {}): Transport {
  return httpTransport({ ...DEFAULT_TRANSPORT_LIMITS, ...limits });
}

async function failureOf(attempt: Promise<unknown>): Promise<TransportFailure> {
  try {
    await attempt;
  } catch (error) {
    assert(error instanceof TransportFailure, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the attempt succeeded" });
}

describe("api/transport", () => {
  let server: Server | TcpServer | undefined;
  afterEach(() => {
    if (server !== undefined && "closeAllConnections" in server) server.closeAllConnections();
    server?.close();
    server = undefined;
  });

  const listen = (listener: RequestListener) => requestTo(createServer(listener));

  /** For a server that does not speak HTTP properly. */
  function listenTcp(onConnection: (socket: Socket) => void): Promise<HttpRequest> {
    return requestTo(
      createTcpServer((socket) => {
        socket.on("error", () => {});
        onConnection(socket);
      }),
    );
  }

  /** Starts a server, and returns a request to it. */
  async function requestTo(started: Server | TcpServer): Promise<HttpRequest> {
    server = started;
    started.listen(0, "127.0.0.1");
    await once(started, "listening");
    const { port } = started.address() as AddressInfo;
    return { method: "GET", url: `http://127.0.0.1:${port}/v1/things?a=1`, headers: {} };
  }

  it("reports a slow response once, and no other one", async () => {
    let respond = () => {};
    const reported = new Promise<void>((resolve) => {
      respond = resolve;
    });
    const request = await listen(async (incoming, response) => {
      if (incoming.url?.includes("slow")) await reported;
      response.end();
    });
    let reports = 0;
    await transport({ slowMs: 20 })({ ...request, url: `${request.url}&slow` }, () => {
      reports += 1;
      respond();
    });
    assert.equal(reports, 1);
    await transport({ slowMs: 5_000 })(request, () => assert.fail("it is not slow"));
  });

  it("sends method, path, headers and body, and returns status, headers and body", async () => {
    const received: unknown[] = [];
    const request = await listen((incoming, response) => {
      const { method, url, headers } = incoming;
      incoming.setEncoding("utf8").on("data", (body) => {
        received.push({ method, url, key: headers["x-api-key"], body });
        response.setHeader("Set-Cookie", ["a=1", "b=2"]);
        response.writeHead(201, { "X-Request-ID": "r", "Retry-After": "3" }).end("grüße");
      });
    });
    const { status, headers, body } = await transport()({
      ...request,
      method: "POST",
      headers: { "x-api-key": "k" },
      body: '{"ä":1}',
    });
    assert.deepEqual(received, [
      { method: "POST", url: "/v1/things?a=1", key: "k", body: '{"ä":1}' },
    ]);
    assert.deepEqual({ status, body }, { status: 201, body: "grüße" });
    assert.deepEqual(
      [
        headers["x-request-id"],
        headers["retry-after"],
        headers["set-cookie"],
        headers["X-Request-ID"],
      ],
      ["r", "3", "a=1", undefined],
    );
  });

  it("does not follow redirects, because the credential goes to one host only", async () => {
    let requests = 0;
    const request = await listen((_, response) => {
      requests++;
      response.writeHead(302, { Location: "/elsewhere" }).end();
    });
    const { status, headers } = await transport()(request);
    assert.deepEqual([status, headers["location"], requests], [302, "/elsewhere", 1]);
  });

  describe("reports that nothing was sent after", () => {
    it("a refused connection at all addresses, which Node reports without a text", async () => {
      const loopback = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
      const lookup = mock.method(dns, "lookup", (_host: string, _options: unknown, done: unknown) =>
        (done as (error: null, found: unknown) => void)(null, loopback),
      );
      try {
        const url = "http://flexprice.example:1/v1";
        const failure = await failureOf(transport()({ method: "GET", url, headers: {} }));
        assert.equal(failure.requestSent, "no");
        assert.equal(failure.message, "AggregateError (ECONNREFUSED)");
      } finally {
        lookup.mock.restore();
      }
    });

    it("a header that HTTP cannot carry, and then sends the next request", async () => {
      const request = await listen((_, response) => response.end("ok"));
      const send = transport({ connections: 1 });
      for (const value of ["sk_SECRET\n", "sk_SECRET\u2026NP"]) {
        const { requestSent, message } = await failureOf(
          send({ ...request, headers: { "x-api-key": value } }),
        );
        assert.equal(requestSent, "no");
        assert.match(message, /^the value of x-api-key has a line break or another character/);
        assert(!message.includes("SECRET"));
      }
      assert.equal((await send(request)).body, "ok");
    });

    for (const host of ["127.0.0.1", "localhost"]) {
      it(`a refused connection at ${host}`, async () => {
        const request = await listen(() => {});
        await new Promise((resolve) => server?.close(resolve));
        const url = request.url.replace("127.0.0.1", host);
        const { requestSent, message } = await failureOf(transport()({ ...request, url }));
        assert.equal(requestSent, "no");
        assert.match(message, /ECONNREFUSED/);
      });
    }

    it("a name that cannot be resolved", async function () {
      this.timeout(30_000);
      const url = "http://nowhere.invalid/v1";
      const { requestSent, message } = await failureOf(
        transport()({ method: "GET", url, headers: {} }),
      );
      assert.equal(requestSent, "no");
      assert.match(message, /ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT/);
    });

    it("a failed TLS handshake", async () => {
      const request = await listen(() => assert.fail("it was sent"));
      const url = request.url.replace("http:", "https:");
      const { message } = await failureOf(transport()({ ...request, url }));
      assert.match(message, /SSL|EPROTO|wrong version/i);
    });
  });

  describe("reports that the request may have been sent after", () => {
    it("a connection that is closed without a response", async () => {
      const request = await listen((incoming) => incoming.socket.destroy());
      assert.equal((await failureOf(transport()(request))).requestSent, "unknown");
    });

    it("a reset connection", async () => {
      const request = await listen((incoming) => incoming.socket.resetAndDestroy());
      const { requestSent, message } = await failureOf(transport()(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /ECONNRESET|closed/);
    });

    it("no headers in time", async () => {
      const request = await listen(() => {});
      const { requestSent, message } = await failureOf(transport({ headersMs: 30 })(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /UND_ERR_HEADERS_TIMEOUT/);
    });

    it("a pause in the body", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200, { "Content-Length": "10" }).write("12345");
      });
      const { requestSent, message } = await failureOf(transport({ bodyMs: 30 })(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /UND_ERR_BODY_TIMEOUT/);
    });

    it("a slow body that exceeds the total time", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write("."), 5);
        response.once("close", () => clearInterval(timer));
      });
      const { requestSent, message } = await failureOf(transport({ maxElapsedMs: 40 })(request));
      assert.deepEqual([requestSent, message], ["unknown", "the response took longer than 40 ms"]);
    });

    it("endless informational responses", async () => {
      const request = await listenTcp((socket) => {
        const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 5);
        socket.once("close", () => clearInterval(timer));
      });
      const limits = { headersMs: 100, maxElapsedMs: 200 };
      const { requestSent, message } = await failureOf(transport(limits)(request));
      assert.deepEqual([requestSent, message], ["unknown", "the response took longer than 200 ms"]);
    });

    it("a truncated body", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200, { "Content-Length": "10" });
        response.write("12345", () => response.socket?.destroy());
      });
      assert.equal((await failureOf(transport()(request))).requestSent, "unknown");
    });

    it("a body that is one byte too large", async () => {
      const request = await listen((_, response) => response.end("1234567890"));
      assert.equal((await transport({ maxResponseBytes: 10 })(request)).body, "1234567890");
      const { requestSent, message } = await failureOf(transport({ maxResponseBytes: 9 })(request));
      assert.deepEqual([requestSent, message], ["unknown", "the response is larger than 9 bytes"]);
    });

    it("a response that is not HTTP", async () => {
      const request = await listenTcp((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
      assert.equal((await failureOf(transport()(request))).requestSent, "unknown");
    });
  });

  it("does not count the wait for a connection as time of a request", async () => {
    const request = await listen((_, response) => {
      setTimeout(() => response.end("done"), 300);
    });
    const send = transport({ connections: 1, maxElapsedMs: 900 });
    const responses = await Promise.all(Array.from({ length: 4 }, () => send(request)));
    assert.equal(responses.length, 4);
  });

  it("limits the number of concurrent requests", async () => {
    let current = 0;
    let maximum = 0;
    const request = await listen((_, response) => {
      maximum = Math.max(maximum, ++current);
      setTimeout(() => {
        current--;
        response.end("done");
      }, 2);
    });
    const send = transport({ connections: 3 });
    const responses = await Promise.all(Array.from({ length: 12 }, () => send(request)));
    assert.deepEqual([maximum, responses.map(({ body }) => body)], [3, Array(12).fill("done")]);
  });
});
