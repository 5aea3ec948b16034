import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type ChildResult, type RunningChild, runChild } from "../../scripts/child";
import { ok, PulumiWorkspace } from "../../scripts/workspace";
import { step } from "../support/scenario";
import { runCli, startCli } from "./command-line";
import { accountWithKey, changes, succeeded, withStack } from "./fixture";

const CHECKOUT = resolve(__dirname, "..", "..");

interface Announced {
  url: string;
  apiKey: string;
}

describe("the command line", () => {
  describe("dev-server", () => {
    let server: RunningChild;
    let announced: Announced;

    beforeEach(async () => {
      let announce: (line: string) => void = () => {};
      const line = new Promise<string>((found, failed) => {
        announce = found;
        server = startCli(["dev-server", "--port", "0", "--json"], {
          onOutput: (text, stream) => (stream === "stdout" ? announce(text) : failed(text)),
        });
      });
      announced = JSON.parse(await line);
    });
    afterEach(async () => {
      server.kill("SIGKILL");
      await server.done;
    });

    it("serves a program", async () => {
      const { url, apiKey } = announced;
      const workspace = await PulumiWorkspace.create({
        program: { source: accountWithKey() },
        config: {
          "flexprice:baseUrl": { value: url },
          "flexprice:apiKey": { value: apiKey, secret: true },
        },
      });
      try {
        const up = succeeded(await workspace.up());
        assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
        const me = await fetch(`${url}/users/me`, {
          headers: { "x-api-key": String((await workspace.outputs())["apiKey"]) },
        });
        const { name } = (await me.json()) as { name: string };
        assert.match(name, /^ci-\w{10}$/);
      } finally {
        await workspace.dispose();
      }
    });

    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it(`exits with status 0 on ${signal}, even with open connections`, async () => {
        const { url, apiKey } = announced;
        await (await fetch(`${url}/users/me`, { headers: { "x-api-key": apiKey } })).text();
        server.kill(signal);
        const { exitCode, signal: killedBy, stderr } = await server.done;
        assert.deepEqual(
          { exitCode, killedBy, stderr },
          { exitCode: 0, killedBy: null, stderr: "" },
        );
        await assert.rejects(fetch(url), TypeError);
      });
    }

    it("fails if its port is taken", async () => {
      const { port } = new URL(announced.url);
      const second = await startCli(["dev-server", "--port", port]).done;
      assert.deepEqual([second.exitCode, second.stdout], [3, ""]);
      assert.match(second.stderr, /Reason: another program listens on this port\n/);
    });
  });

  describe("doctor and generate", () => {
    it("read the project, the stack and its config", async () => {
      await withStack(accountWithKey(), { passphrase: true }, async (fixture) => {
        await fixture.keepCredentialInConfig();

        await step("doctor finds no problems", async () => {
          const { exitCode, stdout, stderr } = await runCli(fixture, ["doctor", "--stack", "test"]);
          assert.deepEqual([exitCode, stderr], [0, ""], stdout);
          const checks = stdout.split("\n").map((line) => line.split(":", 1)[0]);
          assert.deepEqual(checks, [
            "ok       Node.js",
            "ok       Pulumi CLI",
            "ok       Project",
            "ok       pulumi-flexprice",
            "ok       @pulumi/pulumi",
            "ok       Stack config",
            "ok       Server",
            "ok       Credential",
            "ok       Caller",
            "ok       Tenant",
            "ok       API keys",
            "ok       Service accounts",
            "ok       Roles",
            "",
            "0 problems, 0 warnings.",
            "",
          ]);
          assert.match(stdout, / accepted: the API key from config key flexprice:apiKey$/m);
        });

        await step("generate needs a selected stack, or --stack", async () => {
          const refused = await runCli(fixture, ["generate"]);
          assert.equal(refused.exitCode, 3);
          assert.match(
            refused.stderr,
            /Reason: no Flexprice credential is configured; no stack is selected/,
          );
          await ok(
            runChild("pulumi", ["stack", "select", "test"], {
              cwd: fixture.workspace.programDirectory,
              env: fixture.workspace.env,
            }),
          );
          assert.equal((await runCli(fixture, ["generate"])).exitCode, 0);
          const { exitCode, stderr } = await runCli(fixture, ["generate", "--stack", "nope"]);
          assert.equal(exitCode, 3);
          assert.match(
            stderr,
            /^Could not read the config of stack nope\.\n.* error: no stack named 'nope'/,
          );
        });

        await step("--connection selects a connection", async () => {
          const { apiKey } = fixture.operator;
          const connections = "flexprice:connections.eu";
          for (const [path, value] of [
            [`${connections}.apiKey`, apiKey],
            [`${connections}.baseUrl`, fixture.emulator.url],
          ] as const) {
            await ok(fixture.workspace.run(["config", "set", "--secret", "--path", path, value]));
          }
          const { exitCode, stdout } = await runCli(fixture, [
            ...["doctor", "--stack", "test", "--connection", "eu"],
          ]);
          assert.equal(exitCode, 0, stdout);
          assert.match(
            stdout,
            /the API key from connection "eu" in config key flexprice:connections$/m,
          );
          assert.equal((await runCli(fixture, ["doctor", "--connection", "us"])).exitCode, 1);
        });

        await step("a wrong passphrase is reported before any request", async () => {
          fixture.emulator.clearRequests();
          const { exitCode, stderr } = await runCli(fixture, ["generate", "--stack", "test"], {
            env: { ...fixture.workspace.env, PULUMI_CONFIG_PASSPHRASE: "wrong" },
          });
          assert.equal(exitCode, 3);
          assert.match(
            stderr,
            /Reason: pulumi config ended with exit status 1: error: incorrect passphrase/,
          );
          assert.deepEqual(fixture.emulator.requests, []);
        });

        await step("generate ends quietly when its reader stops reading", async () => {
          const { tenantId } = fixture.operator;
          for (let i = 0; i < 2_000; i++) {
            fixture.emulator.createAccount(tenantId, { name: `a${i}`, roles: ["event_reader"] });
          }

          const cli = join(CHECKOUT, "dist", "cli", "index.js");
          const { exitCode, stdout, stderr } = await runChild(
            "sh",
            ["-c", `"${process.execPath}" "${cli}" generate --stack test | head -n 1`],
            { cwd: fixture.workspace.programDirectory, env: fixture.workspace.env },
          );
          assert.equal(exitCode, 0);
          assert.match(stdout, /^\/\/ The service accounts of Flexprice tenant tenant_\w+\n$/);
          assert.doesNotMatch(stderr, /EPIPE|Error/);
        });
      });
    });
  });

  describe("without the SDK", () => {
    let folder: string;
    let installed: ChildResult;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-npx-"));
      await ok(
        runChild("npm", ["pack", "--ignore-scripts", "--pack-destination", folder, "--silent"], {
          cwd: CHECKOUT,
        }),
      );
      const [tarball = ""] = readdirSync(folder);
      writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
      // Without the peer @pulumi/pulumi, which the command line must not need.
      const options = [
        "--legacy-peer-deps",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
      ];
      installed = await runChild("npm", ["install", ...options, `./${tarball}`], { cwd: folder });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it("npx runs it", async () => {
      await ok(Promise.resolve(installed));
      assert(!existsSync(join(folder, "node_modules", "@pulumi")));
      const help = await ok(
        runChild("npx", ["--no-install", "pulumi-flexprice", "--help"], { cwd: folder }),
      );
      assert.match(help.stdout, /^Usage: pulumi-flexprice \[options\] \[command\]\n/);
      const { exitCode, stdout } = await runChild(
        "npx",
        ["--no-install", "pulumi-flexprice", "doctor", "--no-stack"],
        { cwd: folder, env: { ...process.env, FLEXPRICE_API_KEY: "" } },
      );
      assert.equal(exitCode, 1);
      assert.match(stdout, /^problem {2}Project: there is no Pulumi\.yaml in /m);
      assert.match(stdout, /^problem {2}Credential: no Flexprice credential is configured$/m);
    });
  });
});
