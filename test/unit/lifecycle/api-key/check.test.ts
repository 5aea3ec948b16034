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

describe("lifecycle/api-key: check", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  beforeEach(() => {
    process = fixture.process();
  });

  const check = (news: object, olds: object = {}) =>
    process.keys.check(olds, news as unknown as KeyInputs);

  it("gives back the inputs with the default type, without __provider", async () => {
    assert.deepEqual(await check({ name: "k", __provider: PROVIDER }), {
      inputs: { name: "k", type: "private_key" },
      failures: [],
    });
    const { id } = fixture.emulator.createAccount(fixture.operator.tenantId, {
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

  describe("accepts", () => {
    const accepted: Record<string, object> = {
      "an instant to come": { expiresAt: at(1) },
      "an instant in another zone": { expiresAt: "2030-06-01T12:00:00+05:30" },
      "an instant to the nanosecond": { expiresAt: "2030-06-01T12:00:00.123456789Z" },
      "a long name": { name: "x".repeat(5_000) },
      "no name": { name: undefined },
      "a prefix of any length": { name: undefined, namePrefix: "x".repeat(5_000) },
      "a prefix with white space around and within": { name: undefined, namePrefix: " a\n\tb " },
      "a map without triggers": { rotationTriggers: {} },
      "rotation just within the lifetime": { expiresIn: "1d", rotateBefore: "23h" },
      "rotation just before an instant": { expiresAt: at(DAY + 1), rotateBefore: "1d" },
      "expire with an instant": { onDelete: "expire", expiresAt: at(DAY) },
      "adoption of a key to come": { adopt: { ...ADOPT, apiKey: UNKNOWN } },
    };
    for (const [what, inputs] of Object.entries(accepted)) {
      it(what, async () => assert.deepEqual(reasons(await check({ name: "k", ...inputs })), []));
    }
  });

  describe("refuses", () => {
    const refused: Record<string, [inputs: object, ...reasons: string[]]> = {
      "a name that is no text": [{ name: 7 }, "name: must be a string"],
      "an empty prefix": [{ namePrefix: "" }, BLANK_PREFIX],
      "a blank prefix": [{ namePrefix: " \n" }, BLANK_PREFIX],
      "a prefix with NUL": [{ namePrefix: "a\0" }, BLANK_PREFIX],
      "a prefix that is no text": [{ namePrefix: 7 }, BLANK_PREFIX],
      "a prefix that ends in half a character": [
        { namePrefix: "a\ud83d" },
        "namePrefix: must be well-formed Unicode",
      ],
      "an empty name": [{ name: "" }, BLANK],
      "a blank name": [{ name: " \n" }, BLANK],
      "a name with NUL": [{ name: "a\0" }, BLANK],
      "half a character": [{ name: "a\ud83d" }, "name: must be well-formed Unicode"],
      "an owner that is no account": [
        { serviceAccountId: "secret_1" },
        'serviceAccountId: must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
      ],
      "another type": [{ type: "integration" }, "type: must be private_key or publishable_key"],
      "a date": [{ expiresAt: "2030-06-01" }, INSTANT],
      "an instant without a zone": [{ expiresAt: "2030-06-01T12:00:00" }, INSTANT],
      "an instant without seconds": [{ expiresAt: "2030-06-01T12:00Z" }, INSTANT],
      "a day that does not exist": [{ expiresAt: "2030-02-30T12:00:00Z" }, INSTANT],
      "words for an instant": [{ expiresAt: "next year" }, INSTANT],
      "an instant that has come": [
        { expiresAt: at(0) },
        `expiresAt: has passed (now ${at(0)}): set a later instant`,
      ],
      "a lifetime without a unit": [{ expiresIn: "90" }, `expiresIn: ${LIFETIME}`],
      "a lifetime of nothing": [{ expiresIn: "0d" }, "expiresIn: must be longer than 0"],
      "a lifetime as a number": [{ expiresIn: 90 }, `expiresIn: ${LIFETIME}`],
      "both an instant and a lifetime": [
        { expiresIn: "90d", expiresAt: at(DAY) },
        "expiresIn: cannot be combined with expiresAt: set one of them",
      ],
      "rotation in other words": [
        { expiresIn: "90d", rotateBefore: "soon" },
        `rotateBefore: ${LIFETIME}`,
      ],
      "rotation without an expiry": [
        { rotateBefore: "14d" },
        "rotateBefore: needs an expiry to count back from: set expiresIn or expiresAt",
      ],
      "rotation as long as the lifetime": [{ expiresIn: "1d", rotateBefore: "24h" }, TOO_LONG],
      "rotation as long as until the instant": [
        { expiresAt: at(DAY), rotateBefore: "1d" },
        TOO_NEAR,
      ],
      "triggers that are no map": [
        { rotationTriggers: "1" },
        "rotationTriggers: must be a map of strings",
      ],
      "a trigger that is no text": [
        { rotationTriggers: { release: 1 } },
        "rotationTriggers.release: must be a string",
      ],
      "another end": [{ onDelete: "keep" }, 'onDelete: must be "revoke" or "expire"'],
      "expire without an expiry": [
        { onDelete: "expire" },
        'onDelete: "expire" needs an expiry, or the key would never expire: set expiresIn or expiresAt',
      ],
      "adoption by id alone": [
        { adopt: "secret_1" },
        "adopt: must hold the id and the apiKey of an existing key",
      ],
      "adoption without the key": [{ adopt: { id: "secret_1" } }, KEY],
      "adoption with the line break of a file": [
        { adopt: { ...ADOPT, apiKey: `${ADOPT.apiKey}\n` } },
        KEY,
      ],
      "adoption by an abbreviated key": [{ adopt: { ...ADOPT, apiKey: "sk_01\u2026NP" } }, KEY],
      "adoption of what is no key": [
        { adopt: { ...ADOPT, id: "user_1" } },
        'adopt.id: must be the id of an API key ("secret_…")',
      ],
      "an empty connection": [{ connection: "" }, "connection: must name a connection"],
      "what it does not know": [
        { expires: "90d" },
        'unknown property expires. Did you mean "expiresAt"?',
      ],
      "several things at once": [
        { name: "", type: "x" },
        BLANK,
        "type: must be private_key or publishable_key",
      ],
    };
    for (const [what, [inputs, ...expected]] of Object.entries(refused)) {
      it(what, async () => {
        assert.deepEqual(reasons(await check({ name: "k", ...inputs })), expected);
      });
    }

    it("never with the key to adopt in the reason", async () => {
      const adopt = { ...ADOPT, apiKey: "an-odd-secret-key", more: 1 };
      const inputs = { name: "k", adopt, onDelete: adopt.apiKey };
      assert.deepEqual(reasons(await check(inputs)), [
        'onDelete: must be "revoke" or "expire"',
        "adopt: must hold the id and the apiKey of an existing key",
      ]);
    });
  });

  it("takes null, by which JavaScript says that there is none, for nothing", async () => {
    const inputs = { type: "private_key", expiresIn: "90d" };
    const given = { ...inputs, name: null, namePrefix: null, adopt: null, serviceAccountId: null };
    assert.deepEqual(await check(given), { inputs, failures: [] });
  });

  describe("waits for what is not known yet", () => {
    const fields = [
      "serviceAccountId",
      "name",
      "namePrefix",
      "type",
      "expiresAt",
      "expiresIn",
      "rotationTriggers",
    ];
    for (const field of [...fields, "onDelete", "adopt", "connection"]) {
      it(field, async () => {
        const inputs = { name: "k", type: "private_key", expiresIn: "90d", [field]: UNKNOWN };
        if (field === "expiresAt") Reflect.deleteProperty(inputs, "expiresIn");
        assert.deepEqual(await check(inputs), { inputs, failures: [] });
      });
    }

    const partly: Record<string, object> = {
      "the id to adopt": { adopt: { ...ADOPT, id: UNKNOWN } },
      "the key to adopt": { adopt: { ...ADOPT, apiKey: UNKNOWN } },
      "one trigger": { rotationTriggers: { a: "1", b: UNKNOWN } },
      "rotation before a known expiry": { expiresIn: "1d", rotateBefore: UNKNOWN },
      "rotation before an unknown lifetime": { expiresIn: UNKNOWN, rotateBefore: "14d" },
      "rotation before an unknown instant": { expiresAt: UNKNOWN, rotateBefore: "14d" },
      "an end by an unknown expiry": { expiresAt: UNKNOWN, onDelete: "expire" },
    };
    for (const [what, more] of Object.entries(partly)) {
      it(what, async () => {
        const inputs = { name: "k", type: "private_key", ...more };
        assert.deepEqual(await check(inputs), { inputs, failures: [] });
      });
    }

    it("but not to check what is beside it", async () => {
      assert.deepEqual(
        reasons(await check({ name: "k", rotationTriggers: { a: UNKNOWN, b: 1 } })),
        ["rotationTriggers.b: must be a string"],
      );
      assert.deepEqual(
        reasons(await check({ name: "k", adopt: { id: "user_1", apiKey: UNKNOWN } })),
        ['adopt.id: must be the id of an API key ("secret_…")'],
      );
    });
  });

  describe("judges only what is to be made", () => {
    const fixed = { name: "k", type: "private_key", expiresAt: at(14 * DAY), rotateBefore: "14d" };
    const passed = { name: "k", type: "private_key", expiresAt: at(-DAY) };
    for (const [what, inputs] of Object.entries({ fixed, passed })) {
      it(`not a key that stays: ${what}`, async () => {
        assert.deepEqual(reasons(await check(inputs, inputs)), []);
        assert.deepEqual(reasons(await check({ ...inputs, onDelete: "revoke" }, inputs)), []);
        assert.equal(reasons(await check(inputs)).length, 1);
        assert.equal(reasons(await check({ ...inputs, name: "other" }, inputs)).length, 1);
      });
    }

    it("not what ignoreChanges has put in place of a later instant", async () => {
      // For the successor, the engine checks the program's inputs.
      assert.deepEqual(reasons(await check(passed, passed)), []);
      assert.deepEqual(reasons(await check({ ...passed, expiresAt: at(DAY) })), []);
    });
  });

  it("does not hold the rest of an existing key's life against its rotation", async () => {
    const inputs = { name: "k", type: "private_key", expiresAt: at(DAY), rotateBefore: "14d" };
    assert.deepEqual(reasons(await check(inputs, inputs)), []);
    assert.deepEqual(reasons(await check({ ...inputs, name: "k2" }, inputs)), [TOO_NEAR]);
  });
});
