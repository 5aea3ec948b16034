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
const TRIGGERS = { rotationTriggers: { a: "1" } };
const at = (ms: number) => new Date(START + ms).toISOString();

describe("ApiKeyProvider.diff", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
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
  const startProcess = () => {
    provider = fixture.process();
  };
  beforeEach(startProcess);

  const diff = async (olds: object, news: object) => {
    const { deleteBeforeReplace, changes, replaces } = await provider.keys.diff(
      id,
      { ...state, tenantId: fixture.operator.tenantId, ...olds } as KeyState,
      { ...inputs, ...news } as KeyInputs,
    );
    assert.equal(deleteBeforeReplace, false);
    return [changes, replaces];
  };
  const UNCHANGED = [false, []];
  const UPDATED = [true, []];
  const replacedBy = (property: string) => [true, [property]];

  /** A lifetime whose key has 89 days left. */
  const lifetime = { expiresIn: "90d", expiresAt: at(89 * DAY) };
  const expiry = { expiresAt: at(30 * DAY) };
  type Cases = Record<string, readonly [olds: object, news: object]>;

  const unchanged: Cases = {
    "the same inputs": [{}, {}],
    "a name that is removed": [{}, { name: undefined }],
    "a name that is removed, and another prefix": [{}, { name: undefined, namePrefix: "b" }],
    "an unknown prefix": [{}, { name: undefined, namePrefix: UNKNOWN }],
    "a unique name that the program now sets": [AUTO, { name: AUTO.name }],
    "a unique name": [AUTO, { name: undefined, namePrefix: "k" }],
    "another prefix of a unique name": [AUTO, { name: undefined, namePrefix: "other" }],
    "the same expiry in another time zone": [
      { expiresAt: "2030-06-01T12:00:00Z" },
      { expiresAt: "2030-06-01T17:30:00+05:30" },
    ],
    "the same lifetime in another unit": [lifetime, { expiresIn: "2160h" }],
    "expiresAt with the instant that expiresIn led to": [lifetime, { expiresAt: at(89 * DAY) }],
    "the same rotateBefore in another unit": [
      { ...lifetime, rotateBefore: "14d" },
      { expiresIn: "90d", rotateBefore: "2w" },
    ],
    "onDelete with its default": [{}, { onDelete: "revoke" }],
    "rotation triggers in another order": [
      { rotationTriggers: { a: "1", b: "2" } },
      { rotationTriggers: { b: "2", a: "1" } },
    ],
    "adopt of the key itself": [{}, { adopt: ADOPT }],
    "adopt of the key itself with an unknown value": [{}, { adopt: { ...ADOPT, apiKey: UNKNOWN } }],
    "an adopt that is removed": [{ adoptedId: id }, {}],
  };
  for (const [title, [olds, news]] of Object.entries(unchanged)) {
    it(`reports no change for ${title}`, async () => {
      assert.deepEqual(await diff(olds, news), UNCHANGED);
      assert.deepEqual(provider.warnings, []);
    });
  }

  const updated: Cases = {
    rotateBefore: [lifetime, { expiresIn: "90d", rotateBefore: "14d" }],
    "an unknown rotateBefore": [lifetime, { expiresIn: "90d", rotateBefore: UNKNOWN }],
    "another onDelete": [lifetime, { expiresIn: "90d", onDelete: "expire" }],
    "an unknown onDelete": [{}, { onDelete: UNKNOWN }],
    // Without the update, the state would not know them when they change.
    "the first rotation triggers": [{}, TRIGGERS],
    "a first rotation trigger that is unknown": [{}, { rotationTriggers: { a: UNKNOWN } }],
    "first rotation triggers that are unknown": [{}, { rotationTriggers: UNKNOWN }],
  };
  for (const [title, [olds, news]] of Object.entries(updated)) {
    it(`updates for ${title}`, async () => {
      assert.deepEqual(await diff(olds, news), UPDATED);
      assert.deepEqual(provider.warnings, []);
    });
  }

  const replaced: Record<string, readonly [property: string, olds: object, news: object]> = {
    "another account": ["serviceAccountId", {}, { serviceAccountId: "user_2" }],
    "an unknown account": ["serviceAccountId", {}, { serviceAccountId: UNKNOWN }],
    "another name": ["name", {}, { name: "k2" }],
    "an unknown name": ["name", {}, { name: UNKNOWN }],
    "a name in place of a unique one": ["name", AUTO, { name: "k" }],
    "another type": ["type", {}, { type: "publishable_key" }],
    "another connection": ["connection", {}, { connection: "india" }],
    "a first expiry": ["expiresAt", {}, expiry],
    "an unknown expiry": ["expiresAt", {}, { expiresAt: UNKNOWN }],
    "an expiry that is removed": ["expiresAt", expiry, {}],
    "an expiry that differs, also because the server has another": [
      "expiresAt",
      expiry,
      { expiresAt: at(45 * DAY) },
    ],
    "a first lifetime": ["expiresIn", {}, { expiresIn: "90d" }],
    "an unknown lifetime": ["expiresIn", lifetime, { expiresIn: UNKNOWN }],
    "another lifetime": ["expiresIn", lifetime, { expiresIn: "30d" }],
    "a lifetime that is removed": ["expiresIn", lifetime, {}],
    "a lifetime in place of an expiry": ["expiresIn", expiry, { expiresIn: "90d" }],
    "a rotation trigger that changes": [
      "rotationTriggers",
      TRIGGERS,
      { rotationTriggers: { a: "2" } },
    ],
    "a rotation trigger that is added": [
      "rotationTriggers",
      TRIGGERS,
      { rotationTriggers: { a: "1", b: "1" } },
    ],
    "a rotation trigger that is removed": [
      "rotationTriggers",
      { rotationTriggers: { a: "1", b: "1" } },
      TRIGGERS,
    ],
    "a rotation trigger with another name": [
      "rotationTriggers",
      TRIGGERS,
      { rotationTriggers: { b: "1" } },
    ],
    "an unknown rotation trigger": [
      "rotationTriggers",
      TRIGGERS,
      { rotationTriggers: { a: UNKNOWN } },
    ],
    "unknown rotation triggers": ["rotationTriggers", TRIGGERS, { rotationTriggers: UNKNOWN }],
    "rotation triggers that are removed": ["rotationTriggers", TRIGGERS, {}],
    "adopt of another key": ["adopt", {}, { adopt: { ...ADOPT, id: "secret_2" } }],
    "an unknown adopt": ["adopt", {}, { adopt: UNKNOWN }],
    "adopt of an unknown id": ["adopt", {}, { adopt: { ...ADOPT, id: UNKNOWN } }],
  };
  for (const [title, [property, olds, news]] of Object.entries(replaced)) {
    it(`replaces for ${title}`, async () => {
      assert.deepEqual(await diff(olds, news), replacedBy(property));
      assert.deepEqual(provider.warnings, []);
    });
  }

  describe("of a key with rotateBefore", () => {
    const rotating = { ...lifetime, rotateBefore: "14d" };
    const program = { expiresIn: "90d", rotateBefore: "14d" };
    const dueSince = (ms: number) =>
      `API key "k" (${id}) expires at ${at(89 * DAY)}; with rotateBefore 14d, rotation has been due since ${at(ms)}`;
    const willBeReplaced = (ms: number) => `${dueSince(ms)}: this key will be replaced.`;

    it("replaces the key as soon as its rotation is due, and warns", async () => {
      fixture.clock.now = START + 75 * DAY - 1;
      assert.deepEqual(await diff(rotating, program), UNCHANGED);
      assert.deepEqual(provider.warnings, []);
      // The server's clock, which is known by now, has whole seconds.
      fixture.clock.now += SECOND;
      assert.deepEqual(await diff(rotating, program), replacedBy("expiresAt"));
      assert.deepEqual(provider.warnings, [willBeReplaced(75 * DAY)]);
    });

    it("uses the server's clock once a response has shown it", async () => {
      await fixture.start({ serverAheadMs: MINUTE });
      startProcess();
      fixture.clock.now = START + 75 * DAY - MINUTE / 2;
      assert.deepEqual(await diff(rotating, program), UNCHANGED);
      await provider.connection.preflight();
      assert.deepEqual(await diff(rotating, program), replacedBy("expiresAt"));
      assert.deepEqual(provider.warnings, [willBeReplaced(75 * DAY)]);
    });

    it("uses the local clock if the server's is far from it", async () => {
      await fixture.start({ serverAheadMs: 76 * DAY });
      startProcess();
      await provider.connection.preflight();
      assert.deepEqual(await diff(rotating, program), UNCHANGED);
    });

    it("uses the rotateBefore of the program, not of the state", async () => {
      fixture.clock.now = START + 70 * DAY;
      for (const [rotateBefore, expected] of [
        ["20d", replacedBy("expiresAt")],
        [UNKNOWN, UPDATED],
        [undefined, UPDATED],
      ] as const) {
        assert.deepEqual(await diff(rotating, { ...program, rotateBefore }), expected);
      }
    });

    it("warns instead if its successor would have the same expiresAt, until that has passed", async () => {
      const program = { expiresAt: at(89 * DAY), rotateBefore: "14d" };
      fixture.clock.now = START + 75 * DAY;
      assert.deepEqual(await diff(program, program), UNCHANGED);
      assert.deepEqual(provider.warnings, [
        `${dueSince(75 * DAY)}. Its successor would expire at the same time: set expiresAt to a later instant, or use expiresIn, to replace this key.`,
      ]);
      const news = { ...program, expiresAt: at(180 * DAY) };
      assert.deepEqual(await diff(program, news), replacedBy("expiresAt"));
      fixture.clock.now = START + 89 * DAY;
      assert.deepEqual(await diff(program, program), replacedBy("expiresAt"));
    });
  });

  it("suggests expiresIn if the program computes expiresAt from the current time", async () => {
    const olds = { createdAt: at(0), ...expiry };
    const warning = `API key "k" (${id}) is replaced because expiresAt has changed to an instant that is as far from now as the old one was when the key was created. If the program computes it from the current time, each "pulumi up" replaces the key: use expiresIn instead.`;
    fixture.clock.now = START + DAY;
    const news = { expiresAt: at(31 * DAY + MINUTE) };
    assert.deepEqual(await diff(olds, news), replacedBy("expiresAt"));
    assert.deepEqual(provider.warnings, [warning]);
    await diff(olds, { expiresAt: at(31 * DAY + 6 * MINUTE) });
    await diff(olds, { expiresAt: UNKNOWN });
    assert.deepEqual(provider.warnings, [warning]);
  });

  it("replaces an expired key even without rotateBefore, and warns", async () => {
    fixture.clock.now = START + 89 * DAY;
    assert.deepEqual(await diff(lifetime, { expiresIn: "90d" }), replacedBy("expiresAt"));
    assert.deepEqual(provider.warnings, [
      `API key "k" (${id}) expired at ${at(89 * DAY)}: this key will be replaced.`,
    ]);
  });

  it("does not warn of the expiry if the program replaces the key anyway", async () => {
    fixture.clock.now = START + 89 * DAY;
    assert.deepEqual(await diff(lifetime, { expiresIn: "30d" }), replacedBy("expiresIn"));
    assert.deepEqual(provider.warnings, []);
  });

  it("replaces a key whose account a refresh found archived, and warns", async () => {
    assert.deepEqual(await diff({ ownerArchived: true }, {}), replacedBy("serviceAccountId"));
    assert.deepEqual(provider.warnings, [
      `API key "k" (${id}) works for the archived service account user_1: this key will be replaced.`,
    ]);
  });

  describe("of a key with onDelete expire", () => {
    const expiring = { ...lifetime, onDelete: "expire" };
    const program = { expiresIn: "90d", onDelete: "expire" };
    const revoked = (reason: string) =>
      `API key "k" (${id}) is revoked once its successor is created, although its onDelete is "expire": ${reason}.`;

    it("warns that the key and its predecessors are revoked if its account is replaced", async () => {
      const news = { ...program, serviceAccountId: UNKNOWN };
      const reason = "its service account user_1 is replaced, and its keys are revoked with it";
      assert.deepEqual(await diff(expiring, news), replacedBy("serviceAccountId"));
      const predecessors = [{ id: "secret_0", expiresAt: at(DAY) }];
      await diff({ ...expiring, predecessors }, news);
      assert.deepEqual(provider.warnings, [
        revoked(reason),
        revoked(`${reason}; so are the keys that rotations left to expire: secret_0`),
      ]);
    });

    it("warns that the key is revoked if its successor uses another connection", async () => {
      await diff(expiring, { ...program, connection: "india" });
      assert.deepEqual(provider.warnings, [
        revoked(
          "its successor is created for another service account, or through another connection",
        ),
      ]);
    });

    it("does not warn if the account stays, or the key has expired", async () => {
      assert.deepEqual(await diff(expiring, { ...program, name: "k2" }), replacedBy("name"));
      const moved = { expiresIn: "90d", serviceAccountId: "user_2" };
      assert.deepEqual(await diff(lifetime, moved), replacedBy("serviceAccountId"));
      fixture.clock.now = START + 89 * DAY;
      await diff(expiring, { ...program, serviceAccountId: "user_2" });
      assert.deepEqual(provider.warnings, []);
    });
  });

  describe("of a key that is replaced while onDelete changes", () => {
    const warning = (end: string) =>
      `API key "k" (${id}) is replaced under its current onDelete, and ${end}: the new onDelete only applies to its successor. To apply it earlier, run "pulumi up" with that change alone.`;
    const replacement = { expiresIn: "90d", name: "k2" };

    it("warns that the key is revoked despite the new onDelete expire", async () => {
      await diff(lifetime, { ...replacement, onDelete: "expire" });
      assert.deepEqual(provider.warnings, [warning("revoked")]);
    });

    it("warns that the key is left to expire despite the new onDelete revoke", async () => {
      await diff({ ...lifetime, onDelete: "expire" }, replacement);
      assert.deepEqual(provider.warnings, [warning("left to expire")]);
    });

    it("does not warn if the key stays, onDelete stays, or the key has expired", async () => {
      await diff(lifetime, { expiresIn: "90d", onDelete: "expire" });
      await diff(lifetime, { ...replacement, onDelete: "revoke" });
      fixture.clock.now = START + 89 * DAY;
      await diff(lifetime, { ...replacement, onDelete: "expire" });
      assert.deepEqual(provider.warnings, []);
    });
  });

  describe("with a credential of another tenant", () => {
    const foreign = { tenantId: "tenant_other" };

    it("rejects a replacement, whose key would belong to another tenant", async () => {
      const expiring = { ...foreign, ...lifetime, onDelete: "expire" };
      const program = { expiresIn: "90d", onDelete: "expire", name: "k2" };
      const expected = { kind: "wrong_tenant", operation: `replace API key "k" (${id})` };
      await assert.rejects(diff(expiring, program), expected);
      await assert.rejects(diff(foreign, { name: "k2" }), expected);
    });

    it("allows changes that send no request, and warns once per tenant", async () => {
      assert.deepEqual(await diff(foreign, TRIGGERS), UPDATED);
      assert.deepEqual(provider.warnings, [
        `API key "k" (${id}) belongs to tenant tenant_other, but the credential from config key flexprice:apiKey belongs to tenant ${fixture.operator.tenantId}: neither this resource nor any other of tenant tenant_other can be read, changed or deleted with it. Configure a credential of tenant tenant_other. If that tenant is gone for good, remove its resources from the state with "pulumi state delete".`,
      ]);
      assert.deepEqual(await diff(foreign, {}), UNCHANGED);
      assert.equal(provider.warnings.length, 1);
      assert.deepEqual(await diff({ tenantId: "tenant_third" }, {}), UNCHANGED);
      assert.match(provider.warnings[1] ?? "", /belongs to tenant tenant_third, but/);
    });

    it("sends no request and allows everything if preflight is false", async () => {
      provider = fixture.process({ preflight: false });
      assert.deepEqual(await diff(foreign, { name: "k2" }), replacedBy("name"));
      assert.deepEqual(fixture.log, []);
    });
  });
});
