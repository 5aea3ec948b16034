import assert from "node:assert/strict";
import dns from "node:dns";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
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

async function failing(attempt: Promise<unknown>): Promise<TransportFailure> {
  try {
    await attempt;
  } catch (error) {
    assert(error instanceof TransportFailure, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the attempt succeeded" });
}

describe("api/transport", () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  async function listen(listener: RequestListener): Promise<HttpRequest> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return { method: "GET", url: `http://127.0.0.1:${port}/v1/things?a=1`, headers: {} };
  }

  it("tells once that an answer takes long, and of no other", async () => {
    let tell = () => {};
    const telling = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const request = await listen(async (incoming, response) => {
      if (incoming.url?.includes("slow")) await telling;
      response.end();
    });
    let told = 0;
    await transport({ slowMs: 20 })({ ...request, url: `${request.url}&slow` }, () => {
      told += 1;
      tell();
    });
    assert.equal(told, 1);
    await transport({ slowMs: 5_000 })(request, () => assert.fail("it is not slow"));
  });

  it("sends method, path, headers and body, and brings status, headers and body back", async () => {
    const seen: unknown[] = [];
    const request = await listen((incoming, response) => {
      const { method, url, headers } = incoming;
      incoming.setEncoding("utf8").on("data", (body) => {
        seen.push({ method, url, key: headers["x-api-key"], body });
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
    assert.deepEqual(seen, [{ method: "POST", url: "/v1/things?a=1", key: "k", body: '{"ä":1}' }]);
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

  it("follows no redirect: the credential goes to one host only", async () => {
    let requests = 0;
    const request = await listen((_, response) => {
      requests++;
      response.writeHead(302, { Location: "/elsewhere" }).end();
    });
    const { status, headers } = await transport()(request);
    assert.deepEqual([status, headers["location"], requests], [302, "/elsewhere", 1]);
  });

  describe("that surely sent nothing", () => {
    it("at none of the addresses of a host, which Node reports without a text", async () => {
      const loopback = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
      const lookup = mock.method(dns, "lookup", (_host: string, _options: unknown, done: unknown) =>
        (done as (error: null, found: unknown) => void)(null, loopback),
      );
      try {
        const url = "http://flexprice.example:1/v1";
        const failure = await failing(transport()({ method: "GET", url, headers: {} }));
        assert.equal(failure.requestSent, "no");
        assert.equal(failure.message, "AggregateError (ECONNREFUSED)");
      } finally {
        lookup.mock.restore();
      }
    });

    it("a header that HTTP cannot carry, and those after it are sent", async () => {
      const request = await listen((_, response) => response.end("ok"));
      const send = transport({ connections: 1 });
      for (const value of ["sk_SECRET\n", "sk_SECRET\u2026NP"]) {
        const { requestSent, message } = await failing(
          send({ ...request, headers: { "x-api-key": value } }),
        );
        assert.equal(requestSent, "no");
        assert.match(message, /^the value of x-api-key has a line break or another character/);
        assert(!message.includes("SECRET"));
      }
      assert.equal((await send(request)).body, "ok");
    });

    it("a refused connection", async () => {
      const request = await listen(() => {});
      await new Promise((resolve) => server?.close(resolve));
      const { requestSent, message } = await failing(transport()(request));
      assert.equal(requestSent, "no");
      assert.match(message, /ECONNREFUSED/);
    });

    it("a refused connection at every address of a name", async () => {
      const request = await listen(() => {});
      await new Promise((resolve) => server?.close(resolve));
      const { requestSent, message } = await failing(
        transport()({ ...request, url: request.url.replace("127.0.0.1", "localhost") }),
      );
      assert.equal(requestSent, "no");
      assert.match(message, /ECONNREFUSED/);
    });

    it("a name that cannot be resolved", async function () {
      this.timeout(30_000);
      const url = "http://nowhere.invalid/v1";
      const { requestSent, message } = await failing(
        transport()({ method: "GET", url, headers: {} }),
      );
      assert.equal(requestSent, "no");
      assert.match(message, /ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT/);
    });

    it("a certificate that nobody vouches for, or no TLS at all", async () => {
      const request = await listen(() => assert.fail("it was sent"));
      const url = request.url.replace("http:", "https:");
      const { message } = await failing(transport()({ ...request, url }));
      assert.match(message, /SSL|EPROTO|wrong version/i);
    });
  });

  describe("that may have sent something", () => {
    it("a connection closed without an answer", async () => {
      const request = await listen((incoming) => incoming.socket.destroy());
      assert.equal((await failing(transport()(request))).requestSent, "unknown");
    });

    it("a connection reset", async () => {
      const request = await listen((incoming) => incoming.socket.resetAndDestroy());
      const { requestSent, message } = await failing(transport()(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /ECONNRESET|closed/);
    });

    it("no headers in time", async () => {
      const request = await listen(() => {});
      const { requestSent, message } = await failing(transport({ headersMs: 30 })(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /UND_ERR_HEADERS_TIMEOUT/);
    });

    it("a pause in the body", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200, { "Content-Length": "10" }).write("12345");
      });
      const { requestSent, message } = await failing(transport({ bodyMs: 30 })(request));
      assert.equal(requestSent, "unknown");
      assert.match(message, /UND_ERR_BODY_TIMEOUT/);
    });

    it("a body that trickles on beyond the whole time", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write("."), 5);
        response.once("close", () => clearInterval(timer));
      });
      const { requestSent, message } = await failing(transport({ maxElapsedMs: 40 })(request));
      assert.deepEqual([requestSent, message], ["unknown", "the response took longer than 40 ms"]);
    });

    it("informational answers without an end", async () => {
      const tcp = createTcpServer((socket) => {
        const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 5);
        socket.on("error", () => {}).once("close", () => clearInterval(timer));
      });
      await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`;
      const limits = { headersMs: 100, maxElapsedMs: 200 };
      const { requestSent, message } = await failing(
        transport(limits)({ method: "GET", url, headers: {} }),
      );
      tcp.close();
      assert.deepEqual([requestSent, message], ["unknown", "the response took longer than 200 ms"]);
    });

    it("a body cut off", async () => {
      const request = await listen((_, response) => {
        response.writeHead(200, { "Content-Length": "10" });
        response.write("12345", () => response.socket?.destroy());
      });
      assert.equal((await failing(transport()(request))).requestSent, "unknown");
    });

    it("a body too large, and not a byte less", async () => {
      const request = await listen((_, response) => response.end("1234567890"));
      assert.equal((await transport({ maxResponseBytes: 10 })(request)).body, "1234567890");
      const { requestSent, message } = await failing(transport({ maxResponseBytes: 9 })(request));
      assert.deepEqual([requestSent, message], ["unknown", "the response is larger than 9 bytes"]);
    });

    it("something that is not HTTP", async () => {
      const tcp = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.end("SSH-2.0-OpenSSH\r\n");
      });
      await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
      const { port } = tcp.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/`;
      const failure = await failing(transport()({ method: "GET", url, headers: {} }));
      tcp.close();
      assert.equal(failure.requestSent, "unknown");
    });
  });

  it("counts the time of a request from its sending, and not while it waits for a connection", async () => {
    const request = await listen((_, response) => {
      setTimeout(() => response.end("done"), 300);
    });
    const send = transport({ connections: 1, maxElapsedMs: 900 });
    const answers = await Promise.all(Array.from({ length: 4 }, () => send(request)));
    assert.equal(answers.length, 4);
  });

  it("has no more requests under way than it may", async () => {
    let underWay = 0;
    let most = 0;
    const request = await listen((_, response) => {
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        response.end("done");
      }, 2);
    });
    const send = transport({ connections: 3 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(request)));
    assert.deepEqual([most, answers.map(({ body }) => body)], [3, Array(12).fill("done")]);
  });
});
