import assert from "node:assert/strict";
import { log, RunError, runtime } from "@pulumi/pulumi";

type ProgramConfig = typeof import("../../../provider/resources/program-config");

/** As in a new program, which has checked nothing yet. */
function load(): ProgramConfig {
  const path = require.resolve("../../../provider/resources/program-config");
  delete require.cache[path];
  return require(path) as ProgramConfig;
}

describe("resources/program-config", () => {
  const before = runtime.allConfig();
  afterEach(() => runtime.setAllConfig(before));

  it("refuses a setting that means nothing, by its name and without a stack", () => {
    runtime.setAllConfig({ "flexprice:apikey": "a slip", "aws:region": "x" });
    assert.throws(
      () => load().rejectUnknownSettings(),
      (error) =>
        error instanceof RunError &&
        error.message.startsWith(
          "Could not use flexprice:apikey.\n  Reason: config key flexprice:apikey is unknown",
        ),
    );
  });

  it("accepts those that mean something, and those of others", () => {
    runtime.setAllConfig({ "flexprice:apiKey": "k", "flexprice:preflight": "true", "aws:x": "y" });
    load().rejectUnknownSettings();
  });

  it("looks once a program", () => {
    const { rejectUnknownSettings } = load();
    rejectUnknownSettings();
    runtime.setAllConfig({ "flexprice:apikey": "a slip" });
    rejectUnknownSettings();
  });

  describe("of credentials in plain text", () => {
    const variable = "PULUMI_CONFIG_SECRET_KEYS";
    const { warn } = log;
    const secretKeys = process.env[variable];
    afterEach(() => {
      Object.assign(log, { warn });
      if (secretKeys === undefined) delete process.env[variable];
      else process.env[variable] = secretKeys;
    });

    /** The warnings of a program with this config. The CLI lists these keys as secret. */
    function warnings(config: Record<string, string>, secret: string | undefined): string[] {
      const shown: string[] = [];
      Object.assign(log, { warn: async (message: string) => void shown.push(message) });
      if (secret === undefined) delete process.env[variable];
      else process.env[variable] = secret;
      runtime.setAllConfig(config);
      load().rejectUnknownSettings();
      return shown;
    }
    const all = {
      "flexprice:apiKey": "open-sesame",
      "flexprice:connections": '{"eu":{"apiKey":"open-sesame"}}',
      "flexprice:baseUrl": "https://x.io",
    };

    it("warns of each, without its value, and says how to set it", () => {
      const [first, second, ...more] = warnings(all, "[]");
      assert.equal(
        first,
        'flexprice:apiKey is stored in the stack\'s file in plain text, and everyone who can read the repository can read it. Replace the credential, and set the new one with "pulumi config set --secret flexprice:apiKey".',
      );
      assert.match(
        String(second),
        /^flexprice:connections is stored .* --secret flexprice:connections/,
      );
      assert.deepEqual(more, []);
      assert(!`${first}${second}`.includes("sesame"));
    });

    it("does not warn of what is encrypted", () => {
      const keys = '["flexprice:apiKey","flexprice:connections"]';
      assert.deepEqual(warnings(all, keys), []);
      assert.equal(warnings(all, '["flexprice:apiKey"]').length, 1);
    });

    it("does not warn where the CLI does not say what is encrypted", () => {
      for (const keys of [undefined, "", "no JSON", "{}", "null"]) {
        assert.deepEqual(warnings(all, keys), [], String(keys));
      }
    });
  });

  describe("of functions", () => {
    beforeEach(() =>
      runtime.setMocks({
        newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
        call: ({ inputs }) => inputs,
      }),
    );

    /** The settings that a resource gets at the end of this program. */
    async function told(program: () => void, config = load()): Promise<unknown> {
      let settings: unknown;
      await runtime.runInPulumiStack(async () => {
        program();
        settings = config.functionSettings();
      });
      return settings;
    }

    it("tells resources nothing where there were none", async () => {
      assert.deepEqual(await told(() => {}), {});
    });

    it("tells resources what each connection is used with", async () => {
      const config = load();
      const program = () => {
        config.recordFunctionSettings(undefined, "a");
        config.recordFunctionSettings("eu", "b");
        config.recordFunctionSettings("eu", "b");
      };
      assert.deepEqual(await told(program, config), { __functions: { "": "a", eu: "b" } });
    });

    it("keeps the runs of a process apart", async () => {
      const config = load();
      await told(() => config.recordFunctionSettings(undefined, "a"), config);
      assert.deepEqual(await told(() => {}, config), {});
    });
  });
});
