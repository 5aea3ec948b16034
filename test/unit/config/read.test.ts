import assert from "node:assert/strict";
import { unknownSettingError, unknownSettings } from "../../../provider/config/keys";
import {
  DEFAULT_BASE_URL,
  fingerprint,
  missingCredential,
  readSettings,
  type Settings,
  type SettingsSource,
  wantsPreflight,
} from "../../../provider/config/read";
import { FlexpriceError } from "../../../provider/shared/errors";

type Values = Record<string, string>;

function source(config: Values = {}, environment: Values = {}): SettingsSource {
  return { config: (key) => config[key.replace(/^flexprice:/, "")], environment };
}

function settings(config?: Values, environment?: Values, connection?: string): Settings {
  return readSettings(source(config, environment), connection);
}

function refusal(config?: Values, environment?: Values, connection?: string): FlexpriceError {
  return rejection(() => settings(config, environment, connection));
}

/** The error of a read, which must fail. */
function rejection(read: () => Settings): FlexpriceError {
  try {
    read();
  } catch (error) {
    assert(error instanceof FlexpriceError);
    assert.equal(error.kind, "configuration");
    return error;
  }
  throw new assert.AssertionError({ message: "the settings were accepted" });
}

const SECRET = "opensesame-12345";

describe("config/read", () => {
  it("has defaults", () => {
    assert.deepEqual(settings(), {
      baseUrl: "https://us.api.flexprice.io/v1",
      credential: undefined,
      environmentId: undefined,
    });
    assert.equal(DEFAULT_BASE_URL, "https://us.api.flexprice.io/v1");
  });

  it("reads the stack's config", () => {
    assert.deepEqual(
      settings({ apiKey: SECRET, environmentId: "env_1", baseUrl: "https://x.io/v1" }),
      {
        baseUrl: "https://x.io/v1",
        credential: { kind: "apiKey", value: SECRET, source: "config key flexprice:apiKey" },
        environmentId: "env_1",
      },
    );
  });

  it("reads the environment", () => {
    const environment = {
      FLEXPRICE_ACCESS_TOKEN: SECRET,
      FLEXPRICE_ENVIRONMENT_ID: "env_1",
      FLEXPRICE_BASE_URL: "http://localhost:8080",
    };
    assert.deepEqual(settings({}, environment), {
      baseUrl: "http://localhost:8080/v1",
      credential: {
        kind: "accessToken",
        value: SECRET,
        source: "environment variable FLEXPRICE_ACCESS_TOKEN",
      },
      environmentId: "env_1",
    });
  });

  it("prefers the config to the environment, setting by setting", () => {
    const config = { apiKey: SECRET, environmentId: "env_c" };
    const environment = {
      FLEXPRICE_API_KEY: "from-environment",
      FLEXPRICE_ENVIRONMENT_ID: "env_e",
      FLEXPRICE_BASE_URL: "https://e.io",
    };
    assert.deepEqual(settings(config, environment), {
      baseUrl: "https://e.io/v1",
      credential: { kind: "apiKey", value: SECRET, source: "config key flexprice:apiKey" },
      environmentId: "env_c",
    });
  });

  it("treats an empty value as missing", () => {
    const environment = { FLEXPRICE_API_KEY: "", FLEXPRICE_BASE_URL: "" };
    assert.deepEqual(settings({ apiKey: "", baseUrl: "" }, environment), settings());
  });

  describe("credential", () => {
    it("in the config is preferred to one of another kind in the environment", () => {
      const { credential } = settings(
        { accessToken: SECRET },
        { FLEXPRICE_API_KEY: "another-one" },
      );
      assert.deepEqual(credential, {
        kind: "accessToken",
        value: SECRET,
        source: "config key flexprice:accessToken",
      });
    });

    it("is rejected if another one is set in the same place", () => {
      const { message } = refusal({ apiKey: SECRET, accessToken: "another-one" });
      assert.equal(
        message,
        "Could not use config key flexprice:apiKey.\n  Reason: both config key flexprice:apiKey and config key flexprice:accessToken are set\n  What to do: keep the one for this stack, and remove the other.",
      );
      assert.match(
        refusal({}, { FLEXPRICE_API_KEY: "a-key", FLEXPRICE_ACCESS_TOKEN: "a-token" }).reason,
        /^both environment variable FLEXPRICE_API_KEY and environment variable FLEXPRICE_ACCESS_TOKEN are set$/,
      );
    });

    for (const value of [
      `${SECRET}\n`,
      ` ${SECRET}`,
      `${SECRET}\t`,
      `a\r${SECRET}`,
      `\0${SECRET}`,
    ]) {
      it(`is rejected if a header cannot carry it: ${JSON.stringify(value)}`, () => {
        const { reason, message } = refusal({ apiKey: value });
        assert.equal(
          reason,
          "config key flexprice:apiKey begins or ends with white space, or contains a line break",
        );
        assert(!message.includes(SECRET));
      });
    }
  });

  for (const [extra, value] of [
    ["Bearer", `Bearer ${SECRET}`],
    ["bearer", `bearer ${SECRET}`],
    ["Basic", `Basic ${SECRET}`],
    ['"', `"${SECRET}"`],
    ["'", `'${SECRET}'`],
  ] as const) {
    it(`rejects a credential that begins with ${extra}`, () => {
      const { reason, message } = refusal({}, { FLEXPRICE_API_KEY: value });
      assert.equal(
        reason,
        `environment variable FLEXPRICE_API_KEY begins with ${extra}, which is not part of the credential`,
      );
      assert(!message.includes(SECRET));
    });
  }

  it("rejects a credential that was copied in abbreviated form", () => {
    const { reason, message } = refusal({ apiKey: "sk_01M85\u2026NP" });
    assert.equal(reason, "config key flexprice:apiKey contains a character that no credential has");
    assert(!message.includes("sk_01M85"));
  });

  it("fingerprints settings by server and credential, and by the environment of an access token", () => {
    const fingerprintOf = (config: Values) => fingerprint(settings(config));
    const [key, token] = [{ apiKey: SECRET }, { accessToken: SECRET }];
    assert.equal(fingerprintOf(key), fingerprintOf({ ...key, environmentId: "env_1" }));
    const different = [
      key,
      { apiKey: `${SECRET}6` },
      { ...key, baseUrl: "https://flexprice.example.com" },
      token,
      { ...token, environmentId: "env_1" },
      { ...token, environmentId: "env_2" },
    ];
    assert.equal(new Set(different.map(fingerprintOf)).size, different.length);
    assert.ok(!different.map(fingerprintOf).join().includes(SECRET));
  });

  describe("base URL", () => {
    const valid: Record<string, string> = {
      "https://api.cloud.flexprice.io/v1": "https://api.cloud.flexprice.io/v1",
      "https://api.cloud.flexprice.io/v1/": "https://api.cloud.flexprice.io/v1",
      "https://api.cloud.flexprice.io": "https://api.cloud.flexprice.io/v1",
      "https://api.cloud.flexprice.io//": "https://api.cloud.flexprice.io/v1",
      "https://api.cloud.flexprice.io/v1/v1": "https://api.cloud.flexprice.io/v1",
      "https://api.cloud.flexprice.io/v1//v1/": "https://api.cloud.flexprice.io/v1",
      "https://gateway.example//flexprice/v1/v1": "https://gateway.example/flexprice/v1",
      "https://gateway.example/v1/flexprice": "https://gateway.example/v1/flexprice/v1",
      "https://gateway.example/flexprice-v1": "https://gateway.example/flexprice-v1/v1",
      "https://gateway.example/flexprice": "https://gateway.example/flexprice/v1",
      "HTTPS://Gateway.Example:8443/a/v1": "https://gateway.example:8443/a/v1",
      "http://localhost:8080/v1": "http://localhost:8080/v1",
      "http://127.0.0.1:8080": "http://127.0.0.1:8080/v1",
      "http://127.8.9.1": "http://127.8.9.1/v1",
      "http://[::1]:8080": "http://[::1]:8080/v1",
    };
    for (const [given, used] of Object.entries(valid)) {
      it(`${given} becomes ${used}`, () => {
        assert.equal(settings({ baseUrl: given }).baseUrl, used);
      });
    }

    for (const given of [
      "us.api.flexprice.io",
      "ftp://x.io",
      "https://",
      "localhost:8080",
      "/v1",
    ]) {
      it(`${given} is rejected`, () => {
        assert.equal(
          refusal({ baseUrl: given }).message,
          'Could not use config key flexprice:baseUrl.\n  Reason: the base URL from config key flexprice:baseUrl is not a valid http(s) URL\n  What to do: set it with "pulumi config set flexprice:baseUrl https://us.api.flexprice.io/v1" or in FLEXPRICE_BASE_URL.',
        );
      });
    }

    for (const given of [
      "https://jo@x.io",
      "https://jo:pass@x.io",
      "https://x.io/?k=1",
      "https://x.io/#a",
    ]) {
      it(`${given} is rejected because of its user, query or fragment`, () => {
        assert.match(refusal({ baseUrl: given }).reason, /contains a user, a query or a fragment$/);
      });
    }

    const insecure = [
      "http://x.io",
      "http://localhost.evil.io",
      "http://127.0.0.1.evil.io",
      "http://10.0.0.1",
      "http://0.0.0.0:8080",
    ];
    for (const given of insecure) {
      it(`${given} is rejected without allowInsecure`, () => {
        const error = refusal({}, { FLEXPRICE_BASE_URL: given });
        assert.equal(
          error.reason,
          `the base URL from environment variable FLEXPRICE_BASE_URL uses plain http to ${new URL(given).hostname}: credentials and keys would be sent unencrypted`,
        );
        assert.match(error.fix, /"pulumi config set flexprice:allowInsecure true"/);
        assert.equal(settings({ baseUrl: given, allowInsecure: "true" }).baseUrl, `${given}/v1`);
        assert.equal(
          settings({ baseUrl: given }, { FLEXPRICE_ALLOW_INSECURE: "true" }).baseUrl,
          `${given}/v1`,
        );
        refusal({ baseUrl: given, allowInsecure: "false" }, { FLEXPRICE_ALLOW_INSECURE: "true" });
      });
    }
  });

  it("accepts only true and false for flags", () => {
    assert.equal(wantsPreflight(source()), true);
    assert.equal(wantsPreflight(source({ preflight: "true" })), true);
    assert.equal(wantsPreflight(source({ preflight: "false" })), false);
    assert.equal(wantsPreflight(source({}, { FLEXPRICE_PREFLIGHT: "false" })), false);
    assert.equal(
      wantsPreflight(source({ preflight: "true" }, { FLEXPRICE_PREFLIGHT: "false" })),
      true,
    );
    assert.throws(() => wantsPreflight(source({ preflight: "no" })), {
      message:
        'Could not use config key flexprice:preflight.\n  Reason: config key flexprice:preflight is neither true nor false\n  What to do: set it with "pulumi config set flexprice:preflight false" or in FLEXPRICE_PREFLIGHT.',
    });
    assert.match(refusal({ allowInsecure: "1" }).reason, /flexprice:allowInsecure is neither/);
  });

  describe("connections", () => {
    const connections = (value: unknown): Values => ({ connections: JSON.stringify(value) });

    it("are read by name, separately from the default connection", () => {
      const config = {
        apiKey: "outer-key",
        environmentId: "env_outer",
        ...connections({
          india: {
            accessToken: SECRET,
            environmentId: "env_1",
            baseUrl: "https://api.cloud.flexprice.io",
          },
        }),
      };
      assert.deepEqual(settings(config, {}, "india"), {
        baseUrl: "https://api.cloud.flexprice.io/v1",
        credential: {
          kind: "accessToken",
          value: SECRET,
          source: 'connection "india" in config key flexprice:connections',
        },
        environmentId: "env_1",
      });
      assert.equal(settings(config).credential?.value, "outer-key");
    });

    it("inherit only the base URL from the default connection", () => {
      const environment = {
        FLEXPRICE_CONNECTIONS: '{"a":{}}',
        FLEXPRICE_BASE_URL: "https://x.io",
        FLEXPRICE_API_KEY: "outer-key",
        FLEXPRICE_ENVIRONMENT_ID: "env_outer",
      };
      assert.deepEqual(settings({}, environment, "a"), {
        baseUrl: "https://x.io/v1",
        credential: undefined,
        environmentId: undefined,
      });
      assert.equal(
        settings({}, { FLEXPRICE_CONNECTIONS: '{"a":{}}' }, "a").baseUrl,
        DEFAULT_BASE_URL,
      );
    });

    it("list the existing names if one does not exist", () => {
      const missing = refusal(connections({ a: {}, b: {} }), {}, "c");
      assert.equal(missing.reason, 'connection "c" does not exist; configured: a, b');
      assert.match(missing.fix, /--path flexprice:connections\.c\.apiKey"/);
      assert.equal(
        refusal({}, {}, "c").reason,
        'connection "c" does not exist; none is configured',
      );
    });

    it("are quoted in a suggested command if their name requires it", () => {
      const paths = ["eu.prod", 'a"b', "1st", "with space"].map(
        (name) => refusal({}, {}, name).fix,
      );
      assert.deepEqual(
        paths.map((fix) => /--path (flexprice:.*?)\.apiKey"/.exec(fix)?.[1]),
        [
          'flexprice:connections["eu.prod"]',
          'flexprice:connections["a\\"b"]',
          'flexprice:connections["1st"]',
          'flexprice:connections["with space"]',
        ],
      );
      assert.match(
        missingCredential("eu.prod").fix,
        /--path flexprice:connections\["eu\.prod"\]\.apiKey"/,
      );
    });

    for (const name of ["__proto__", "constructor", "prototype"]) {
      it(`cannot be called ${name}`, () => {
        const given = { connections: `{"${name}":{"apiKey":"${SECRET}"}}` };
        assert.equal(refusal(given, {}, name).reason, `a connection cannot be called "${name}"`);
      });
    }

    it("escape control characters in a name", () => {
      const { message } = refusal({}, {}, "a\x1b[2J\u202eb");
      assert.match(message, /connection "a\\u001b\[2J\\u\{202e\}b" does not exist/);
    });

    for (const value of ["no JSON", "[]", '"text"', "null", "1"]) {
      it(`are rejected if they are not an object: ${value}`, () => {
        assert.equal(
          refusal({ connections: value }, {}, "a").message,
          'Could not use config key flexprice:connections.\n  Reason: config key flexprice:connections is not an object of named connections\n  What to do: set it with "pulumi config set --secret --path flexprice:connections.NAME.apiKey" or in FLEXPRICE_CONNECTIONS.',
        );
      });
    }

    it("are rejected with unknown or invalid properties, without printing values", () => {
      const error = refusal(connections({ a: { apiKey: 7, secret: SECRET } }), {}, "a");
      assert.match(error.reason, /^connection "a" is unusable: /);
      assert.match(error.reason, /apiKey: Invalid input: expected string, received number/);
      assert.match(error.reason, /Unrecognized key: "secret"/);
      assert(!error.message.includes(SECRET));
      assert.match(
        refusal(connections({ a: "text" }), {}, "a").reason,
        /^connection "a" is unusable/,
      );
      assert.match(
        refusal(connections({ a: { apiKey: "" } }), {}, "a").reason,
        /^connection "a" is unusable: apiKey: /,
      );
    });

    it("must have one credential and a safe URL, as the default connection must", () => {
      const withTwo = refusal(
        connections({ a: { apiKey: "a-key", accessToken: "a-token" } }),
        {},
        "a",
      );
      assert.equal(
        withTwo.reason,
        'both connection "a" in config key flexprice:connections and connection "a" in config key flexprice:connections are set',
      );
      assert.match(
        refusal(connections({ a: { baseUrl: "http://x.io" } }), {}, "a").reason,
        /^the base URL from connection "a" in config key flexprice:connections uses plain http/,
      );
    });
  });

  it("finds unknown keys, and lists the valid ones", () => {
    const keys = ["flexprice:apikey", "flexprice:apiKey", "aws:region", "flexprice:connections"];
    assert.deepEqual(unknownSettings(keys), ["flexprice:apikey"]);
    assert.equal(
      unknownSettingError("flexprice:apikey").message,
      'Could not use flexprice:apikey.\n  Reason: config key flexprice:apikey is unknown\n  What to do: remove it ("pulumi config rm flexprice:apikey") or correct it; valid keys: flexprice:apiKey, flexprice:accessToken, flexprice:environmentId, flexprice:baseUrl, flexprice:connections, flexprice:allowInsecure, flexprice:preflight.',
    );
  });

  // A lookup with "in" would also find the names in every object's prototype.
  it("does not accept names that every object has", () => {
    assert.deepEqual(unknownSettings(["flexprice:toString"]), ["flexprice:toString"]);
  });

  it("suggests a command or variable for a missing credential", () => {
    const error = missingCredential();
    assert.equal(error.kind, "configuration");
    assert.equal(
      error.message,
      'Could not connect to Flexprice.\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.',
    );
    assert.equal(
      missingCredential("india").message,
      'Could not connect to Flexprice.\n  Reason: connection "india" has neither apiKey nor accessToken\n  What to do: add one of them: "pulumi config set --secret --path flexprice:connections.india.apiKey".',
    );
  });

  describe("of an explicit provider", () => {
    const providerArguments = (config: Values) => ({ ...source(config), provider: "eu" });
    const refusalOf = (config: Values, connection?: string) =>
      rejection(() => readSettings(providerArguments(config), connection));

    it("name the provider in errors, not the stack's config", () => {
      assert.equal(
        readSettings(providerArguments({ apiKey: SECRET })).credential?.source,
        'apiKey of provider "eu"',
      );
      const errors = [
        refusalOf({ baseUrl: "x" }),
        refusalOf({ baseUrl: "http://example.invalid" }),
        refusalOf({ allowInsecure: "maybe" }),
        refusalOf({ connections: "{}" }, "us"),
        missingCredential(undefined, "eu"),
        unknownSettingError("flexprice:apikey", "eu"),
      ];
      for (const { message } of errors) {
        assert.match(message, /provider "eu"/);
        assert.doesNotMatch(message, /pulumi config|config key/);
      }
    });

    it("can come from the environment", () => {
      const { credential } = readSettings({
        ...source({}, { FLEXPRICE_API_KEY: SECRET }),
        provider: "eu",
      });
      assert.equal(credential?.source, "environment variable FLEXPRICE_API_KEY");
    });
  });
});
