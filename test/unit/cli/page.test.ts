import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import { manifest } from "../../../provider/cli/packages";
import { EmulatorClient } from "../../support/emulator-client";
import { DAY, HOUR } from "../fixture";
import { ENCRYPTED, resource } from "./exported";
import { CliFixture } from "./fixture";

const PAGE = readFileSync(resolve(__dirname, "..", "..", "..", "docs", "cli.md"), "utf8");

const announcement = z.object({ url: z.string(), apiKey: z.string(), tenantId: z.string() });

/** The page shows real output. */
describe("docs/cli.md", () => {
  const cli = CliFixture.forEachTest();
  let devServer: CliFixture;
  let ended: Promise<unknown>;
  afterEach(async () => {
    devServer.close();
    await ended;
  });

  /** Starts the dev-server of the page, forty days after its tenant was created. */
  async function start(...args: string[]): Promise<string> {
    cli.server.clock.now = Date.UTC(2025, 0, 1) + 40 * DAY + HOUR;
    devServer = CliFixture.on(cli.server);
    ended = devServer.command("dev-server", "--seed", "1", "--port", "0", ...args);
    for await (const chunk of devServer.stdout) return String(chunk);
    throw new Error("the server printed nothing");
  }

  /** As {@link start}, and configures the command line for it. */
  async function use(...args: string[]): Promise<z.infer<typeof announcement>> {
    const { url, apiKey, tenantId } = announcement.parse(
      JSON.parse(await start("--json", ...args)),
    );
    Object.assign(cli.environment, { FLEXPRICE_BASE_URL: url, FLEXPRICE_API_KEY: apiKey });
    return { url, apiKey, tenantId };
  }

  async function firstAccountId(client: EmulatorClient): Promise<string> {
    const { json } = await client.send("POST", "/users/search", { limit: 1 });
    const { items } = z.object({ items: z.array(z.object({ id: z.string() })) }).parse(json);
    return String(items[0]?.id);
  }

  function assertShown(text: string): void {
    const expected = text.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8080").trim();
    assert(PAGE.includes(expected), `the page does not show:\n${expected}`);
  }

  it("shows the output of dev-server", async () => {
    assertShown(await start());
  });

  it("shows the output of doctor", async () => {
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

  it("shows a program of generate", async () => {
    await use("--accounts", "2");
    const { err } = await cli.command("generate", "--out", "index.ts");
    assertShown(err);
    const [, first = ""] = cli.read("index.ts").split(/\n\n/);
    assertShown(first);
  });

  it("shows a program of generate --component", async () => {
    await use("--accounts", "2");
    const command = PAGE.match(/^\$ npx pulumi-flexprice (generate --component .*)$/m)?.[1] ?? "";
    await cli.command(...command.split(" "));
    const [, component = ""] = cli.read("identities.ts").split(/\n\n/);
    assertShown(component);
  });

  it("shows the output of orphans", async () => {
    const { url, apiKey, tenantId } = await use("--accounts", "2");
    const id = await firstAccountId(new EmulatorClient(url, { apiKey }));
    cli.writeExport("prod.json", [resource("ServiceAccount", id, { tenantId })]);
    const { out } = await cli.command("orphans", "--stack-export", "prod.json");
    assertShown(out);
  });

  describe("for a rotated key", () => {
    let current: string;
    let settings: { apiKey: string; baseUrl: string };
    beforeEach(async () => {
      const { url, apiKey, tenantId } = await use("--accounts", "2");
      settings = { apiKey, baseUrl: url };
      const client = new EmulatorClient(url, { apiKey });
      const userId = await firstAccountId(client);
      const create = async (name: string, days: number) => {
        const expiresAt = new Date(cli.server.clock.now + days * DAY + HOUR).toISOString();
        const { json } = await client.send("POST", "/secrets/api/keys", {
          ...{ name, type: "private_key", service_account_id: userId, expires_at: expiresAt },
        });
        const { secret } = z.object({ secret: z.object({ id: z.string() }) }).parse(json);
        return { id: secret.id, expiresAt };
      };
      const predecessor = await create("demo-2-7k3d9x2m4p", 14);
      current = (await create("demo-2-q8w2h6c4zt", 90)).id;
      cli.server.clock.now += 9 * DAY;
      const key = resource("ApiKey", current, {
        ...{ name: "demo-2-q8w2h6c4zt", userId, tenantId, apiKey: ENCRYPTED },
        ...{ onDelete: "expire", rotateBefore: "14d", predecessors: [predecessor] },
      });
      const urn = key.urn.replace(current, "demo-2");
      cli.writeExport("prod.json", [
        resource("ServiceAccount", userId, { tenantId }),
        { ...key, urn },
      ]);
    });

    it("shows the output of keys on a terminal", async () => {
      cli.onTerminal(80);
      const { out } = await cli.command("keys", "--stack-export", "prod.json");
      assertShown(stripVTControlCharacters(out));
    });

    it("shows the output of keys --left in a script", async () => {
      const { out } = await cli.command("keys", "--stack-export", "prod.json", "--left");
      assertShown(out.slice(0, out.indexOf("\n\n")));
    });

    it("shows the output of keys --fail-on", async () => {
      const args = ["--fail-on", "expired,unmanaged,expiring=7d"];
      const { err, status } = await cli.command("keys", "--stack-export", "prod.json", ...args);
      assert.equal(status, 1);
      assertShown(err);
    });

    it("shows the output of revoke", async () => {
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

  it("lists the exit statuses of --help", async () => {
    await start();
    const { out } = await cli.command("--help");
    const statuses = [...out.matchAll(/^ {2}(\d) {2}(.*)$/gm)];
    assert.equal(statuses.length, 4);
    const rows = PAGE.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    for (const [, status, meaning] of statuses) {
      assert(
        rows.some(([, code, text]) => code === status && text?.replaceAll("`", "") === meaning),
        `${status}: ${meaning}`,
      );
    }
  });
});
