import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { z } from "zod";
import { type ApiCall, Client } from "../../../provider/api/client";
import {
  DEFAULT_TRANSPORT_LIMITS,
  httpTransport,
  proxyVariable,
  type TransportLimits,
} from "../../../provider/api/transport";
import type { ErrorKind, FlexpriceError } from "../../../provider/shared/errors";
import { selfSigned } from "../../support/certificate";
import { ConnectProxy } from "../../support/connect-proxy";
import { credential, failureOf, ONCE } from "../fixture";

const KEY = "sk_01M85FAKMEBXGA1EGXE598V40Z";
const PROXY_NAMES = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] as const;
type ProxyVariables = Partial<Record<(typeof PROXY_NAMES)[number], string>>;

const CREATE: ApiCall<{ id: string }> = {
  method: "POST",
  path: "/things",
  body: { name: "a" },
  safety: "unsafe",
  label: "create the thing",
  responseSchema: z.object({ id: z.string() }),
};

/** Real connections on this machine: failures before a request is sent, and their messages. */
describe("api/client on a real network", () => {
  const cleanUps: (() => unknown)[] = [];
  /** The headers of the requests that reached the server. */
  let received: Record<string, unknown>[] = [];
  const savedVariables: ProxyVariables & Record<string, string | undefined> = {};
  beforeEach(() => {
    received = [];
    for (const name of PROXY_NAMES.flatMap((upper) => [upper, upper.toLowerCase()])) {
      savedVariables[name] = process.env[name];
      delete process.env[name];
    }
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries(savedVariables)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  });

  const THING: RequestListener = (request, response) => {
    received.push(request.headers);
    response.writeHead(201).end('{"id":"a"}');
  };
  async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUps.push(() => {
      if ("closeAllConnections" in server) server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  const listenHttp = () => listen(createHttpServer(THING));
  const listenTls = (names = ["localhost"]) =>
    listen(createTlsServer(selfSigned(names), THING).on("tlsClientError", () => {}));

  /** A server that does this to every connection once its client has sent data. */
  function listenTcp(response: string | undefined): Promise<number> {
    return listen(
      createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () =>
          response === undefined ? socket.destroy() : socket.end(response),
        );
      }),
    );
  }

  async function proxyTo(port: number, variables: ProxyVariables, status?: number) {
    const proxy = await ConnectProxy.start(port, status);
    cleanUps.push(() => proxy.stop());
    for (const [name, value] of Object.entries(variables)) {
      process.env[name] = value === "the proxy" ? proxy.url : value;
    }
    return proxy;
  }

  function client(baseUrl: string, limits: Partial<TransportLimits> = {}): Client {
    return new Client({
      baseUrl,
      credential: credential(KEY),
      retry: ONCE,
      platform: {
        transport: httpTransport({ ...DEFAULT_TRANSPORT_LIMITS, ...limits }),
        now: Date.now,
        random: () => 0,
        sleep: async () => {},
      },
    });
  }

  const errorOf = (
    baseUrl: string,
    kind: ErrorKind,
    limits?: Partial<TransportLimits>,
  ): Promise<FlexpriceError> => failureOf(client(baseUrl, limits).call(CREATE), kind);

  describe("sends nothing to", () => {
    it("a server with an unknown certificate, and suggests NODE_EXTRA_CA_CERTS", async () => {
      const error = await errorOf(`https://localhost:${await listenTls()}/v1`, "unreachable");
      assert.match(error.reason, /self-signed certificate \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/);
      assert.match(error.fix, /set the environment variable NODE_EXTRA_CA_CERTS to its path\./);
      assert.deepEqual(received, []);
    });

    it("an HTTPS URL whose port speaks plain HTTP, and suggests the scheme", async () => {
      const port = await listenHttp();
      const error = await errorOf(`https://localhost:${port}/v1`, "unreachable");
      assert.match(error.fix, /^the server does not speak TLS at this port: set flexprice:base/);
      assert.match(error.fix, /to http:\/\/… if that is intended/);
      assert.deepEqual(received, []);
    });

    it("an HTTPS URL whose port speaks another protocol", async () => {
      const port = await listenTcp("SSH-2.0-OpenSSH\r\n");
      const { fix } = await errorOf(`https://localhost:${port}/v1`, "unreachable");
      assert.match(fix, /^the server does not speak TLS at this port/);
    });

    it("a server that closes the connection during the handshake", async () => {
      const port = await listenTcp(undefined);
      const { reason, fix } = await errorOf(`https://localhost:${port}/v1`, "unreachable");
      assert.match(reason, /ECONNRESET|before secure TLS connection/);
      assert.match(fix, /nothing was sent\.$/);
    });

    it("a server that never ends the handshake", async () => {
      const port = await listen(createTcpServer((socket) => socket.on("error", () => {})));
      const limits = { connectMs: 50 };
      const { reason } = await errorOf(`https://127.0.0.1:${port}/v1`, "unreachable", limits);
      assert.match(reason, /UND_ERR_CONNECT_TIMEOUT/);
    });
  });

  it("suggests https after it sent plain HTTP to a TLS port", async () => {
    const port = await listenTls();
    const error = await errorOf(`http://localhost:${port}/v1`, "outcome_unknown");
    assert.match(
      error.fix,
      /the server speaks TLS at this port, set flexprice:baseUrl \(or FLEXPRICE_BASE_URL\) to https/,
    );
    assert.deepEqual(received, []);
  });

  describe("through a proxy", () => {
    it("reaches a host that only the proxy knows, and sends the credential only to the server", async () => {
      const proxy = await proxyTo(await listenHttp(), { HTTP_PROXY: "the proxy" });
      assert.deepEqual(await client("http://flexprice.test/v1").call(CREATE), { id: "a" });
      assert.deepEqual(
        proxy.tunnels.map(({ target }) => target),
        ["flexprice.test:80"],
      );
      assert(!JSON.stringify(proxy.tunnels).includes(KEY));
      assert.deepEqual(proxy.untunnelled, []);
      assert.equal(received[0]?.["x-api-key"], KEY);
    });

    it("speaks TLS to the server and not to the proxy, which sees no credential", async () => {
      const proxy = await proxyTo(await listenTls(), { HTTPS_PROXY: "the proxy" });
      const { fix } = await errorOf("https://flexprice.test/v1", "unreachable");
      assert.match(fix, /NODE_EXTRA_CA_CERTS/);
      assert.equal(proxy.tunnels[0]?.target, "flexprice.test:443");
      const passed = Buffer.concat(proxy.passed);
      assert(passed.length > 100 && !passed.includes(KEY) && !passed.includes("x-api-key"));
    });

    it("sends the proxy its user and password, and does not print them", async () => {
      const proxy = await proxyTo(await listenHttp(), {}, 407);
      process.env["HTTP_PROXY"] = proxy.url.replace("//", "//jo:open-sesame@");
      const { message } = await errorOf("http://flexprice.test/v1", "unreachable");
      assert.equal(
        proxy.tunnels[0]?.headers["proxy-authorization"],
        `Basic ${Buffer.from("jo:open-sesame").toString("base64")}`,
      );
      assert(!message.includes("sesame"));
    });

    const refusals: Record<string, [variables: ProxyVariables, status?: number]> = {
      "a proxy that rejects the host": [{ HTTP_PROXY: "the proxy" }, 403],
      "a proxy that does not exist": [{ HTTP_PROXY: "http://127.0.0.1:1" }],
      "a proxy that is not a URL": [{ HTTP_PROXY: "::" }],
    };
    for (const [what, [variables, status]] of Object.entries(refusals)) {
      it(`sends nothing through ${what}, and names the variable`, async () => {
        await proxyTo(await listenHttp(), variables, status);
        const { fix } = await errorOf("http://flexprice.test/v1", "unreachable");
        assert.equal(
          fix,
          "check the proxy that the environment variable HTTP_PROXY names: it must be reachable from here and let flexprice.test through. To bypass it for this host, add flexprice.test to NO_PROXY. Nothing was sent.",
        );
        assert.deepEqual(received, []);
      });
    }

    it("does not use the proxy for this machine and for hosts in NO_PROXY", async function () {
      this.timeout(30_000);
      const port = await listenHttp();
      const proxy = await proxyTo(port, {
        HTTP_PROXY: "the proxy",
        NO_PROXY: "other.test, .flexprice.test",
      });
      assert.deepEqual(await client(`http://127.0.0.1:${port}/v1`).call(CREATE), { id: "a" });
      const { fix } = await errorOf("http://api.flexprice.test/v1", "unreachable");
      assert.match(fix, /^check flexprice:baseUrl/);
      assert.deepEqual(proxy.tunnels, []);
    });

    it("finds the proxy variable of the scheme, in upper or lower case", () => {
      const cases: [url: string, variables: Record<string, string>, expected?: string][] = [
        ["https://x.io/v1", { HTTPS_PROXY: "p" }, "HTTPS_PROXY"],
        ["https://x.io/v1", { HTTP_PROXY: "p" }, "HTTP_PROXY"],
        ["https://x.io/v1", { https_proxy: "p", HTTPS_PROXY: "q" }, "https_proxy"],
        ["http://x.io/v1", { HTTPS_PROXY: "p" }],
        ["http://x.io/v1", { http_proxy: "p" }, "http_proxy"],
        ["http://x.io/v1", { HTTP_PROXY: "" }],
        ["https://x.io/v1", {}],
        ["https://localhost/v1", { HTTPS_PROXY: "p" }],
        ["https://x.io/v1", { HTTPS_PROXY: "p", NO_PROXY: "x.io" }],
        ["https://a.x.io/v1", { HTTPS_PROXY: "p", NO_PROXY: "y.io *.x.io" }],
        ["https://ax.io/v1", { HTTPS_PROXY: "p", NO_PROXY: "x.io" }, "HTTPS_PROXY"],
        ["https://x.io/v1", { HTTPS_PROXY: "p", no_proxy: "*" }],
      ];
      for (const [url, variables, expected] of cases) {
        Object.assign(process.env, variables);
        assert.equal(proxyVariable(url), expected, JSON.stringify([url, variables]));
        for (const name of Object.keys(variables)) delete process.env[name];
      }
    });
  });
});
