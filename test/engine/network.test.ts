import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { selfSigned } from "../support/certificate";
import { ConnectProxy } from "../support/connect-proxy";
import { nightly } from "../support/sample";
import { accountWithKey, EngineFixture, failed, messages, succeeded } from "./fixture";

const HOST = "flexprice.test";

describe("in a company's network", () => {
  let fixture: EngineFixture;
  let front: Server;
  let proxy: ConnectProxy;
  let folder: string;
  const sockets = new Set<Socket>();

  /** TLS in front of the embedded server, with a certificate of a private authority. */
  async function startFront(): Promise<number> {
    const certificate = selfSigned([HOST]);
    writeFileSync(join(folder, "ca.pem"), certificate.cert);
    front = createServer(certificate, (socket) => {
      const upstream = connect(Number(new URL(fixture.emulator.url).port), "127.0.0.1");
      for (const end of [socket, upstream]) {
        sockets.add(end);
        end.on("error", () => end.destroy());
      }
      socket.pipe(upstream).pipe(socket);
    });
    front.on("tlsClientError", () => {}).listen(0, "127.0.0.1");
    await once(front, "listening");
    return (front.address() as AddressInfo).port;
  }

  /** Sends all requests through the proxy. */
  function useProxy(): void {
    Object.assign(fixture.workspace.env, {
      FLEXPRICE_BASE_URL: `https://${HOST}`,
      HTTPS_PROXY: proxy.url,
      NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
    });
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-network-"));
    fixture = await EngineFixture.open(accountWithKey());
    proxy = await ConnectProxy.start(await startFront());
  });
  after(async () => {
    await fixture.close();
    await proxy.stop();
    for (const socket of sockets) socket.destroy();
    front.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
    for (const name of ["HTTPS_PROXY", "NODE_EXTRA_CA_CERTS"]) delete fixture.workspace.env[name];
    fixture.emulator.clearRequests();
  });

  nightly("a message names what the provider waits for while the server fails, once", async () => {
    fixture.emulator.faults.add({
      kind: "status",
      status: 503,
      when: "before",
      match: { method: "GET", path: /users\/me$/ },
      // More than the two attempts of a preview.
      times: 8,
    });
    const up = succeeded(await fixture.up("--skip-preview"));
    const notices = messages(up, "info").filter((text) => text.startsWith("Waiting"));
    assert.deepEqual(
      notices.map((text) => text.trim()),
      [
        `Waiting for the server: Flexprice answered 503: (an empty body) (GET ${fixture.emulator.url}/users/me). The request is repeated for up to 60 seconds.`,
      ],
    );
    succeeded(await fixture.destroy());
  });

  it("up and destroy work through a proxy and with a private certificate authority", async () => {
    useProxy();
    succeeded(await fixture.up());
    assert.equal(fixture.keys().length, 1);
    succeeded(await fixture.destroy());
    assert.deepEqual(fixture.accounts(), []);
    assert.deepEqual([...new Set(proxy.tunnels.map(({ target }) => target))], [`${HOST}:443`]);
    assert.deepEqual(proxy.untunnelled, []);
    const proxied = Buffer.concat([Buffer.from(JSON.stringify(proxy.tunnels)), ...proxy.passed]);
    for (const { value } of fixture.emulator.keys()) assert(!proxied.includes(value));
  });

  nightly(
    "up names NODE_EXTRA_CA_CERTS if the certificate is unknown, and sends nothing",
    async () => {
      useProxy();
      delete fixture.workspace.env["NODE_EXTRA_CA_CERTS"];
      const up = failed(await fixture.up("--skip-preview"));
      assert.match(up.output, /set the environment variable NODE_EXTRA_CA_CERTS to its path/);
      assert(!/server's log/.test(up.output));
      assert.deepEqual(fixture.emulator.requests, []);
    },
  );

  nightly("up names HTTPS_PROXY if the proxy is unreachable", async () => {
    useProxy();
    fixture.workspace.env["HTTPS_PROXY"] = "http://127.0.0.1:1";
    const up = failed(await fixture.up("--skip-preview"));
    assert.match(up.output, /check the proxy that the environment variable HTTPS_PROXY names/);
    assert.match(up.output, new RegExp(`add ${HOST} to NO_PROXY`));
  });
});
