import assert from "node:assert/strict";
import { join } from "node:path";
import { findProjectFile, readProject, readStackConfig } from "../../../provider/cli/pulumi";
import { type ConnectOptions, connect } from "../../../provider/cli/session";
import { operation } from "../../../provider/shared/errors";
import { redact } from "../../../provider/shared/redaction";
import { failureOf } from "../fixture";
import { CliFixture } from "./fixture";

const CONFIG = "pulumi config --json --show-secrets --non-interactive --color never";

describe("cli/pulumi", () => {
  const cli = CliFixture.forEachTest();

  describe("readProject", () => {
    const project = (text: string, name = "Pulumi.yaml") => {
      cli.write(name, text);
      return readProject(join(cli.directory, name));
    };

    it("finds a project file in the folder or above, under each of its names", () => {
      assert.equal(findProjectFile(cli.directory), undefined);
      for (const name of ["Pulumi.json", "Pulumi.yml", "Pulumi.yaml"]) {
        cli.write(name, "");
        assert.equal(findProjectFile(cli.directory), join(cli.directory, name));
        assert.equal(findProjectFile(join(cli.directory, "a", "b")), join(cli.directory, name));
      }
    });

    it("reads the folder in which Pulumi runs the program", () => {
      cli.write("infra/index.ts", "");
      for (const [main, folder] of [
        ["", "."],
        ["main: infra # the program", "infra"],
        ['main: "infra/"', "infra"],
        ["main: infra/index.ts", "infra"],
        ["main: nowhere", "nowhere"],
      ] as const) {
        assert.deepEqual(project(`name: x\nruntime: nodejs\n${main}\n`), {
          programFolder: join(cli.directory, folder),
          runtime: "nodejs",
          namesPlugin: false,
          pluginPath: undefined,
        });
      }
    });

    it("recognizes the plugin under plugins and under packages", () => {
      const plugins = "plugins: { providers: [{ name: flexprice, path: ./bin }] }";
      const named = project(`name: x\nruntime: nodejs\n${plugins}\n`);
      assert.deepEqual([named.namesPlugin, named.pluginPath], [true, join(cli.directory, "bin")]);
      const added = project("name: x\nruntime: nodejs\npackages: { flexprice: 0.1.0 }\n");
      assert.deepEqual([added.namesPlugin, added.pluginPath], [true, undefined]);
      const others = "plugins: { providers: [{ name: aws, path: ./bin }] }";
      assert.equal(project(`name: x\nruntime: nodejs\n${others}\n`).namesPlugin, false);
    });

    it("reads the runtime as a text or with options", () => {
      assert.equal(project("runtime: python").runtime, "python");
      assert.equal(project("runtime:\n  name: go\n  options: {}").runtime, "go");
      assert.equal(project('{"runtime": {"name": "nodejs"}}', "Pulumi.json").runtime, "nodejs");
    });

    for (const text of ["a: b: c", "name: x", "just text", ""]) {
      it(`rejects ${JSON.stringify(text)}`, async () => {
        const error = await failureOf(async () => project(text), "configuration");
        assert.match(error.operation, /^read the Pulumi project .*Pulumi\.yaml$/);
        assert.notEqual(error.reason, "");
      });
    }
  });

  describe("readStackConfig", () => {
    it("asks the CLI for the config of the selected or a named stack", async () => {
      cli.write("Pulumi.yaml", "");
      cli.programs.set(CONFIG, {
        stdout: '{"flexprice:apiKey": {"value": "sk_1", "secret": true}, "x:y": {"value": "z"}}',
      });
      assert.deepEqual(await readStackConfig(cli, undefined), {
        kind: "read",
        values: new Map([
          ["flexprice:apiKey", { value: "sk_1", secret: true }],
          ["x:y", { value: "z", secret: false }],
        ]),
      });
      await readStackConfig(cli, "org/dev");
      assert.deepEqual(cli.ran, [CONFIG, `${CONFIG} --stack org/dev`]);
    });

    it("makes the process redact the secrets of the config", async () => {
      const secret = "an odd credential, known by nothing";
      cli.configure({ apiKey: secret });
      assert.equal(redact(secret), secret);
      await readStackConfig(cli, undefined);
      assert.equal(redact(secret), "[redacted]");
    });

    it("returns no config without a stack, unless one is named", async () => {
      const assertNone = async (why: string, stack?: false) => {
        const config = await readStackConfig(cli, stack);
        assert.equal(config.kind === "none" && config.why, why);
        if (stack === false) return;
        const error = await failureOf(readStackConfig(cli, "dev"), "configuration");
        assert.deepEqual([error.operation, error.reason], ["read the config of stack dev", why]);
      };
      await assertNone("there is no Pulumi project here");
      cli.write("Pulumi.yaml", "");
      await assertNone("--no-stack was given", false);
      assert.deepEqual(cli.ran, []);
      await assertNone("there is no pulumi CLI on the PATH");
      const stderr = "error: no stack selected; please use `pulumi stack select`";
      cli.programs.set("pulumi config", { status: 1, stderr });
      await assertNone("no stack is selected");
    });

    it("fails if the config cannot be read, because it may name another server", async () => {
      cli.write("Pulumi.yaml", "");
      cli.programs.set("pulumi config", { status: 1, stderr: "error: incorrect passphrase\n" });
      const { operation, reason } = await failureOf(
        readStackConfig(cli, undefined),
        "configuration",
      );
      assert.equal(operation, "read the config of the selected stack");
      assert.equal(reason, "pulumi config ended with exit status 1: error: incorrect passphrase");
      for (const stdout of ["", "no JSON sk_12345678", "[]", '{"a": 1}']) {
        cli.programs.set("pulumi config", { stdout });
        const error = await failureOf(readStackConfig(cli, undefined), "configuration");
        assert.match(error.reason, /has an unknown format$/);
      }
    });
  });

  describe("connect", () => {
    const connected = (options: ConnectOptions = {}) =>
      operation("try it", () => connect(cli, options));

    it("uses the environment without a stack", async () => {
      const { credential, baseUrl, connection } = await connected();
      assert.equal(baseUrl, cli.server.emulator.url);
      assert.equal(credential.source, "environment variable FLEXPRICE_API_KEY");
      assert.equal((await connection.caller()).id, cli.server.operator.userId);
    });

    it("prefers the stack's config, except with --no-stack", async () => {
      cli.configure({ apiKey: "sk_of_the_stack" });
      assert.equal((await connected()).credential.value, "sk_of_the_stack");
      const { credential } = await connected({ stack: false });
      assert.equal(credential.value, cli.server.operator.apiKey);
    });

    it("uses a named connection", async () => {
      const eu = { apiKey: "sk_of_eu", baseUrl: "https://eu.example.com" };
      cli.configure({ connections: JSON.stringify({ eu }) });
      const { credential, baseUrl } = await connected({ connection: "eu" });
      assert.deepEqual([credential.value, baseUrl], ["sk_of_eu", "https://eu.example.com/v1"]);
      const missing = await failureOf(connected({ connection: "us" }), "configuration");
      assert.match(missing.reason, /^connection "us" does not exist; configured: eu$/);
    });

    it("rejects an unknown setting, which may be a typo of the server's address", async () => {
      cli.configure({ baseurl: "https://x.io" });
      const error = await failureOf(connected(), "configuration");
      assert.equal(error.reason, "config key flexprice:baseurl is unknown");
    });

    it("names the places where it looked for a credential", async () => {
      delete cli.environment["FLEXPRICE_API_KEY"];
      const error = await failureOf(connected(), "configuration");
      assert.equal(
        error.reason,
        "no Flexprice credential is configured; there is no Pulumi project here, so only environment variables count",
      );
      assert.match(error.fix, /^set FLEXPRICE_API_KEY, or /);
      cli.configure({});
      const { reason } = await failureOf(connected(), "configuration");
      assert.equal(reason, "no Flexprice credential is configured");
    });
  });
});
