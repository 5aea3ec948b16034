import assert from "node:assert/strict";
import { log, RunError, runtime } from "@pulumi/pulumi";

type ProgramConfig = typeof import("../../../provider/resources/program-config");

/** As in a new program, which has checked nothing yet. */
function load(): ProgramConfig {
  const path = require.resolve("../../../provider/resources/program-config");
  delete require.cache[path];
  return require(path) as ProgramConfig;
}

describe("rejectUnknownSettings", () => {
  const originalConfig = runtime.allConfig();
  afterEach(() => runtime.setAllConfig(originalConfig));

  it("rejects an unknown flexprice setting with its name and without a stack trace", () => {
    runtime.setAllConfig({ "flexprice:apikey": "a typo", "aws:region": "x" });
    assert.throws(
      () => load().rejectUnknownSettings(),
      (error) =>
        error instanceof RunError &&
        error.message.startsWith(
          "Could not use flexprice:apikey.\n  Reason: config key flexprice:apikey is unknown",
        ),
    );
  });

  it("accepts known settings, and settings of other packages", () => {
    runtime.setAllConfig({ "flexprice:apiKey": "k", "flexprice:preflight": "true", "aws:x": "y" });
    load().rejectUnknownSettings();
  });

  it("checks once per program", () => {
    const { rejectUnknownSettings } = load();
    rejectUnknownSettings();
    runtime.setAllConfig({ "flexprice:apikey": "a typo" });
    rejectUnknownSettings();
  });

  describe("of a config with credentials", () => {
    const variable = "PULUMI_CONFIG_SECRET_KEYS";
    const { warn } = log;
    const secretKeys = process.env[variable];
    afterEach(() => {
      Object.assign(log, { warn });
      if (secretKeys === undefined) delete process.env[variable];
      else process.env[variable] = secretKeys;
    });

    /** The warnings of a program if the CLI lists these keys as secret. */
    function warningsWith(encryptedKeys: string | undefined): string[] {
      const messages: string[] = [];
      Object.assign(log, { warn: async (message: string) => void messages.push(message) });
      if (encryptedKeys === undefined) delete process.env[variable];
      else process.env[variable] = encryptedKeys;
      runtime.setAllConfig({
        "flexprice:apiKey": "open-sesame",
        "flexprice:connections": '{"eu":{"apiKey":"open-sesame"}}',
        "flexprice:baseUrl": "https://x.io",
      });
      load().rejectUnknownSettings();
      return messages;
    }

    it("warns of each credential in plain text without its value, and says how to set it", () => {
      const [apiKey, connections, ...others] = warningsWith("[]");
      assert.equal(
        apiKey,
        'flexprice:apiKey is stored in the stack\'s file in plain text, and everyone who can read the repository can read it. Replace the credential, and set the new one with "pulumi config set --secret flexprice:apiKey".',
      );
      assert.match(
        String(connections),
        /^flexprice:connections is stored .* --secret flexprice:connections/,
      );
      assert.deepEqual(others, []);
      assert(!`${apiKey}${connections}`.includes("sesame"));
    });

    it("does not warn of encrypted credentials", () => {
      assert.deepEqual(warningsWith('["flexprice:apiKey","flexprice:connections"]'), []);
      assert.equal(warningsWith('["flexprice:apiKey"]').length, 1);
    });

    it("does not warn if the CLI does not list the encrypted keys", () => {
      for (const keys of [undefined, "", "no JSON", "{}", "null"]) {
        assert.deepEqual(warningsWith(keys), [], String(keys));
      }
    });
  });
});

describe("functionSettings", () => {
  beforeEach(() =>
    runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
      call: ({ inputs }) => inputs,
    }),
  );

  /** The settings at the end of a program. */
  async function settingsAfter(program: () => void, config: ProgramConfig): Promise<unknown> {
    let settings: unknown;
    await runtime.runInPulumiStack(async () => {
      program();
      settings = config.functionSettings();
    });
    return settings;
  }

  it("returns nothing if the program has called no function", async () => {
    assert.deepEqual(await settingsAfter(() => {}, load()), {});
  });

  it("returns the settings of each connection that functions have used", async () => {
    const config = load();
    const program = () => {
      config.recordFunctionSettings(undefined, "a");
      config.recordFunctionSettings("eu", "b");
      config.recordFunctionSettings("eu", "b");
    };
    assert.deepEqual(await settingsAfter(program, config), { __functions: { "": "a", eu: "b" } });
  });

  it("returns nothing of an earlier program in the same process", async () => {
    const config = load();
    await settingsAfter(() => config.recordFunctionSettings(undefined, "a"), config);
    assert.deepEqual(await settingsAfter(() => {}, config), {});
  });
});
