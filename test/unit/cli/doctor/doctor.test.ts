import assert from "node:assert/strict";
import { realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../../../../provider/cli/doctor/check";
import { manifest } from "../../../../provider/cli/packages";
import { CliFixture } from "../fixture";

describe("cli/doctor", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;
  /** The folder of the project, without symbolic links. */
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(cli.directory);
    cli.programs.set("pulumi version", { stdout: "v3.250.0\n" });
    cli.programs.set("pulumi stack --show-name", { stdout: "dev\n" });
    cli.configure({});
    install("node_modules/pulumi-flexprice", manifest.version);
    install("node_modules/@pulumi/pulumi", "3.270.0");
  });

  function install(path: string, version: string): void {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    cli.write(`${path}/package.json`, JSON.stringify({ name, version }));
    cli.write(`${path}/runtime.js`, "");
  }

  async function checks(...args: string[]): Promise<Check[]> {
    const { out, err } = await cli.command("doctor", "--json", ...args);
    assert.equal(err, "");
    return JSON.parse(out).checks;
  }

  async function messagesOf(...names: string[]): Promise<string[]> {
    const found = (await checks()).filter(({ name }) => names.includes(name));
    return found.map(({ message }) => message);
  }

  /** Asserts that exactly these problems and warnings are found, each with a fix. */
  async function assertFaults(
    expected: [name: string, status: Check["status"], message: RegExp][],
    ...args: string[]
  ): Promise<void> {
    const faults = (await checks(...args)).filter(({ status }) => status !== "ok");
    assert.deepEqual(
      faults.map(({ name, status }) => [name, status]),
      expected.map(([name, status]) => [name, status]),
    );
    for (const [i, { message, fix }] of faults.entries()) {
      assert.match(message, expected[i]?.[2] ?? /^$/);
      assert.notEqual(fix ?? "", "");
    }
  }

  it("finds no problem in a healthy project, and changes nothing", async () => {
    await assertFaults([]);
    assert.deepEqual(fixture.writes, []);
    assert.deepEqual(await messagesOf("Pulumi CLI", "Stack config", "Server", "Caller"), [
      "3.250.0",
      "stack dev sets nothing of flexprice:",
      `${fixture.emulator.url} (environment variable FLEXPRICE_BASE_URL)`,
      `user ${fixture.operator.userId} with super_admin`,
    ]);
  });

  it("shows problems with their fixes, in color and wrapped to the terminal", async () => {
    cli.nodeVersion = "18.20.1";
    cli.onTerminal(60);
    cli.environment["FLEXPRICE_APIKEY"] = "x";
    const { status, out } = await cli.command("doctor");
    assert.equal(status, 1);
    const paint = (color: number, text: string) => `\u001b[${color}m${text}\u001b[39m`;
    const node = "Node.js: 18.20.1 is not >=20.19\n         → install a newer one.\n";
    assert(out.startsWith(`${paint(31, "problem  ")}${node}${paint(32, "ok       ")}Pulumi`), out);
    const variable = `Environment: FLEXPRICE_APIKEY is not a setting of\n         this provider\n         → use FLEXPRICE_API_KEY, if you meant that.\n`;
    assert(out.includes(`${paint(33, "warning  ")}${variable}`), out);
    assert.match(out, /\n1 problem, 1 warning\.\n$/);
  });

  it("uses no color on a terminal without colors, as with NO_COLOR", async () => {
    cli.onTerminal(60);
    Object.assign(cli.stdout, { getColorDepth: () => 1 });
    const { out } = await cli.command("doctor");
    assert.match(out, /^ok {7}Node\.js/);
    assert(!out.includes("\u001b["), out);
  });

  it("prints JSON with --json", async () => {
    cli.programs.delete("pulumi version");
    const { status, out } = await cli.command("doctor", "--json");
    assert.equal(status, 1);
    const { problems, warnings, checks } = JSON.parse(out);
    assert.deepEqual([problems, warnings], [1, 0]);
    assert.deepEqual(checks[1], {
      name: "Pulumi CLI",
      status: "problem",
      message: "it is not on the PATH",
      fix: "install a current one: https://www.pulumi.com/docs/install/",
    });
  });

  for (const [what, stdout, message] of [
    ["an old CLI", "v3.199.0", /^version "3\.199\.0" is not >=3\.200\.0 <4$/],
    ["a CLI that prints a secret", "sk_0123456789AB", /^version "\[redacted\]" is not/],
    ["a CLI that prints no version", "", /^version "" is not/],
    ["a CLI of the next major version", "v4.0.0-alpha.1", /^version "4\.0\.0-alpha\.1" is not/],
  ] as const) {
    it(`reports ${what}`, async () => {
      cli.programs.set("pulumi version", { stdout });
      await assertFaults([["Pulumi CLI", "problem", message]]);
    });
  }

  it("reports why a CLI fails", async () => {
    cli.programs.set("pulumi version", { status: 1, stderr: "no such library" });
    await assertFaults([["Pulumi CLI", "problem", /does not tell its version: no such library$/]]);
  });

  for (const version of ["3.1000.0", "3.271.0-alpha.5+dirty", "3.200.0-beta.1"]) {
    it(`accepts a CLI of version ${version}`, async () => {
      cli.programs.set("pulumi version", { stdout: `v${version}` });
      assert.deepEqual(await messagesOf("Pulumi CLI"), [version]);
    });
  }

  describe("in the project", () => {
    it("reports a missing Pulumi.yaml", async () => {
      rmSync(join(cli.directory, "Pulumi.yaml"));
      await assertFaults([
        ["Project", "problem", /^there is no Pulumi\.yaml in .* or above$/],
        ["Stack config", "warning", /^there is no Pulumi project here: settings come from env/],
      ]);
    });

    for (const [what, text, message] of [
      ["a Pulumi.yaml that is not YAML", "a: b: c", /Nested mappings are not allowed/],
      ["a program that does not exist", "runtime: nodejs\nmain: infra", /"main" of .* does/],
    ] as const) {
      it(`reports ${what}`, async () => {
        cli.write("Pulumi.yaml", text);
        await assertFaults([["Project", "problem", message]]);
      });
    }

    describe("that uses the plugin", () => {
      const FOUND = "plugins: { providers: [{ name: flexprice, path: ./bin }] }";

      it("accepts the folder of Pulumi.yaml, even without npm packages", async () => {
        rmSync(join(cli.directory, "node_modules"), { recursive: true });
        cli.write("bin/pulumi-resource-flexprice", "");
        for (const runtime of ["yaml", "nodejs"]) {
          cli.write("Pulumi.yaml", `runtime: ${runtime}\n${FOUND}\n`);
          assert.deepEqual(await messagesOf("Plugin"), [`in ${folder}/bin`]);
          await assertFaults([]);
        }
      });

      it("reports a folder without the plugin", async () => {
        cli.write("Pulumi.yaml", `runtime: go\n${FOUND}\n`);
        await assertFaults([
          [
            "Plugin",
            "problem",
            /^Pulumi\.yaml names .*bin, which has no pulumi-resource-flexprice$/,
          ],
        ]);
      });

      it("finds the plugin on the PATH or in Pulumi's home, else warns", async () => {
        cli.write("Pulumi.yaml", "runtime: python\n");
        await assertFaults([["Plugin", "warning", /Pulumi has to download it$/]]);
        cli.write("node_modules/.bin/pulumi-resource-flexprice", "");
        cli.environment["PATH"] = join(cli.directory, "node_modules", ".bin");
        await assertFaults([["Plugin", "warning", /Pulumi has to download it$/]]);
        const stdout = '[{"name": "flexprice", "kind": "resource", "version": "0.1.0"}]';
        cli.programs.set("pulumi plugin ls --json", { stdout });
        assert.deepEqual(await messagesOf("Plugin"), ["0.1.0, installed in Pulumi's home"]);
        cli.write("bin/pulumi-resource-flexprice.cmd", "");
        cli.environment["PATH"] = join(cli.directory, "bin");
        assert.deepEqual(await messagesOf("Plugin"), [`in ${folder}/bin, on the PATH`]);
      });
    });

    it("looks for packages from the folder of the program", async () => {
      cli.write("Pulumi.yaml", "runtime: nodejs\nmain: infra/index.ts\n");
      cli.write("infra/index.ts", "");
      install("infra/node_modules/pulumi-flexprice", "0.0.9");
      await assertFaults([
        [
          "pulumi-flexprice",
          "warning",
          new RegExp(
            `^0\\.0\\.9 in ${folder}/infra/node_modules/pulumi-flexprice, and this command`,
          ),
        ],
      ]);
    });

    it("reports missing packages", async () => {
      cli.write("node_modules/pulumi-flexprice/package.json", '{"exports":{}}');
      cli.write("node_modules/@pulumi/pulumi/package.json", "{}");
      await assertFaults([
        ["pulumi-flexprice", "problem", /^pulumi-flexprice\/runtime is not found from /],
        ["@pulumi/pulumi", "problem", /^it is not found from /],
      ]);
    });

    for (const version of ["3.199.2", "4.0.0"]) {
      it(`reports an SDK outside of the supported range: ${version}`, async () => {
        install("node_modules/@pulumi/pulumi", version);
        await assertFaults([["@pulumi/pulumi", "problem", / is not >=3\.200\.0 <4$/]]);
      });
    }

    it("reports that program and package use different copies of the SDK", async () => {
      install("node_modules/pulumi-flexprice/node_modules/@pulumi/pulumi", "3.210.0");
      const message =
        /^the program uses 3\.270\.0 in .*, and pulumi-flexprice another copy, 3\.210/;
      await assertFaults([["@pulumi/pulumi", "problem", message]]);
    });
  });

  describe("in the settings", () => {
    it("prefers the stack's config to the environment", async () => {
      const { emulator, operator } = fixture;
      cli.configure({ apiKey: operator.apiKey, baseUrl: emulator.url });
      cli.environment["FLEXPRICE_API_KEY"] = "sk_of_the_environment";
      assert.deepEqual(await messagesOf("Stack config", "Server", "Credential"), [
        "stack dev sets flexprice:apiKey, flexprice:baseUrl",
        `${emulator.url} (config key flexprice:baseUrl)`,
        "accepted: the API key from config key flexprice:apiKey",
      ]);
      const named = await cli.command("doctor", "--stack", "prod");
      assert.match(named.out, /stack prod sets/);
      assert(cli.ran.some((line) => line.endsWith("--color never --stack prod")));
    });

    it("uses the environment without a stack", async () => {
      await assertFaults([], "--no-stack");
      cli.programs.set("pulumi config", { status: 1, stderr: "error: no stack selected" });
      await assertFaults([["Stack config", "warning", /^no stack is selected: settings come/]]);
    });

    it("stops if the config cannot be read", async () => {
      cli.programs.set("pulumi config", { status: 1, stderr: "error: incorrect passphrase" });
      await assertFaults([["Settings", "problem", /exit status 1: error: incorrect passphrase$/]]);
      assert.deepEqual(fixture.log, []);
    });

    it("reports a secret that is stored in plain text", async () => {
      const { apiKey } = fixture.operator;
      cli.configure({ apiKey: { value: apiKey, secret: false } });
      const { out } = await cli.command("doctor");
      assert.match(
        out,
        /^problem {2}Stack config: flexprice:apiKey is stored .* in plain text\n {9}→ .*: pulumi config set --secret flexprice:apiKey$/m,
      );
      assert(!out.includes(apiKey));
    });

    it("ignores environment variables that do not resemble a setting", async () => {
      cli.environment["FLEXPRICE_POSTGRES_HOST"] = "localhost";
      await assertFaults([]);
    });

    for (const [what, config, name, status, message] of [
      ["an unknown key", { apikey: "x" }, "Stack config", "problem", /:apikey is unknown$/],
      ["a bad base URL", { baseUrl: "ftp://x" }, "Settings", "problem", /http\(s\) URL$/],
      ["a bad flag", { allowInsecure: "no" }, "Settings", "problem", /true nor false$/],
      [
        "an environment with an API key",
        { environmentId: "env_1" },
        "Environment",
        "warning",
        /^environmentId is set to env_1, and the credential is an API key/,
      ],
    ] as const) {
      it(`reports ${what}`, async () => {
        cli.configure(config);
        await assertFaults([[name, status, message]]);
      });
    }

    it("reports two unknown keys, and still asks the server", async () => {
      cli.configure({ apikey: "x", baseurl: "y" });
      await assertFaults([
        ["Stack config", "problem", /:apikey is unknown$/],
        ["Stack config", "problem", /:baseurl is unknown$/],
      ]);
    });

    it("reports a missing credential", async () => {
      delete cli.environment["FLEXPRICE_API_KEY"];
      await assertFaults([["Credential", "problem", /^no Flexprice credential is configured$/]]);
    });

    it("accepts credentials that are only in connections", async () => {
      const eu = { apiKey: fixture.operator.apiKey, baseUrl: fixture.emulator.url };
      cli.configure({ connections: JSON.stringify({ eu, us: eu }) });
      delete cli.environment["FLEXPRICE_API_KEY"];
      delete cli.environment["FLEXPRICE_BASE_URL"];
      await assertFaults([]);
      assert.match(
        String(await messagesOf("Credential")),
        /^only those of .* eu, us; .*--connection/,
      );
      const { status, out } = await cli.command("doctor", "--connection", "eu");
      assert.equal(status, 0, out);
      assert.match(out, new RegExp(`^ok {7}Server: ${eu.baseUrl} \\(connection "eu"\\)$`, "m"));
      assert(!out.includes(eu.apiKey));
    });

    it("accepts an environment for a key from the server's own configuration", async () => {
      cli.configure({ environmentId: "env_1" });
      cli.environment["FLEXPRICE_API_KEY"] = "sk_local_flexprice_test_key";
      assert.deepEqual(await messagesOf("Environment"), []);
    });

    it("escapes control characters in names", async () => {
      cli.configure({ "a\u001b[2J\u202eb": "x" });
      cli.programs.set("pulumi stack --show-name", { stdout: "dev\u001b[2J\u202e\n" });
      const { out } = await cli.command("doctor");
      assert.match(out, /flexprice:a\\u\{1b\}\[2J\\u\{202e\}b is unknown/);
      assert(!/(?!\n)[\p{Cc}\p{Cf}]/u.test(out));
    });
  });

  describe("on the server", () => {
    it("reports a credential that the server does not accept", async () => {
      cli.environment["FLEXPRICE_API_KEY"] = "sk_nobody_knows_it";
      await assertFaults([["Credential", "problem", /^Flexprice answered 401: Unauthorized/]]);
      assert(!(await cli.command("doctor")).out.includes("sk_nobody"));
    });

    it("reports a server that cannot be reached", async () => {
      cli.environment["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9";
      await assertFaults([["Credential", "problem", /ECONNREFUSED/]]);
    });

    it("reports that an access token needs an environment", async () => {
      const { accessToken, environmentId } = fixture.operator;
      cli.useToken(accessToken);
      await assertFaults([
        ["API keys", "problem", / 403/],
        ["Service accounts", "warning", / 403/],
      ]);
      cli.useToken(accessToken, environmentId);
      assert.deepEqual(await messagesOf("API keys"), [
        `the caller can create them for service accounts, and sees all of ${environmentId} (1)`,
      ]);
    });

    it("warns that a service account sees only its own keys", async () => {
      cli.useAccount(["super_admin"]);
      await assertFaults([
        ["API keys", "warning", /^the caller creates and sees only its own keys$/],
      ]);
    });

    it("warns that a weak service account cannot create anything", async () => {
      cli.useAccount(["event_reader"]);
      await assertFaults([
        ["API keys", "warning", /^the caller cannot see or create them\. Flexprice/],
        ["Service accounts", "warning", /^the caller cannot create them: it lacks "write"/],
      ]);
    });

    it("warns that a reader cannot create keys", async () => {
      const { tenantId, environmentId } = fixture.operator;
      const messageFor = async (role: string) => {
        cli.useToken(fixture.emulator.createUser(tenantId, [role]).accessToken, environmentId);
        return String(await messagesOf("API keys"));
      };
      assert.match(await messageFor("all_reader"), /only its own keys, and cannot create any/);
      assert.match(
        await messageFor("all_writer"),
        /^the caller creates and sees only its own keys$/,
      );
    });

    it("reports that a key from the server's own configuration needs an environment", async () => {
      cli.environment["FLEXPRICE_API_KEY"] = "sk_local_flexprice_test_key";
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      fixture.fault({ kind: "status", status: 403, body }, "before", { times: 9 });
      const [fault] = (await checks()).filter(({ status }) => status !== "ok");
      assert.match(String(fault?.fix), /an API key from a self-hosted server's own configuration/);
      assert(!String(fault?.fix).includes("access tokens need it."));
    });

    it("reports what fails in the middle of the checks", async () => {
      for (const path of [/secrets/, /rbac\/roles$/]) {
        fixture.fault({ kind: "status", status: 500 }, "before", { match: { path }, times: 99 });
      }
      await assertFaults([
        ["API keys", "problem", /500/],
        ["Service accounts", "warning", /^the caller's permissions are unknown\. .*500/],
      ]);
    });
  });
});
