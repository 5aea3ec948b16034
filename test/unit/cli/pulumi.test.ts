import assert from "node:assert/strict";
import { join } from "node:path";
import { findProjectFile, readProject, readStackConfig } from "../../../provider/cli/pulumi";
import { type ConnectOptions, connect } from "../../../provider/cli/session";
import { redact } from "../../../provider/shared/redaction";
import { failureOf, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";

const CONFIG = "pulumi config --json --show-secrets --non-interactive --color never";
const NO_STACK = {
  status: 1,
  stderr: "error: no stack selected; please use `pulumi stack select`",
};

describe("cli/pulumi", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  describe("project", () => {
    const project = (text: string, name = "Pulumi.yaml") => {
      shell.write(name, text);
      return readProject(join(shell.directory, name));
    };

    it("is found there or above, under each of its names", () => {
      assert.equal(findProjectFile(shell.directory), undefined);
      for (const name of ["Pulumi.json", "Pulumi.yml", "Pulumi.yaml"]) {
        shell.write(name, "");
        assert.equal(findProjectFile(shell.directory), join(shell.directory, name));
        assert.equal(findProjectFile(join(shell.directory, "a", "b")), join(shell.directory, name));
      }
    });

    it("has its program where Pulumi runs it", () => {
      shell.write("infra/index.ts", "");
      const { directory } = shell;
      const infra = join(directory, "infra");
      const rest = { folder: directory, runtime: "nodejs" };
      const programFolders: [string, string][] = [
        ["", directory],
        ["main: infra # the program", infra],
        ['main: "infra/"', infra],
        ["main: infra/index.ts", infra],
        ["main: nowhere", join(directory, "nowhere")],
      ];
      for (const [main, programFolder] of programFolders) {
        assert.deepEqual(project(`name: x\nruntime: nodejs\n${main}\n`), {
          ...rest,
          programFolder,
        });
      }
    });

    it("names its runtime in either of two ways", () => {
      assert.equal(project("runtime: python").runtime, "python");
      assert.equal(project("runtime:\n  name: go\n  options: {}").runtime, "go");
      assert.equal(project('{"runtime": {"name": "nodejs"}}', "Pulumi.json").runtime, "nodejs");
    });

    for (const [what, text] of Object.entries({
      "no YAML": "a: b: c",
      "no runtime": "name: x",
      "no project": "just text",
      nothing: "",
    })) {
      it(`is refused where it is ${what}`, async () => {
        const error = await failureOf(async () => project(text), "configuration");
        assert.match(error.operation, /^read the Pulumi project .*Pulumi\.yaml$/);
        assert.notEqual(error.reason, "");
      });
    }
  });

  describe("stack config", () => {
    it("is asked of the CLI, for the selected stack or a named one", async () => {
      shell.write("Pulumi.yaml", "runtime: nodejs");
      shell.programs.set(CONFIG, {
        stdout: '{"flexprice:apiKey": {"value": "sk_1", "secret": true}, "x:y": {"value": "z"}}',
      });
      assert.deepEqual(await readStackConfig(shell, undefined), {
        kind: "read",
        values: new Map([
          ["flexprice:apiKey", { value: "sk_1", secret: true }],
          ["x:y", { value: "z", secret: false }],
        ]),
      });
      await readStackConfig(shell, "org/dev");
      assert.deepEqual(shell.ran, [CONFIG, `${CONFIG} --stack org/dev`]);
    });

    it("that is secret is kept out of every text from then on", async () => {
      shell.write("Pulumi.yaml", "runtime: nodejs");
      const secret = "an odd credential, known by nothing";
      shell.programs.set(CONFIG, {
        stdout: JSON.stringify({ "flexprice:apiKey": { value: secret, secret: true } }),
      });
      assert.equal(redact(secret), secret);
      await readStackConfig(shell, undefined);
      assert.equal(redact(secret), "[redacted]");
    });

    it("is none outside of a project, without a CLI, without a selected stack, and when not wanted", async () => {
      const why = async (stack?: false) => {
        const config = await readStackConfig(shell, stack);
        return config.kind === "none" ? config.why : config;
      };
      assert.equal(await why(), "there is no Pulumi project here");
      shell.write("Pulumi.yaml", "");
      assert.equal(await why(false), "--no-stack was given");
      assert.deepEqual(shell.ran, []);
      assert.equal(await why(), "there is no pulumi CLI on the PATH");
      shell.programs.set("pulumi config", NO_STACK);
      assert.equal(await why(), "no stack is selected");
    });

    it("of a named stack must be there", async () => {
      const refused = () => failureOf(readStackConfig(shell, "dev"), "configuration");
      assert.equal(
        (await refused()).message,
        "Could not read the config of stack dev.\n  Reason: there is no Pulumi project here\n  What to do: run the command in the folder of the project's Pulumi.yaml.",
      );
      shell.write("Pulumi.yaml", "");
      assert.match((await refused()).reason, /no pulumi CLI/);
    });

    it("that cannot be read is an error, lest another Flexprice be meant", async () => {
      shell.write("Pulumi.yaml", "");
      shell.programs.set("pulumi config", { status: 1, stderr: "error: incorrect passphrase\n" });
      assert.equal(
        (await failureOf(readStackConfig(shell, undefined), "configuration")).message,
        "Could not read the config of the selected stack.\n  Reason: pulumi config ended with exit status 1: error: incorrect passphrase\n  What to do: put right what the Pulumi CLI complains about, or use the environment alone: --no-stack.",
      );
      for (const stdout of ["", "no JSON sk_12345678", "[]", '{"a": 1}']) {
        shell.programs.set("pulumi config", { stdout });
        const error = await failureOf(readStackConfig(shell, undefined), "configuration");
        assert.match(error.reason, /^pulumi config --json did not print what/);
      }
    });
  });

  describe("connecting", () => {
    const contact = (options: ConnectOptions = {}) => connect(shell, options, "try it");
    const configure = (config: Record<string, string>) => {
      shell.write("Pulumi.yaml", "");
      const entries = Object.entries(config).map(([key, value]) => [
        key,
        // A secret is kept out of every text from then on, in later tests too.
        { value, secret: /apiKey|connections/.test(key) },
      ]);
      shell.programs.set("pulumi config", { stdout: JSON.stringify(Object.fromEntries(entries)) });
    };

    it("takes the environment where there is no stack", async () => {
      const { credential, baseUrl, connection } = await contact();
      assert.equal(baseUrl, fixture.emulator.url);
      assert.equal(credential.source, "environment variable FLEXPRICE_API_KEY");
      assert.equal((await connection.caller()).id, fixture.operator.userId);
    });

    it("prefers the stack's config, unless told not to", async () => {
      configure({ "flexprice:apiKey": "sk_of_the_stack" });
      assert.equal((await contact()).credential.value, "sk_of_the_stack");
      const { credential } = await contact({ stack: false });
      assert.equal(credential.value, fixture.operator.apiKey);
    });

    it("takes a named connection", async () => {
      const eu = { apiKey: "sk_of_eu", baseUrl: "https://eu.example.com" };
      configure({ "flexprice:connections": JSON.stringify({ eu }) });
      const { credential, baseUrl } = await contact({ connection: "eu" });
      assert.deepEqual([credential.value, baseUrl], ["sk_of_eu", "https://eu.example.com/v1"]);
      const missing = await failureOf(contact({ connection: "us" }), "configuration");
      assert.match(missing.reason, /^there is no connection "us"; there are: eu$/);
    });

    it("refuses a setting that means nothing: it may have been the server's address", async () => {
      configure({ "flexprice:baseurl": "https://x.io" });
      const error = await failureOf(contact(), "configuration");
      assert.equal(error.reason, "config key flexprice:baseurl is unknown");
    });

    it("says which places it has looked at for a credential", async () => {
      delete shell.environment["FLEXPRICE_API_KEY"];
      assert.equal(
        (await failureOf(contact(), "configuration")).message,
        "Could not try it.\n  Reason: no Flexprice credential is configured; there is no Pulumi project here, so that only environment variables count\n  What to do: set FLEXPRICE_API_KEY, or run the command in the folder of a Pulumi project whose stack has flexprice:apiKey.",
      );
      configure({});
      const { reason } = await failureOf(contact(), "configuration");
      assert.equal(reason, "no Flexprice credential is configured");
    });
  });
});
