import assert from "node:assert/strict";
import { Emulator, type Operator } from "../../../provider/emulator";
import { createCore, settingsProblems } from "../../../provider/plugin/core";
import { UNKNOWN } from "../fixture";

const problems = (
  given: Record<string, unknown>,
  environment: Record<string, string> = {},
  provider?: string,
) => settingsProblems(given, environment, provider);

describe("plugin/core: the settings of a provider", () => {
  it("have no problem without any, nor if all are usable", () => {
    assert.deepEqual(problems({}), []);
    assert.deepEqual(
      problems({
        ...{ apiKey: "sk_01M85FAKMEBXGA1EGXE598V41Z", baseUrl: "https://flexprice.example" },
        ...{ preflight: false, allowInsecure: "true" },
        connections: { eu: { apiKey: "sk_01M85FAKMEBXGA1EGXE598V41Z" } },
      }),
      [],
    );
  });

  for (const [what, given, problem] of [
    [
      "that are unknown",
      { apikey: "typo" },
      /^Could not use flexprice:apikey\.\n {2}Reason: config/,
    ],
    ["with an unusable address", { baseUrl: "ftp://a" }, /flexprice:baseUrl is not a valid http/],
    ["with plain http", { baseUrl: "http://flexprice.example" }, /would be sent unencrypted/],
    ["with two credentials", { apiKey: "sk_a", accessToken: "b" }, /flexprice:accessToken/],
    ["with a flag that is none", { preflight: "maybe" }, /flexprice:preflight is neither true nor/],
    [
      "with connections that are none",
      { connections: "eu" },
      /is not an object of named connections/,
    ],
    [
      "with an unusable connection",
      { connections: JSON.stringify({ eu: { baseUrl: "ftp://a" } }) },
      /connection "eu".*not a valid http/,
    ],
  ] as const) {
    it(`${what} have one problem, in three parts`, () => {
      const [found = "", ...others] = problems(given);
      assert.deepEqual(others, []);
      assert.match(found, problem);
      assert.match(found, /^Could not .+\.\n {2}Reason: .+\n {2}What to do: .+$/);
    });
  }

  it("name an explicit provider, and not the stack's config", () => {
    for (const given of [{ apikey: "typo" }, { baseUrl: "ftp://a" }]) {
      assert.match(String(problems(given, {}, "eu")), /provider "eu"/);
      assert.doesNotMatch(String(problems(given, {}, "eu")), /config/);
    }
  });

  it("of the environment count, too, below those of the provider", () => {
    const environment = { FLEXPRICE_BASE_URL: "ftp://a" };
    assert.match(String(problems({}, environment)), /environment variable FLEXPRICE_BASE_URL/);
    assert.deepEqual(problems({ baseUrl: "https://flexprice.example" }, environment), []);
  });

  it("that are not known yet are not judged, unless their names are unknown", () => {
    assert.deepEqual(problems({ apiKey: UNKNOWN, baseUrl: "ftp://a" }), []);
    assert.equal(problems({ apiKey: UNKNOWN, apikey: "typo" }).length, 1);
  });
});

describe("plugin/core: functions", () => {
  let emulator: Emulator;
  let operator: Operator;
  beforeEach(async () => {
    emulator = await Emulator.start();
    operator = emulator.createTenant();
  });
  afterEach(() => emulator.stop());

  it("answer with objects, lists within one", async () => {
    const account = emulator.createAccount(operator.tenantId, {
      name: "a",
      roles: ["event_reader"],
    });
    const key = emulator.createKey(account.id, operator.environmentId, { name: "k" });
    const environment = { FLEXPRICE_BASE_URL: emulator.url, FLEXPRICE_API_KEY: operator.apiKey };
    const quiet = async () => undefined;
    const { functions } = createCore(
      { config: () => undefined, environment },
      { address: undefined, currentUrn: () => undefined, warn: quiet, notify: quiet },
    );
    const call = async (name: string, args = {}): Promise<unknown> =>
      (await functions[name]?.(args)) ?? assert.fail(name);
    assert.equal(Reflect.get(Object(await call("getCaller")), "id"), operator.userId);
    const one = await call("getServiceAccount", { id: account.id });
    assert.equal(Reflect.get(Object(one), "name"), "a");
    assert.deepEqual(await call("getServiceAccounts", { name: "a" }), { accounts: [one] });
    const { keys } = Object(await call("getApiKeys", { serviceAccountId: account.id }));
    assert.deepEqual(
      keys.map(({ id }: { id: string }) => id),
      [key.id],
    );
    const { roles } = Object(await call("getRoles"));
    assert.ok(roles.length > 0);
  });
});
