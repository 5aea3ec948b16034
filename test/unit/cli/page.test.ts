import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import { manifest } from "../../../provider/cli/packages";
import { EmulatorClient } from "../../support/emulator-client";
import { DAY, HOUR } from "../fixture";
import { ENCRYPTED, exported, resource, writtenAt } from "./exported";
import { CliFixture } from "./fixture";

const PAGE = readFileSync(resolve(__dirname, "..", "..", "..", "docs", "cli.md"), "utf8");

const announced = z.object({ url: z.string(), apiKey: z.string(), tenantId: z.string() });

/** The examples of the page, which shows real output. */
describe("the page of the command line", () => {
  let server: CliFixture;
  let cli: CliFixture;
  let ended: Promise<unknown>;

  afterEach(async () => {
    server.stop();
    await ended;
    server.dispose();
    await cli.close();
  });

  /** Starts the dev-server of the page, forty days after its tenant was created. */
  async function start(...args: string[]): Promise<string> {
    cli = await CliFixture.start();
    cli.server.clock.now = Date.UTC(2025, 0, 1) + 40 * DAY + HOUR;
    server = new CliFixture(cli.server);
    ended = server.command("dev-server", "--seed", "1", "--port", "0", ...args);
    for await (const piece of server.stdout) return String(piece);
    throw new Error("the server printed nothing");
  }

  async function use(...args: string[]): Promise<z.infer<typeof announced>> {
    const server = announced.parse(JSON.parse(await start("--json", ...args)));
    Object.assign(cli.environment, {
      FLEXPRICE_BASE_URL: server.url,
      FLEXPRICE_API_KEY: server.apiKey,
    });
    return server;
  }

  function assertShown(text: string): void {
    const usual = text.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8080");
    assert(PAGE.includes(usual.trim()), `the page does not show:\n${usual}`);
  }

  it("shows dev-server", async () => {
    assertShown(await start());
  });

  it("shows doctor", async () => {
    const { url, apiKey } = await use();
    cli.nodeVersion = "22.21.1";
    cli.programs.set("pulumi version", { stdout: "v3.250.0" });
    cli.programs.set("pulumi stack --show-name", { stdout: "dev" });
    cli.configure({ apiKey: { value: apiKey, secret: false }, baseUrl: url });
    for (const [name, version] of [
      ["pulumi-flexprice", manifest.version],
      ["@pulumi/pulumi", "3.270.0"],
    ]) {
      cli.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version }));
      cli.write(`node_modules/${name}/runtime.js`, "");
    }
    const { out } = await cli.command("doctor");
    assertShown(
      out
        .replaceAll(realpathSync(cli.directory), "/home/jo/shop")
        .replaceAll(cli.directory, "/home/jo/shop"),
    );
  });

  it("shows generate", async () => {
    await use("--accounts", "2");
    const { err } = await cli.command("generate", "--out", "index.ts");
    assertShown(err);
    const [, first = ""] = cli.read("index.ts").split(/\n\n/);
    assertShown(first);
  });

  it("shows a program with a component", async () => {
    await use("--accounts", "2");
    const given = PAGE.match(/^\$ npx pulumi-flexprice (generate --component .*)$/m)?.[1] ?? "";
    await cli.command(...given.split(" "));
    const [, component = ""] = cli.read("identities.ts").split(/\n\n/);
    assertShown(component);
  });

  it("shows orphans", async () => {
    const { url, apiKey, tenantId } = await use("--accounts", "2");
    const found = await new EmulatorClient(url, { apiKey }).send("POST", "/users/search", {
      limit: 1,
    });
    const { items } = z.object({ items: z.array(z.object({ id: z.string() })) }).parse(found.json);
    cli.write(
      "prod.json",
      writtenAt(
        exported([resource("ServiceAccount", String(items[0]?.id), { tenantId })]),
        new Date(cli.server.clock.now).toISOString(),
      ),
    );
    const { out } = await cli.command("orphans", "--stack-export", "prod.json");
    assertShown(out);
  });

  describe("with a key that has rotated", () => {
    let current: string;
    let settings: { apiKey: string; baseUrl: string };
    beforeEach(async () => {
      const { url, apiKey, tenantId } = await use("--accounts", "2");
      settings = { apiKey, baseUrl: url };
      const client = new EmulatorClient(url, { apiKey });
      const found = await client.send("POST", "/users/search", { limit: 1 });
      const { items } = z
        .object({ items: z.array(z.object({ id: z.string() })) })
        .parse(found.json);
      const userId = String(items[0]?.id);
      const create = async (name: string, days: number) => {
        const expiresAt = new Date(cli.server.clock.now + days * DAY + HOUR).toISOString();
        const { json } = await client.send("POST", "/secrets/api/keys", {
          ...{ name, type: "private_key", service_account_id: userId, expires_at: expiresAt },
        });
        const { secret } = z.object({ secret: z.object({ id: z.string() }) }).parse(json);
        return { id: secret.id, expiresAt };
      };
      const before = await create("demo-2-7k3d9x2m4p", 14);
      current = (await create("demo-2-q8w2h6c4zt", 90)).id;
      cli.server.clock.now += 9 * DAY;
      const key = resource("ApiKey", current, {
        ...{ name: "demo-2-q8w2h6c4zt", userId, tenantId, apiKey: ENCRYPTED },
        ...{ onDelete: "expire", rotateBefore: "14d", predecessors: [before] },
      });
      const urn = key.urn.replace(current, "demo-2");
      const account = resource("ServiceAccount", userId, { tenantId });
      const text = exported([account, { ...key, urn }]);
      cli.write("prod.json", writtenAt(text, new Date(cli.server.clock.now).toISOString()));
    });

    it("shows keys, as on a terminal", async () => {
      cli.onTerminal(80);
      const { out } = await cli.command("keys", "--stack-export", "prod.json");
      assertShown(stripVTControlCharacters(out));
    });

    it("shows keys with --left, as in a script", async () => {
      const { out } = await cli.command("keys", "--stack-export", "prod.json", "--left");
      assertShown(out.slice(0, out.indexOf("\n\n")));
    });

    it("shows what --fail-on reports", async () => {
      const args = ["--fail-on", "expired,unmanaged,expiring=7d"];
      const { err, status } = await cli.command("keys", "--stack-export", "prod.json", ...args);
      assert.equal(status, 1);
      assertShown(err);
    });

    it("shows revoke", async () => {
      cli.configure(settings);
      cli.programs.set("pulumi stack export", { stdout: cli.read("prod.json") });
      cli.onTerminal(80, "yes\n");
      const { out, err } = await cli.command("revoke", current);
      // The question is on standard error: a terminal shows it between both parts of the output.
      const [key = "", end = ""] = out.split(/(?<=\n)(?=\n)/);
      const question = stripVTControlCharacters(err).replace(/\r[^\r\n]*?…|\r/g, "");
      assertShown([key, question, "yes\n", end].join(""));
    });
  });

  it("shows the exit statuses that --help tells", async () => {
    await start();
    const { out } = await cli.command("--help");
    const statuses = [...out.matchAll(/^ {2}(\d) {2}(.*)$/gm)];
    assert.equal(statuses.length, 4);
    const rows = PAGE.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    for (const [, status, meaning] of statuses) {
      assert(
        rows.some(([, one, other]) => one === status && other?.replaceAll("`", "") === meaning),
        `${status}: ${meaning}`,
      );
    }
  });
});
