import assert from "node:assert/strict";
import {
  DAY,
  type KeyInputs,
  type ProviderProcess,
  reasons,
  START,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey';
const LIFETIME = 'must be a number and a unit, e.g. "90d", "12h" or "30m"';
const INSTANT = 'expiresAt: must be an instant as in RFC 3339, e.g. "2030-06-01T12:00:00Z"';
const BLANK = "name: must not be blank or contain NUL";
const BLANK_PREFIX = "namePrefix: must not be blank or contain NUL";
const TOO_LONG =
  "rotateBefore: must be shorter than the key's lifetime, or every up would rotate it";
const TOO_NEAR =
  "expiresAt: is closer than rotateBefore: a key created now would be due for rotation at once; set a later instant";
const KEY = "adopt.apiKey: must be the key itself, without white space or a line break";
const ADOPT = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
const at = (ms: number) => new Date(START + ms).toISOString();

describe("ApiKeyProvider.check", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  beforeEach(() => {
    provider = fixture.process();
  });

  const check = (news: object, olds: object = {}) =>
    provider.keys.check(olds, news as unknown as KeyInputs);

  const reasonsFor = async (news: object, olds?: object) => reasons(await check(news, olds));

  it("returns the inputs with the default type, and without __provider", async () => {
    assert.deepEqual(await check({ name: "k", __provider: PROVIDER }), {
      inputs: { name: "k", type: "private_key" },
      failures: [],
    });
    const { id } = fixture.addAccount({
      roles: ["event_reader"],
    });
    const inputs = {
      serviceAccountId: id,
      name: "k",
      type: "publishable_key",
      expiresIn: "90d",
      rotateBefore: "14d",
      rotationTriggers: { release: "1" },
      onDelete: "expire",
      connection: "india",
    };
    assert.deepEqual(await check(inputs), { inputs, failures: [] });
  });

  const valid: Record<string, object> = {
    "a future expiry": { expiresAt: at(1) },
    "an expiry in another time zone": { expiresAt: "2030-06-01T12:00:00+05:30" },
    "an expiry with nanoseconds": { expiresAt: "2030-06-01T12:00:00.123456789Z" },
    "a long name": { name: "x".repeat(5_000) },
    "no name": { name: undefined },
    "a prefix of any length": { name: undefined, namePrefix: "x".repeat(5_000) },
    "a prefix that contains white space": { name: undefined, namePrefix: " a\n\tb " },
    "empty rotation triggers": { rotationTriggers: {} },
    "a rotation just within the lifetime": { expiresIn: "1d", rotateBefore: "23h" },
    "a rotation just before the expiry": { expiresAt: at(DAY + 1), rotateBefore: "1d" },
    "onDelete expire with an expiry": { onDelete: "expire", expiresAt: at(DAY) },
    "adopt with an unknown value of the key": { adopt: { ...ADOPT, apiKey: UNKNOWN } },
  };
  for (const [title, inputs] of Object.entries(valid)) {
    it(`accepts ${title}`, async () => {
      assert.deepEqual(await reasonsFor({ name: "k", ...inputs }), []);
    });
  }

  const invalid: Record<string, [inputs: object, ...reasons: string[]]> = {
    "a name that is a number": [{ name: 7 }, "name: must be a string"],
    "an empty prefix": [{ namePrefix: "" }, BLANK_PREFIX],
    "a blank prefix": [{ namePrefix: " \n" }, BLANK_PREFIX],
    "a prefix with NUL": [{ namePrefix: "a\0" }, BLANK_PREFIX],
    "a prefix that is a number": [{ namePrefix: 7 }, BLANK_PREFIX],
    "a prefix with half a surrogate pair": [
      { namePrefix: "a\ud83d" },
      "namePrefix: must be well-formed Unicode",
    ],
    "an empty name": [{ name: "" }, BLANK],
    "a blank name": [{ name: " \n" }, BLANK],
    "a name with NUL": [{ name: "a\0" }, BLANK],
    "a name with half a surrogate pair": [{ name: "a\ud83d" }, "name: must be well-formed Unicode"],
    "an owner that is not an account": [
      { serviceAccountId: "secret_1" },
      'serviceAccountId: must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
    ],
    "an unknown type": [{ type: "integration" }, "type: must be private_key or publishable_key"],
    "an expiry that is a date": [{ expiresAt: "2030-06-01" }, INSTANT],
    "an expiry without a time zone": [{ expiresAt: "2030-06-01T12:00:00" }, INSTANT],
    "an expiry without seconds": [{ expiresAt: "2030-06-01T12:00Z" }, INSTANT],
    "an expiry on a day that does not exist": [{ expiresAt: "2030-02-30T12:00:00Z" }, INSTANT],
    "an expiry in words": [{ expiresAt: "next year" }, INSTANT],
    "an expiry that has passed": [
      { expiresAt: at(0) },
      `expiresAt: has passed (now ${at(0)}): set a later instant`,
    ],
    "a lifetime without a unit": [{ expiresIn: "90" }, `expiresIn: ${LIFETIME}`],
    "a lifetime of zero": [{ expiresIn: "0d" }, "expiresIn: must be longer than 0"],
    "a lifetime that is a number": [{ expiresIn: 90 }, `expiresIn: ${LIFETIME}`],
    "both an expiry and a lifetime": [
      { expiresIn: "90d", expiresAt: at(DAY) },
      "expiresIn: cannot be combined with expiresAt: set one of them",
    ],
    "a rotation time in words": [
      { expiresIn: "90d", rotateBefore: "soon" },
      `rotateBefore: ${LIFETIME}`,
    ],
    "a rotation time without an expiry": [
      { rotateBefore: "14d" },
      "rotateBefore: needs an expiry to count back from: set expiresIn or expiresAt",
    ],
    "a rotation time as long as the lifetime": [{ expiresIn: "1d", rotateBefore: "24h" }, TOO_LONG],
    "a rotation time as long as the time until the expiry": [
      { expiresAt: at(DAY), rotateBefore: "1d" },
      TOO_NEAR,
    ],
    "rotation triggers that are a string": [
      { rotationTriggers: "1" },
      "rotationTriggers: must be a map of strings",
    ],
    "a rotation trigger that is a number": [
      { rotationTriggers: { release: 1 } },
      "rotationTriggers.release: must be a string",
    ],
    "an unknown onDelete": [{ onDelete: "keep" }, 'onDelete: must be "revoke" or "expire"'],
    "onDelete expire without an expiry": [
      { onDelete: "expire" },
      'onDelete: "expire" needs an expiry, or the key would never expire: set expiresIn or expiresAt',
    ],
    "adopt that is only an id": [
      { adopt: "secret_1" },
      "adopt: must hold the id and the apiKey of an existing key",
    ],
    "adopt without the value of the key": [{ adopt: { id: "secret_1" } }, KEY],
    "adopt with a line break after the value": [
      { adopt: { ...ADOPT, apiKey: `${ADOPT.apiKey}\n` } },
      KEY,
    ],
    "adopt with an abbreviated value": [{ adopt: { ...ADOPT, apiKey: "sk_01\u2026NP" } }, KEY],
    "adopt with an id that is not a key's": [
      { adopt: { ...ADOPT, id: "user_1" } },
      'adopt.id: must be the id of an API key ("secret_…")',
    ],
    "an empty connection": [{ connection: "" }, "connection: must name a connection"],
    "an unknown input, and suggests a similar one": [
      { expires: "90d" },
      'unknown property expires. Did you mean "expiresAt"?',
    ],
    "several invalid inputs at once": [
      { name: "", type: "x" },
      BLANK,
      "type: must be private_key or publishable_key",
    ],
  };
  for (const [title, [inputs, ...expected]] of Object.entries(invalid)) {
    it(`rejects ${title}`, async () => {
      assert.deepEqual(await reasonsFor({ name: "k", ...inputs }), expected);
    });
  }

  it("never shows the value of the key to adopt in a reason", async () => {
    const adopt = { ...ADOPT, apiKey: "an-odd-secret-key", more: 1 };
    assert.deepEqual(await reasonsFor({ name: "k", adopt, onDelete: adopt.apiKey }), [
      'onDelete: must be "revoke" or "expire"',
      "adopt: must hold the id and the apiKey of an existing key",
    ]);
  });

  it("treats null as an absent input", async () => {
    const inputs = { type: "private_key", expiresIn: "90d" };
    const nulls = { name: null, namePrefix: null, adopt: null, serviceAccountId: null };
    assert.deepEqual(await check({ ...inputs, ...nulls }), { inputs, failures: [] });
  });

  const unknown: Record<string, object> = {
    serviceAccountId: { serviceAccountId: UNKNOWN },
    name: { name: UNKNOWN },
    namePrefix: { namePrefix: UNKNOWN },
    type: { type: UNKNOWN },
    expiresAt: { expiresAt: UNKNOWN },
    expiresIn: { expiresIn: UNKNOWN },
    "rotateBefore with a known lifetime": { expiresIn: "1d", rotateBefore: UNKNOWN },
    "expiresIn with a known rotateBefore": { expiresIn: UNKNOWN, rotateBefore: "14d" },
    "expiresAt with a known rotateBefore": { expiresAt: UNKNOWN, rotateBefore: "14d" },
    rotationTriggers: { rotationTriggers: UNKNOWN },
    "one rotation trigger": { rotationTriggers: { a: "1", b: UNKNOWN } },
    onDelete: { expiresIn: "90d", onDelete: UNKNOWN },
    "expiresAt with onDelete expire": { expiresAt: UNKNOWN, onDelete: "expire" },
    adopt: { adopt: UNKNOWN },
    "adopt.id": { adopt: { ...ADOPT, id: UNKNOWN } },
    "adopt.apiKey": { adopt: { ...ADOPT, apiKey: UNKNOWN } },
    connection: { connection: UNKNOWN },
  };
  for (const [property, change] of Object.entries(unknown)) {
    it(`accepts an unknown value of ${property}`, async () => {
      const inputs = { name: "k", type: "private_key", ...change };
      assert.deepEqual(await check(inputs), { inputs, failures: [] });
    });
  }

  it("rejects invalid values beside unknown ones", async () => {
    assert.deepEqual(await reasonsFor({ name: "k", rotationTriggers: { a: UNKNOWN, b: 1 } }), [
      "rotationTriggers.b: must be a string",
    ]);
    assert.deepEqual(await reasonsFor({ name: "k", adopt: { id: "user_1", apiKey: UNKNOWN } }), [
      'adopt.id: must be the id of an API key ("secret_…")',
    ]);
  });

  for (const [title, expiry, reason] of [
    ["an expiry that has passed", { expiresAt: at(-DAY) }, /^expiresAt: has passed/],
    [
      "less time left than rotateBefore",
      { expiresAt: at(DAY), rotateBefore: "14d" },
      /^expiresAt: is closer/,
    ],
  ] as const) {
    it(`accepts ${title} for a key that stays, and rejects it for a key that is created`, async () => {
      const inputs = { name: "k", type: "private_key", ...expiry };
      assert.deepEqual(await reasonsFor(inputs, inputs), []);
      assert.deepEqual(await reasonsFor({ ...inputs, onDelete: "revoke" }, inputs), []);
      for (const [news, olds] of [
        [inputs, {}],
        [{ ...inputs, name: "other" }, inputs],
      ] as const) {
        const [failure = "", ...others] = await reasonsFor(news, olds);
        assert.match(failure, reason);
        assert.deepEqual(others, []);
      }
    });
  }
});
