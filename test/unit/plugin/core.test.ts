import assert from "node:assert/strict";
import { createCore, settingsProblems } from "../../../provider/plugin/core";
import { UNKNOWN, UnitFixture } from "../fixture";

describe("settingsProblems", () => {
  const problems = (
    settings: Record<string, unknown>,
    environment: Record<string, string> = {},
    provider?: string,
  ) => settingsProblems(settings, environment, provider);

  it("returns nothing for valid settings, or none", () => {
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

  const invalid: Record<string, readonly [settings: Record<string, unknown>, problem: RegExp]> = {
    "an unknown setting": [
      { apikey: "typo" },
      /^Could not use flexprice:apikey\.\n {2}Reason: config/,
    ],
    "an invalid base URL": [{ baseUrl: "ftp://a" }, /flexprice:baseUrl is not a valid http/],
    "a base URL with plain http": [
      { baseUrl: "http://flexprice.example" },
      /would be sent unencrypted/,
    ],
    "two credentials": [{ apiKey: "sk_a", accessToken: "b" }, /flexprice:accessToken/],
    "a flag that is not a boolean": [
      { preflight: "maybe" },
      /flexprice:preflight is neither true nor/,
    ],
    "connections that are not an object": [
      { connections: "eu" },
      /is not an object of named connections/,
    ],
    "an invalid connection": [
      { connections: JSON.stringify({ eu: { baseUrl: "ftp://a" } }) },
      /connection "eu".*not a valid http/,
    ],
  };
  for (const [title, [settings, expected]] of Object.entries(invalid)) {
    it(`returns one problem of three parts for ${title}`, () => {
      const [problem = "", ...others] = problems(settings);
      assert.deepEqual(others, []);
      assert.match(problem, expected);
      assert.match(problem, /^Could not .+\.\n {2}Reason: .+\n {2}What to do: .+$/);
    });
  }

  it("names an explicit provider, not the stack's config", () => {
    for (const settings of [{ apikey: "typo" }, { baseUrl: "ftp://a" }]) {
      assert.match(String(problems(settings, {}, "eu")), /provider "eu"/);
      assert.doesNotMatch(String(problems(settings, {}, "eu")), /config/);
    }
  });

  it("checks environment variables that no setting overrides", () => {
    const environment = { FLEXPRICE_BASE_URL: "ftp://a" };
    assert.match(String(problems({}, environment)), /environment variable FLEXPRICE_BASE_URL/);
    assert.deepEqual(problems({ baseUrl: "https://flexprice.example" }, environment), []);
  });

  it("only checks the names of the settings if a value is unknown", () => {
    assert.deepEqual(problems({ apiKey: UNKNOWN, baseUrl: "ftp://a" }), []);
    assert.equal(problems({ apiKey: UNKNOWN, apikey: "typo" }).length, 1);
  });
});

describe("createCore", () => {
  const fixture = UnitFixture.forEachTest();

  it("has functions that return objects, with lists as a property", async () => {
    const { emulator, operator } = fixture;
    const account = fixture.addAccount({ name: "a", roles: ["event_reader"] });
    const key = fixture.addKey(account.id, { name: "k" });
    const environment = { FLEXPRICE_BASE_URL: emulator.url, FLEXPRICE_API_KEY: operator.apiKey };
    const ignore = async () => undefined;
    const { functions } = createCore(
      { config: () => undefined, environment },
      { address: undefined, currentUrn: () => undefined, warn: ignore, notify: ignore },
    );
    const call = async (name: string, args = {}): Promise<unknown> =>
      (await functions[name]?.(args)) ?? assert.fail(name);
    assert.equal(Reflect.get(Object(await call("getCaller")), "id"), operator.userId);
    const found = await call("getServiceAccount", { id: account.id });
    assert.equal(Reflect.get(Object(found), "name"), "a");
    assert.deepEqual(await call("getServiceAccounts", { name: "a" }), { accounts: [found] });
    const { keys } = Object(await call("getApiKeys", { serviceAccountId: account.id }));
    assert.deepEqual(
      keys.map(({ id }: { id: string }) => id),
      [key.id],
    );
    const { roles } = Object(await call("getRoles"));
    assert.ok(roles.length > 0);
  });
});
