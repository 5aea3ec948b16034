import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { manifest } from "../../../provider/cli/manifest";
import { DAY, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";
import { exported, resource, writtenAt } from "./exported";

const PAGE = readFileSync(resolve(__dirname, "..", "..", "..", "docs", "cli.md"), "utf8");

const announced = z.object({ url: z.string(), apiKey: z.string(), tenantId: z.string() });

/** The page shows what is printed: these are its own examples. */
describe("the page of the command line", () => {
  let fixture: UnitFixture;
  let server: TestShell;
  let shell: TestShell;
  let ended: Promise<unknown>;

  afterEach(async () => {
    server.stop();
    await ended;
    server.dispose();
    shell.dispose();
    await fixture.stop();
  });

  /** A dev-server that begins as the page's, forty days after its tenant was made. */
  async function begin(...args: string[]): Promise<string> {
    fixture = await UnitFixture.start();
    fixture.clock.now = Date.UTC(2025, 0, 1) + 40 * DAY + 3_600_000;
    server = new TestShell(fixture);
    shell = new TestShell(fixture);
    ended = server.command("dev-server", "--seed", "1", "--port", "0", ...args);
    for await (const piece of server.stdout) return String(piece);
    throw new Error("the server printed nothing");
  }

  async function use(...args: string[]): Promise<z.infer<typeof announced>> {
    const server = announced.parse(JSON.parse(await begin("--json", ...args)));
    Object.assign(shell.environment, {
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
    assertShown(await begin());
  });

  it("shows doctor", async () => {
    const { url, apiKey } = await use();
    shell.nodeVersion = "22.21.1";
    shell.programs.set("pulumi version", { stdout: "v3.250.0" });
    shell.programs.set("pulumi stack --show-name", { stdout: "dev" });
    const values = { "flexprice:apiKey": { value: apiKey }, "flexprice:baseUrl": { value: url } };
    shell.programs.set("pulumi config", { stdout: JSON.stringify(values) });
    shell.write("Pulumi.yaml", "runtime: nodejs");
    for (const [name, version] of [
      ["pulumi-flexprice", manifest.version],
      ["@pulumi/pulumi", "3.270.0"],
    ]) {
      shell.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version }));
      shell.write(`node_modules/${name}/runtime.js`, "");
    }
    const { out } = await shell.command("doctor");
    assertShown(
      out
        .replaceAll(realpathSync(shell.directory), "/home/jo/shop")
        .replaceAll(shell.directory, "/home/jo/shop"),
    );
  });

  it("shows generate", async () => {
    await use("--accounts", "2");
    const { err } = await shell.command("generate", "--out", "index.ts");
    assertShown(err);
    const [, first = ""] = shell.read("index.ts").split(/\n\n/);
    assertShown(first);
  });

  it("shows orphans", async () => {
    const { url, apiKey, tenantId } = await use("--accounts", "2");
    const search = await fetch(`${url}/users/search`, {
      method: "POST",
      headers: { "x-api-key": apiKey, "content-type": "application/json" },
      body: '{"limit": 1}',
    });
    const [newest] = z
      .object({ items: z.array(z.object({ id: z.string() })) })
      .parse(await search.json()).items;
    shell.write(
      "prod.json",
      writtenAt(
        exported([resource("ServiceAccount", String(newest?.id), { tenantId })]),
        new Date(fixture.clock.now).toISOString(),
      ),
    );
    const { out } = await shell.command("orphans", "--stack-export", "prod.json");
    assertShown(out);
  });

  it("shows the exit statuses that --help tells", async () => {
    await begin();
    const { out } = await shell.command("--help");
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
