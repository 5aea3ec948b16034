import assert from "node:assert/strict";
import {
  DAY,
  type KeyInputs,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  SECOND,
  START,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const ADOPT = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
const AUTO = { name: "k-0123456789", autoName: "k-0123456789", namePrefix: "k" };
const at = (ms: number) => new Date(START + ms).toISOString();

describe("lifecycle/api-key: diff", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  const id = "secret_1";
  const inputs = {
    name: "k",
    type: "private_key",
    serviceAccountId: "user_1",
  } satisfies KeyInputs;
  const state: KeyState = {
    ...inputs,
    apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z",
    displayId: "sk_01***0Z",
    roles: ["event_reader"],
    userId: "user_1",
    userType: "service_account",
    createdAt: at(-DAY),
    tenantId: "tenant_1",
  };
  beforeEach(async () => {
    process = fixture.process();
  });

  const diff = async (olds: object, news: object) => {
    const { deleteBeforeReplace, changes, replaces } = await process.keys.diff(
      id,
      { ...state, tenantId: fixture.operator.tenantId, ...olds } as KeyState,
      { ...inputs, ...news } as KeyInputs,
    );
    assert.equal(deleteBeforeReplace, false);
    return [changes, replaces];
  };

  type Case = [olds: object, news: object, changes: boolean, replaces: string[]];
  const at90 = { expiresIn: "90d", expiresAt: at(89 * DAY) };
  const later = at(30 * DAY);
  const cases: Record<string, Case> = {
    nothing: [{}, {}, false, []],
    "another account": [{}, { serviceAccountId: "user_2" }, true, ["serviceAccountId"]],
    "an unknown account": [{}, { serviceAccountId: UNKNOWN }, true, ["serviceAccountId"]],
    "another name": [{}, { name: "k2" }, true, ["name"]],
    "an unknown name": [{}, { name: UNKNOWN }, true, ["name"]],
    "no name any more": [{}, { name: undefined }, false, []],
    "no name any more, and another prefix": [{}, { name: undefined, namePrefix: "b" }, false, []],
    "an unknown prefix": [{}, { name: undefined, namePrefix: UNKNOWN }, false, []],
    "a name for a key that had made one up": [AUTO, { name: "k" }, true, ["name"]],
    "the name that was made up": [AUTO, { name: AUTO.name }, false, []],
    "nothing, of a name that was made up": [AUTO, { name: undefined, namePrefix: "k" }, false, []],
    "another prefix of a name that was made up": [
      AUTO,
      { name: undefined, namePrefix: "other" },
      false,
      [],
    ],
    "another type": [{}, { type: "publishable_key" }, true, ["type"]],
    "another connection": [{}, { connection: "india" }, true, ["connection"]],
    "a new expiry": [{}, { expiresAt: later }, true, ["expiresAt"]],
    "an unknown expiry": [{}, { expiresAt: UNKNOWN }, true, ["expiresAt"]],
    "no expiry any more": [{ expiresAt: later }, {}, true, ["expiresAt"]],
    "another expiry": [{ expiresAt: later }, { expiresAt: at(45 * DAY) }, true, ["expiresAt"]],
    "the same expiry in another zone": [
      { expiresAt: "2030-06-01T12:00:00Z" },
      { expiresAt: "2030-06-01T17:30:00+05:30" },
      false,
      [],
    ],
    "a new lifetime": [{}, { expiresIn: "90d" }, true, ["expiresIn"]],
    "an unknown lifetime": [at90, { expiresIn: UNKNOWN }, true, ["expiresIn"]],
    "the same lifetime in other words": [at90, { expiresIn: "2160h" }, false, []],
    "another lifetime": [at90, { expiresIn: "30d" }, true, ["expiresIn"]],
    "no lifetime any more": [at90, {}, true, ["expiresIn"]],
    "the instant in place of the lifetime": [at90, { expiresAt: at(89 * DAY) }, false, []],
    "a lifetime in place of the instant": [
      { expiresAt: at(89 * DAY) },
      { expiresIn: "90d" },
      true,
      ["expiresIn"],
    ],
    "rotation set": [at90, { expiresIn: "90d", rotateBefore: "14d" }, true, []],
    "rotation unknown": [at90, { expiresIn: "90d", rotateBefore: UNKNOWN }, true, []],
    "rotation in other words": [
      { ...at90, rotateBefore: "14d" },
      { expiresIn: "90d", rotateBefore: "2w" },
      false,
      [],
    ],
    "another end": [at90, { expiresIn: "90d", onDelete: "expire" }, true, []],
    "the end that it has": [{}, { onDelete: "revoke" }, false, []],
    "an unknown end": [{}, { onDelete: UNKNOWN }, true, []],
    "a trigger changed": [
      { rotationTriggers: { a: "1" } },
      { rotationTriggers: { a: "2" } },
      true,
      ["rotationTriggers"],
    ],
    "a trigger more": [
      { rotationTriggers: { a: "1" } },
      { rotationTriggers: { a: "1", b: "1" } },
      true,
      ["rotationTriggers"],
    ],
    "a trigger less": [
      { rotationTriggers: { a: "1", b: "1" } },
      { rotationTriggers: { a: "1" } },
      true,
      ["rotationTriggers"],
    ],
    "a trigger under another name": [
      { rotationTriggers: { a: "1" } },
      { rotationTriggers: { b: "1" } },
      true,
      ["rotationTriggers"],
    ],
    "an unknown trigger": [
      { rotationTriggers: { a: "1" } },
      { rotationTriggers: { a: UNKNOWN } },
      true,
      ["rotationTriggers"],
    ],
    "unknown triggers": [
      { rotationTriggers: { a: "1" } },
      { rotationTriggers: UNKNOWN },
      true,
      ["rotationTriggers"],
    ],
    "triggers removed": [{ rotationTriggers: { a: "1" } }, {}, true, ["rotationTriggers"]],
    "the triggers in another order": [
      { rotationTriggers: { a: "1", b: "2" } },
      { rotationTriggers: { b: "2", a: "1" } },
      false,
      [],
    ],
    "adoption of another": [{}, { adopt: { ...ADOPT, id: "secret_2" } }, true, ["adopt"]],
    "adoption of itself": [{}, { adopt: ADOPT }, false, []],
    "adoption of itself, the key not known": [
      {},
      { adopt: { ...ADOPT, apiKey: UNKNOWN } },
      false,
      [],
    ],
    "adoption of an unknown": [{}, { adopt: UNKNOWN }, true, ["adopt"]],
    "adoption of an unknown id": [{}, { adopt: { ...ADOPT, id: UNKNOWN } }, true, ["adopt"]],
  };
  for (const [what, [olds, news, ...expected]] of Object.entries(cases)) {
    it(what, async () => {
      assert.deepEqual(await diff(olds, news), expected);
      assert.deepEqual(process.warnings, []);
    });
  }

  describe("of triggers on a key that has none", () => {
    for (const rotationTriggers of [{ a: "1" }, { a: UNKNOWN }, UNKNOWN]) {
      it(`is an update, or the state would not know them at their next change: ${JSON.stringify(rotationTriggers)}`, async () => {
        assert.deepEqual(await diff({}, { rotationTriggers }), [true, []]);
      });
    }
  });

  describe("by time", () => {
    const rotating = { ...at90, rotateBefore: "14d" };
    const program = { expiresIn: "90d", rotateBefore: "14d" };
    const due = (ms: number) =>
      `API key "k" (${id}) expires at ${at(89 * DAY)}; with rotateBefore 14d, rotation has been due since ${at(ms)}: this key will be replaced.`;

    it("replaces a key from the moment on at which it is due, and says so", async () => {
      fixture.clock.now = START + 75 * DAY - 1;
      assert.deepEqual(await diff(rotating, program), [false, []]);
      assert.deepEqual(process.warnings, []);
      // The server's clock, which is known by now, has whole seconds.
      fixture.clock.now += SECOND;
      assert.deepEqual(await diff(rotating, program), [true, ["expiresAt"]]);
      assert.deepEqual(process.warnings, [due(75 * DAY)]);
    });

    it("goes by the server's clock, once the server has shown it", async () => {
      const ahead = await UnitFixture.start({ serverAheadMs: MINUTE });
      try {
        process = ahead.process();
        const { tenantId } = ahead.operator;
        ahead.clock.now = START + 75 * DAY - MINUTE / 2;
        assert.deepEqual(await diff({ ...rotating, tenantId }, program), [false, []]);
        await process.connection.preflight();
        assert.deepEqual(await diff({ ...rotating, tenantId }, program), [true, ["expiresAt"]]);
        assert.deepEqual(process.warnings, [due(75 * DAY)]);
      } finally {
        await ahead.stop();
      }
    });

    it("does not go by a Date header that is far from our clock", async () => {
      const ahead = await UnitFixture.start({ serverAheadMs: 76 * DAY });
      try {
        process = ahead.process();
        const { tenantId } = ahead.operator;
        await process.connection.preflight();
        assert.deepEqual(await diff({ ...rotating, tenantId }, program), [false, []]);
      } finally {
        await ahead.stop();
      }
    });

    it("counts with the rotation that the program asks for now", async () => {
      fixture.clock.now = START + 70 * DAY;
      assert.deepEqual(await diff(rotating, { ...program, rotateBefore: "20d" }), [
        true,
        ["expiresAt"],
      ]);
      assert.deepEqual(await diff(rotating, { ...program, rotateBefore: UNKNOWN }), [true, []]);
      assert.deepEqual(await diff(rotating, { expiresIn: "90d" }), [true, []]);
    });

    it("does not replace a key before its fixed end, since its successor would end with it, and says so", async () => {
      const fixed = { expiresAt: at(89 * DAY), rotateBefore: "14d" };
      fixture.clock.now = START + 75 * DAY;
      assert.deepEqual(await diff(fixed, fixed), [false, []]);
      assert.deepEqual(process.warnings, [
        `${due(75 * DAY).replace(": this key will be replaced.", "")}. Its successor would expire at the same time: set expiresAt to a later instant, or use expiresIn, to replace this key.`,
      ]);
      assert.deepEqual(await diff(fixed, { ...fixed, expiresAt: at(180 * DAY) }), [
        true,
        ["expiresAt"],
      ]);
      fixture.clock.now = START + 89 * DAY;
      assert.deepEqual(await diff(fixed, fixed), [true, ["expiresAt"]]);
    });

    it("names expiresIn where the program computes the same lifetime again", async () => {
      const olds = { createdAt: at(0), expiresAt: at(30 * DAY) };
      const warning = `API key "k" (${id}) is replaced because expiresAt has changed to an instant that is as far from now as the old one was when the key was created. If the program computes it from the current time, each "pulumi up" replaces the key: use expiresIn instead.`;
      fixture.clock.now = START + DAY;
      assert.deepEqual(await diff(olds, { expiresAt: at(31 * DAY + MINUTE) }), [
        true,
        ["expiresAt"],
      ]);
      assert.deepEqual(process.warnings, [warning]);
      await diff(olds, { expiresAt: at(31 * DAY + 6 * MINUTE) });
      await diff(olds, { expiresAt: UNKNOWN });
      assert.deepEqual(process.warnings, [warning]);
    });

    it("replaces a key that has expired, whatever the rotation", async () => {
      fixture.clock.now = START + 89 * DAY;
      assert.deepEqual(await diff(at90, { expiresIn: "90d" }), [true, ["expiresAt"]]);
      assert.deepEqual(process.warnings, [
        `API key "k" (${id}) expired at ${at(89 * DAY)}: this key will be replaced.`,
      ]);
    });

    it("replaces a key whose account was found archived", async () => {
      assert.deepEqual(await diff({ ownerArchived: true }, {}), [true, ["serviceAccountId"]]);
      assert.deepEqual(process.warnings, [
        `API key "k" (${id}) works for the archived service account user_1: this key will be replaced.`,
      ]);
    });

    it("says nothing of time where the program asks for a replacement anyway", async () => {
      fixture.clock.now = START + 89 * DAY;
      assert.deepEqual(await diff(at90, { expiresIn: "30d" }), [true, ["expiresIn"]]);
      assert.deepEqual(process.warnings, []);
    });
  });

  describe("of a key that is left to its own expiry", () => {
    const left = { ...at90, onDelete: "expire" };
    const program = { expiresIn: "90d", onDelete: "expire" };

    const ends = (why: string) =>
      `API key "k" (${id}) is revoked once its successor is created, although its onDelete is "expire": ${why}.`;

    it("says that it ends with its account, and which others do", async () => {
      const moved = { ...program, serviceAccountId: UNKNOWN };
      const why = "its service account user_1 is replaced, and its keys are revoked with it";
      assert.deepEqual(await diff(left, moved), [true, ["serviceAccountId"]]);
      assert.deepEqual(process.warnings, [ends(why)]);
      const predecessors = [{ id: "secret_0", expiresAt: at(DAY) }];
      await diff({ ...left, predecessors }, moved);
      assert.deepEqual(process.warnings.slice(1), [
        ends(`${why}; so are the keys that rotations left to expire: secret_0`),
      ]);
    });

    it("says that it ends where its successor is made elsewhere", async () => {
      await diff(left, { ...program, connection: "india" });
      assert.deepEqual(process.warnings, [
        ends("its successor is created for another service account, or through another connection"),
      ]);
    });

    it("says nothing where the account stays, has gone, or the key has expired", async () => {
      assert.deepEqual(await diff(left, { ...program, name: "k2" }), [true, ["name"]]);
      assert.deepEqual(await diff({ ...at90 }, { expiresIn: "90d", serviceAccountId: "user_2" }), [
        true,
        ["serviceAccountId"],
      ]);
      fixture.clock.now = START + 89 * DAY;
      await diff(left, { ...program, serviceAccountId: "user_2" });
      assert.deepEqual(process.warnings, []);
    });
  });

  describe("of a key whose end changes too", () => {
    const warning = (end: string) =>
      `API key "k" (${id}) is replaced under its current onDelete, and ${end}: the new onDelete only applies to its successor. To apply it earlier, run "pulumi up" with that change alone.`;

    it("says that an overlap begins with the successor only", async () => {
      await diff(at90, { expiresIn: "90d", onDelete: "expire", name: "k2" });
      assert.deepEqual(process.warnings, [warning("revoked")]);
    });

    it("says that a key is left which the program now asks to revoke", async () => {
      await diff({ ...at90, onDelete: "expire" }, { expiresIn: "90d", name: "k2" });
      assert.deepEqual(process.warnings, [warning("left to expire")]);
    });

    it("says nothing where there is no replacement, or the key has expired", async () => {
      await diff(at90, { expiresIn: "90d", onDelete: "expire" });
      await diff(at90, { expiresIn: "90d", onDelete: "revoke", name: "k2" });
      fixture.clock.now = START + 89 * DAY;
      await diff(at90, { expiresIn: "90d", onDelete: "expire", name: "k2" });
      assert.deepEqual(process.warnings, []);
    });
  });

  describe("with a credential of another tenant", () => {
    const foreign = { tenantId: "tenant_other" };

    it("refuses a replacement, also of a key that is left: its successor would be of another tenant", async () => {
      const left = { ...foreign, ...at90, onDelete: "expire" };
      const program = { expiresIn: "90d", onDelete: "expire", name: "k2" };
      await assert.rejects(diff(left, program), { kind: "wrong_tenant" });
      await assert.rejects(diff(foreign, { name: "k2" }), {
        kind: "wrong_tenant",
        operation: `replace API key "k" (${id})`,
      });
    });

    it("lets pass what concerns nobody but the provider, and says so once a tenant", async () => {
      assert.deepEqual(await diff(foreign, { rotationTriggers: { a: "1" } }), [true, []]);
      assert.deepEqual(process.warnings, [
        `API key "k" (${id}) belongs to tenant tenant_other, but the credential from config key flexprice:apiKey belongs to tenant ${fixture.operator.tenantId}: neither this resource nor any other of tenant tenant_other can be read, changed or deleted with it. Configure a credential of tenant tenant_other. If that tenant is gone for good, remove its resources from the state with "pulumi state delete".`,
      ]);
      assert.deepEqual(await diff(foreign, {}), [false, []]);
      assert.equal(process.warnings.length, 1);
      assert.deepEqual(await diff({ tenantId: "tenant_third" }, {}), [false, []]);
      assert.match(process.warnings[1] ?? "", /belongs to tenant tenant_third, but/);
    });

    it("asks nothing where previews are not to", async () => {
      process = fixture.process({ preflight: false });
      assert.deepEqual(await diff(foreign, { name: "k2" }), [true, ["name"]]);
      assert.deepEqual(fixture.log, []);
    });
  });

  it("changes nothing when adopt is removed", async () => {
    assert.deepEqual(await diff({}, {}), [false, []]);
  });

  it("sees drift: an expiry that the server moved", async () => {
    assert.deepEqual(await diff({ expiresAt: at(DAY) }, { expiresAt: at(90 * DAY) }), [
      true,
      ["expiresAt"],
    ]);
  });
});
