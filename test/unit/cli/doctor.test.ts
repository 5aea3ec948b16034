import assert from "node:assert/strict";
import { realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { manifest } from "../../../provider/cli/manifest";
import { UnitFixture } from "../fixture";
import { TestShell } from "./command-context";

interface Check {
  check: string;
  status: string;
  message: string;
  fix?: string;
}

describe("cli/doctor", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  /** The folder of the project, without symbolic links. */
  let folder: string;

  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
    folder = realpathSync(shell.directory);
    shell.programs.set("pulumi version", { stdout: "v3.250.0\n" });
    shell.programs.set("pulumi stack --show-name", { stdout: "dev\n" });
    configure({});
    shell.write("Pulumi.yaml", "name: shop\nruntime: nodejs\n");
    install("node_modules/pulumi-flexprice", manifest.version);
    install("node_modules/@pulumi/pulumi", "3.270.0");
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  function configure(config: Record<string, string | { value: string; secret: boolean }>): void {
    const entries = Object.entries(config).map(([key, value]) => [
      `flexprice:${key}`,
      // A secret is kept out of every text from then on, in later tests too.
      typeof value === "string" ? { value, secret: /apiKey|connections/.test(key) } : value,
    ]);
    shell.programs.set("pulumi config", { stdout: JSON.stringify(Object.fromEntries(entries)) });
  }

  function install(path: string, version: string, more: Record<string, unknown> = {}): void {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    shell.write(`${path}/package.json`, JSON.stringify({ name, version, ...more }));
    shell.write(`${path}/runtime.js`, "");
    shell.write(`${path}/index.js`, "");
  }

  /** All that is found about these. */
  async function about(...checks: string[]): Promise<Omit<Check, "check">[]> {
    const { out, err } = await shell.command("doctor", "--json");
    assert.equal(err, "");
    const { findings } = JSON.parse(out) as { findings: Check[] };
    return findings
      .filter(({ check }) => checks.includes(check))
      .map(({ check: _, ...message }) => message);
  }

  async function amiss(...args: string[]): Promise<Check[]> {
    const { out } = await shell.command("doctor", "--json", ...args);
    const { findings } = JSON.parse(out) as { findings: Check[] };
    return findings.filter(({ status }) => status !== "ok");
  }

  it("finds that all is well, and says what it looked at", async () => {
    const { operator, emulator } = fixture;
    const { status, out, err } = await shell.command("doctor");
    assert.deepEqual([status, err], [0, ""]);
    assert.equal(
      out.replaceAll(folder, "/shop").replaceAll(shell.directory, "/shop"),
      `ok       Node.js: 20.19.0
ok       Pulumi CLI: 3.250.0
ok       Project: /shop/Pulumi.yaml, program in /shop
ok       pulumi-flexprice: ${manifest.version} in /shop/node_modules/pulumi-flexprice
ok       @pulumi/pulumi: 3.270.0 in /shop/node_modules/@pulumi/pulumi
ok       Stack config: stack dev sets nothing of flexprice:
ok       Server: ${emulator.url} (environment variable FLEXPRICE_BASE_URL)
ok       Credential: accepted: the API key from environment variable FLEXPRICE_API_KEY
ok       Caller: user ${operator.userId} with super_admin
ok       Tenant: ${operator.tenantId}
ok       API keys: the caller may make them for service accounts, and sees all of its environment (1)
ok       Service accounts: the caller may create them, with roles that it holds itself
ok       Roles: a service account can have event_ingestor, event_reader, super_admin

0 problems, 0 warnings.
`,
    );
    assert.deepEqual(fixture.writes, []);
  });

  it("shows what is amiss with its cure, in colour and to the terminal's width", async () => {
    shell.nodeVersion = "18.20.1";
    shell.onTerminal(60);
    shell.environment["FLEXPRICE_APIKEY"] = "x";
    const { status, out } = await shell.command("doctor");
    assert.equal(status, 1);
    const paint = (colour: number, text: string) => `\u001b[${colour}m${text}\u001b[0m`;
    assert(
      out.startsWith(
        `${paint(31, "problem  ")}Node.js: 18.20.1 is not >=20.19\n         → install a newer one.\n${paint(32, "ok       ")}Pulumi`,
      ),
      out,
    );
    assert(
      out.includes(
        `${paint(33, "warning  ")}Environment: FLEXPRICE_APIKEY is no setting of this\n         provider\n         → if it was meant for it: FLEXPRICE_API_KEY.\n`,
      ),
      out,
    );
    assert.match(out, /\n1 problem, 1 warning\.\n$/);
  });

  it("tells scripts the same", async () => {
    shell.programs.delete("pulumi version");
    const { status, out } = await shell.command("doctor", "--json");
    assert.equal(status, 1);
    const { problems, warnings, findings } = JSON.parse(out);
    assert.deepEqual([problems, warnings], [1, 0]);
    assert.deepEqual(findings[1], {
      check: "Pulumi CLI",
      status: "problem",
      message: "there is none on the PATH",
      fix: "install a current one: https://www.pulumi.com/docs/install/",
    });
  });

  describe("of the tools", () => {
    const versions: Record<
      string,
      [Partial<{ status: number; stdout: string; stderr: string }>, string]
    > = {
      "an old CLI": [{ stdout: "v3.199.0" }, "3.199.0 is not >=3.200.0 <4"],
      "a CLI that fails": [{ status: 1, stderr: "no\n" }, "it does not tell its version: no"],
      "a CLI that tells a secret": [
        { status: 1, stderr: "sk_0123456789AB" },
        "it does not tell its version: [redacted]",
      ],
      "a CLI that babbles": [{ stdout: "hello" }, "it does not tell its version: "],
    };
    for (const [what, [program, message]] of Object.entries(versions)) {
      it(`finds ${what}`, async () => {
        shell.programs.set("pulumi version", program);
        const [found] = await about("Pulumi CLI");
        assert.deepEqual([found?.status, found?.message], ["problem", message]);
      });
    }
  });

  describe("of the project", () => {
    it("finds that there is none", async () => {
      rmSync(join(shell.directory, "Pulumi.yaml"));
      assert.deepEqual(
        (await amiss()).map(({ check, status, message }) => [check, status, message]),
        [
          ["Project", "problem", `there is no Pulumi.yaml in ${shell.directory} or above`],
          [
            "Stack config",
            "warning",
            "there is no Pulumi project here: settings come from environment variables alone",
          ],
        ],
      );
    });

    const projects: Record<string, [string, RegExp]> = {
      "one of another language": ["runtime: python", /^the runtime in .* is python, and dynamic/],
      "one whose program is not there": ["runtime: nodejs\nmain: infra", /"main" of .* does not/],
      "a broken file": ["a: b: c", /Nested mappings are not allowed/],
    };
    for (const [what, [text, message]] of Object.entries(projects)) {
      it(`finds ${what}`, async () => {
        shell.write("Pulumi.yaml", text);
        const [found] = await about("Project");
        assert.equal(found?.status, "problem");
        assert.match(String(found?.message), message);
      });
    }
  });

  describe("of the packages", () => {
    const PACKAGES = ["pulumi-flexprice", "@pulumi/pulumi"];

    it("looks from the program's folder, as the provider process does", async () => {
      shell.write("Pulumi.yaml", "runtime: nodejs\nmain: infra/index.ts\n");
      shell.write("infra/index.ts", "");
      install("infra/node_modules/pulumi-flexprice", "0.0.9");
      const [own, sdk] = await about(...PACKAGES);
      assert.deepEqual(own, {
        status: "warning",
        message: `0.0.9 in ${folder}/infra/node_modules/pulumi-flexprice, and this command is ${manifest.version}`,
        fix: `run the program's own: npx pulumi-flexprice in ${shell.directory}/infra.`,
      });
      assert.equal(sdk?.status, "ok");
    });

    it("finds that they are not there", async () => {
      shell.write("node_modules/pulumi-flexprice/package.json", '{"exports":{}}');
      shell.write("node_modules/@pulumi/pulumi/package.json", "{}");
      const [own, sdk] = await about(...PACKAGES);
      assert.deepEqual(own, {
        status: "problem",
        message: `pulumi-flexprice/runtime is not found from ${shell.directory}, where Pulumi's provider process looks for it`,
        fix: "npm install pulumi-flexprice, there or above.",
      });
      assert.deepEqual(sdk, {
        status: "problem",
        message: `it is not found from ${shell.directory}`,
        fix: 'npm install @pulumi/pulumi@">=3.200.0 <4" in the program\'s folder.',
      });
    });

    for (const version of ["3.199.2", "4.0.0"]) {
      it(`finds an SDK outside of the range: ${version}`, async () => {
        install("node_modules/@pulumi/pulumi", version);
        const [sdk] = await about("@pulumi/pulumi");
        assert.equal(sdk?.status, "problem");
        assert.match(String(sdk?.message), / is not >=3\.200\.0 <4$/);
      });
    }

    it("finds a second SDK, which is worst below this package", async () => {
      const uses = { peerDependencies: { "@pulumi/pulumi": ">=3.200.0 <4" } };
      install("node_modules/pulumi-flexprice", manifest.version, uses);
      install("node_modules/@pulumi/random", "4.0.0", { dependencies: { "@pulumi/pulumi": "^3" } });
      install("node_modules/idle", "1.0.0");
      const below = ["pulumi-flexprice", "@pulumi/random", "idle"];
      for (const name of below)
        install(`node_modules/${name}/node_modules/@pulumi/pulumi`, "3.210.0");
      const fix = 'let all of them have one version, and run "npm dedupe".';
      const text = (user: string) =>
        `${user} uses another copy of it, 3.210.0 in ${folder}/node_modules/${user}/node_modules/@pulumi/pulumi`;
      assert.deepEqual((await about("@pulumi/pulumi")).slice(1), [
        { status: "warning", message: text("@pulumi/random"), fix },
        { status: "problem", message: text("pulumi-flexprice"), fix },
      ]);
    });

    it("takes of two copies of a package the one that is nearer", async () => {
      shell.write("Pulumi.yaml", "runtime: nodejs\nmain: infra\n");
      shell.write("infra/index.ts", "");
      const uses = { dependencies: { "@pulumi/pulumi": "^3" } };
      install("infra/node_modules/component", "2.0.0", uses);
      install("node_modules/component", "1.0.0", uses);
      install("node_modules/component/node_modules/@pulumi/pulumi", "3.210.0");
      assert.equal((await about("@pulumi/pulumi")).length, 1);
    });

    it("finds a component with a copy of this package of its own", async () => {
      install("node_modules/component", "1.0.0", { dependencies: { "pulumi-flexprice": "0.0.1" } });
      install("node_modules/component/node_modules/pulumi-flexprice", "0.0.1");
      const [, copy] = await about("pulumi-flexprice");
      assert.equal(copy?.status, "warning");
      assert.match(String(copy?.message), /^component uses another copy of it, 0\.0\.1 in /);
    });
  });

  describe("of the settings", () => {
    it("tells where they come from, the stack's config first", async () => {
      const { emulator, operator } = fixture;
      configure({ apiKey: operator.apiKey, baseUrl: { value: emulator.url, secret: false } });
      shell.environment["FLEXPRICE_API_KEY"] = "sk_of_the_environment";
      assert.deepEqual(
        (await about("Stack config", "Server", "Credential")).map(({ message }) => message),
        [
          "stack dev sets flexprice:apiKey, flexprice:baseUrl",
          `${emulator.url} (config key flexprice:baseUrl)`,
          "accepted: the API key from config key flexprice:apiKey",
        ],
      );
      const named = await shell.command("doctor", "--stack", "prod");
      assert.match(named.out, /stack prod sets/);
      assert(shell.ran.some((line) => line.endsWith("--color never --stack prod")));
    });

    it("goes without a stack when told to, and when none is selected", async () => {
      assert.deepEqual(await amiss("--no-stack"), []);
      shell.programs.set("pulumi config", { status: 1, stderr: "error: no stack selected" });
      assert.deepEqual(await amiss(), [
        {
          check: "Stack config",
          status: "warning",
          message: "no stack is selected: settings come from environment variables alone",
          fix: "select it: pulumi stack select.",
        },
      ]);
    });

    it("goes no further where the config cannot be read", async () => {
      shell.programs.set("pulumi config", { status: 1, stderr: "error: incorrect passphrase" });
      const found = await amiss();
      assert.deepEqual(
        found.map(({ check, message }) => [check, message]),
        [["Settings", "pulumi config ended with exit status 1: error: incorrect passphrase"]],
      );
      assert.deepEqual(fixture.log, []);
    });

    it("finds keys that mean nothing, and secrets in plain text", async () => {
      const { apiKey } = fixture.operator;
      configure({ apikey: "x", apiKey: { value: apiKey, secret: false } });
      const { out } = await shell.command("doctor");
      assert.match(
        out,
        /^problem {2}Stack config: config key flexprice:apikey is unknown\n {9}→ remove it/m,
      );
      assert.match(
        out,
        /^problem {2}Stack config: flexprice:apiKey stands in the stack's file in plain text\n {9}→ set it anew, encrypted, and change the credential if the file was shared: pulumi config set --secret flexprice:apiKey$/m,
      );
      assert(!out.includes(apiKey));
    });

    it("has no word on variables that are not close to its own", async () => {
      shell.environment["FLEXPRICE_POSTGRES_HOST"] = "localhost";
      assert.deepEqual(await amiss(), []);
    });

    const settings: Record<string, [Record<string, string>, string, RegExp]> = {
      "a bad base URL": [{ baseUrl: "ftp://x" }, "Settings", /is no http\(s\) URL$/],
      "a bad flag": [{ preflight: "no" }, "Settings", /is neither true nor false$/],
      "a switched-off preflight": [{ preflight: "false" }, "Preview", /keeps previews from asking/],
      "an environment with an API key": [
        { environmentId: "env_1" },
        "Environment",
        /^environmentId is set to env_1, and the credential is an API key/,
      ],
    };
    for (const [what, [config, check, message]] of Object.entries(settings)) {
      it(`finds ${what}`, async () => {
        configure(config);
        const [found] = await amiss();
        assert.equal(found?.check, check);
        assert.match(String(found?.message), message);
        assert.notEqual(found?.fix, undefined);
      });
    }

    it("finds that there is no credential", async () => {
      delete shell.environment["FLEXPRICE_API_KEY"];
      const [found, ...more] = await amiss();
      assert.deepEqual(
        [found?.check, found?.message, more],
        ["Credential", "no Flexprice credential is configured", []],
      );
    });

    it("takes a stack whose credentials are all in connections for healthy", async () => {
      const eu = { apiKey: fixture.operator.apiKey, baseUrl: fixture.emulator.url };
      configure({ connections: JSON.stringify({ eu, us: eu }) });
      delete shell.environment["FLEXPRICE_API_KEY"];
      const { status, out } = await shell.command("doctor");
      assert.equal(status, 0, out);
      assert.match(
        out,
        /^ok {7}Credential: none but those of the connections eu, us; --connection/m,
      );
      assert.match(out, /\n0 problems, 0 warnings\.\n$/);
    });

    it("takes an environment for an API key of the server's own configuration as it is", async () => {
      configure({ environmentId: "env_1" });
      shell.environment["FLEXPRICE_API_KEY"] = "sk_local_flexprice_test_key";
      assert.deepEqual(await about("Environment"), []);
    });

    it("shows nothing that a terminal would obey", async () => {
      configure({ "a\u001b[2J\u202eb": "x" });
      shell.programs.set("pulumi stack --show-name", { stdout: "dev\u001b[2J\u202e\n" });
      const { out } = await shell.command("doctor");
      assert.match(out, /flexprice:a\\u\{1b\}\[2J\\u\{202e\}b is unknown/);
      assert(!/(?!\n)[\p{Cc}\p{Cf}]/u.test(out));
    });

    it("looks at a named connection", async () => {
      const eu = { apiKey: fixture.operator.apiKey, baseUrl: fixture.emulator.url };
      configure({ connections: JSON.stringify({ eu }) });
      delete shell.environment["FLEXPRICE_API_KEY"];
      delete shell.environment["FLEXPRICE_BASE_URL"];
      const { status, out } = await shell.command("doctor", "--connection", "eu");
      assert.equal(status, 0, out);
      assert.match(out, new RegExp(`^ok {7}Server: ${eu.baseUrl} \\(connection "eu"\\)$`, "m"));
      assert(!out.includes(eu.apiKey));
    });
  });

  describe("of the server", () => {
    it("finds that it does not accept the credential", async () => {
      shell.environment["FLEXPRICE_API_KEY"] = "sk_nobody_knows_it";
      const { status, out } = await shell.command("doctor");
      assert.equal(status, 1);
      assert.match(
        out,
        /^problem {2}Credential: Flexprice answered 401: Unauthorized .*\n {9}→ check/m,
      );
      assert(!out.includes("sk_nobody"));
    });

    it("finds that it cannot be reached", async () => {
      shell.environment["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9";
      const [found] = await amiss();
      assert.equal(found?.check, "Credential");
      assert.match(String(found?.message), /ECONNREFUSED/);
    });

    it("finds that an access token lacks its environment", async () => {
      delete shell.environment["FLEXPRICE_API_KEY"];
      shell.environment["FLEXPRICE_ACCESS_TOKEN"] = fixture.operator.accessToken;
      const [keys] = await about("API keys");
      assert.deepEqual(keys, {
        status: "problem",
        message: "keys belong to an environment, and an access token has none",
        fix: "pulumi config set flexprice:environmentId env_… (or FLEXPRICE_ENVIRONMENT_ID).",
      });
      shell.environment["FLEXPRICE_ENVIRONMENT_ID"] = fixture.operator.environmentId;
      const [found] = await about("API keys");
      assert.equal(
        found?.message,
        `the caller may make them for service accounts, and sees all of ${fixture.operator.environmentId} (1)`,
      );
    });

    it("finds what a weaker caller cannot do", async () => {
      const { credential } = fixture.accountWithKey(["super_admin"]);
      shell.environment["FLEXPRICE_API_KEY"] = credential.value;
      const strong = await amiss();
      assert.deepEqual(
        strong.map(({ check, message }) => [check, message]),
        [["API keys", "the caller makes and sees its own keys only"]],
      );
      const weak = fixture.accountWithKey(["event_reader"]);
      shell.environment["FLEXPRICE_API_KEY"] = weak.credential.value;
      const found = await amiss();
      assert.deepEqual(
        found.map(({ check, status }) => [check, status]),
        [
          ["API keys", "warning"],
          ["Service accounts", "warning"],
        ],
      );
      assert.match(
        String(found[0]?.message),
        /^the caller has nothing to do with them\. Flexprice/,
      );
      assert.match(String(found[1]?.message), /^the caller may not create them: it lacks "write"/);
    });

    it("says of a caller that only reads that it makes no keys", async () => {
      const { tenantId, environmentId } = fixture.operator;
      const shown = async (role: string) => {
        const { accessToken } = fixture.emulator.createUser(tenantId, [role]);
        delete shell.environment["FLEXPRICE_API_KEY"];
        shell.environment["FLEXPRICE_ACCESS_TOKEN"] = accessToken;
        shell.environment["FLEXPRICE_ENVIRONMENT_ID"] = environmentId;
        return (await about("API keys"))[0]?.message;
      };
      assert.equal(
        await shown("all_reader"),
        'the caller sees its own keys, and may not make any: it lacks "write" on "secret"',
      );
      assert.equal(await shown("all_writer"), "the caller makes and sees its own keys only");
    });

    it("says of a key of the server's own configuration that it needs an environment", async () => {
      shell.environment["FLEXPRICE_API_KEY"] = "sk_local_flexprice_test_key";
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      fixture.fault({ kind: "status", status: 403, body }, "before", { times: 9 });
      const [found] = await amiss();
      assert.match(String(found?.fix), /an API key from a self-hosted server's own configuration/);
      assert(!String(found?.fix).includes("access tokens need it."));
    });

    it("says so where it fails half-way", async () => {
      fixture.fault({ kind: "status", status: 500 }, "before", {
        match: { path: /secrets/ },
        times: 99,
      });
      fixture.fault({ kind: "status", status: 500 }, "before", {
        match: { path: /rbac\/roles$/ },
        times: 99,
      });
      assert.deepEqual(
        (await amiss()).map(({ check, status }) => [check, status]),
        [
          ["API keys", "problem"],
          ["Service accounts", "warning"],
        ],
      );
    });
  });
});
