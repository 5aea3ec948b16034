import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../../provider/emulator";
import {
  createKey,
  DAY,
  failureOf,
  type KeyInputs,
  type KeyState,
  type ProviderProcess,
  reasons,
  START,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_reader", "event_ingestor"];

describe("ApiKeyProvider.create with adopt", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let account: string;
  let tenantId: string;
  let existing: EmulatedKey;
  beforeEach(() => {
    provider = fixture.process();
    tenantId = fixture.operator.tenantId;
    account = fixture.addAccount({ name: "ci", roles: ROLES }).id;
    existing = fixture.addKey(account, { name: "k" });
  });

  const adoptOf = ({ id, value }: EmulatedKey) => ({ id, apiKey: value });
  const inputs = (overrides: Partial<KeyInputs> = {}): KeyInputs => ({
    name: "k",
    type: "private_key",
    serviceAccountId: account,
    adopt: adoptOf(existing),
    ...overrides,
  });
  const adopt = async (overrides: Partial<KeyInputs> = {}) =>
    (await provider.keys.create(inputs(overrides))).outs as KeyState;
  /** The reason of create and check, which both reject the inputs without a write. */
  const rejection = async (overrides: Partial<KeyInputs>) => {
    const checked = await provider.keys.check({}, inputs(overrides));
    const error = await failureOf(provider.keys.create(inputs(overrides)), "refused");
    assert.deepEqual(reasons(checked), [`adopt: ${error.message}`]);
    const { name, adopt } = inputs(overrides);
    assert.equal(error.operation, `adopt API key "${name}" (${adopt?.id})`);
    assert(!error.message.includes(existing.value));
    assert.deepEqual(fixture.writes, []);
    return error.reason;
  };

  it("takes the key without a write, and keeps its value only once", async () => {
    const { createdAt, ...state } = await adopt({ onDelete: "revoke" });
    assert.deepEqual(state, {
      name: "k",
      type: "private_key",
      serviceAccountId: account,
      onDelete: "revoke",
      adoptedId: existing.id,
      apiKey: existing.value,
      displayId: existing.displayId,
      roles: ["event_ingestor", "event_reader"],
      userId: account,
      userType: "service_account",
      tenantId,
    });
    assert.match(createdAt, /^2026-11-24T08:00:00\.\d+Z$/);
    assert.deepEqual(fixture.writes, []);
    assert(provider.managed.has(existing.id));
  });

  it("takes a key of the caller", async () => {
    const { userId } = fixture.operator;
    const callersKey = fixture.addKey(userId, { name: "own" });
    const { state } = await createKey(provider, { name: "own", adopt: adoptOf(callersKey) });
    assert.equal(state.userId, userId);
  });

  it("accepts expiresIn for a key with an expiry, and applies it to the successors", async () => {
    const expiresAt = new Date(START + DAY);
    const expiring = fixture.addKey(account, { name: "k", expiresAt });
    const state = await adopt({ expiresIn: "90d", adopt: adoptOf(expiring) });
    assert.equal(state.expiresIn, "90d");
    assert.equal(Date.parse(state.expiresAt ?? ""), expiresAt.getTime());
  });

  it("keeps the key if the resource that had it before is deleted, in this run and a later one", async () => {
    const state = await adopt();
    const formerState = { ...state, namePrefix: "former logical name" };
    const { id } = existing;
    await provider.keys.delete(id, formerState);
    assert.deepEqual(provider.warnings, [
      `API key "k" (${id}) is not deleted: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
    ]);
    provider = fixture.process();
    await provider.keys.check(inputs(), inputs());
    await provider.keys.diff(id, state, inputs());
    await provider.keys.delete(id, formerState);
    assert.deepEqual(fixture.writes, []);
  });

  it("does not keep a key that the program replaces or no longer adopts", async () => {
    const state = await adopt();
    const { id } = existing;
    const { adopt: _, ...withoutAdopt } = inputs();
    for (const news of [withoutAdopt, inputs({ name: "other" })]) {
      provider = fixture.process();
      await provider.keys.check(inputs(), news);
      await provider.keys.diff(id, { ...state, adoptedId: "secret_of_predecessor" }, news);
      await provider.keys.delete(id, state);
    }
    const revocation = `DELETE /secrets/api/keys/${id}`;
    assert.deepEqual(fixture.writes, [revocation, revocation]);
  });

  it("is checked in a preview if only the owner is unknown, and the key is new", async () => {
    const wrong = { id: "secret_nope", apiKey: existing.value };
    const failures = async (overrides: object, olds: object = {}) =>
      reasons(await provider.keys.check(olds, inputs({ adopt: wrong, ...overrides }))).length;
    assert.equal(await failures({}), 1);
    assert.equal(await failures({ serviceAccountId: UNKNOWN }), 1);
    const valid = inputs({ serviceAccountId: UNKNOWN });
    assert.deepEqual(reasons(await provider.keys.check({}, valid)), []);
    assert.equal(await failures({ name: UNKNOWN }), 0);
    assert.equal(await failures({ adopt: { ...wrong, apiKey: UNKNOWN } }), 0);
    assert.equal(await failures({ name: "other" }, inputs({ adopt: wrong })), 0);
    provider = fixture.process({ preflight: false });
    assert.equal(await failures({}), 0);
  });

  it("rejects a key that another resource of the stack manages", async () => {
    await adopt();
    assert.equal(await rejection({}), "a resource of this stack manages it already");
  });

  it("rejects values that the server does not accept", async () => {
    const invalid = await rejection({
      adopt: { id: existing.id, apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" },
    });
    assert.match(invalid, /^the server does not accept the given apiKey \(401\)/);
    fixture.emulator.revokeKey(existing.id);
    assert.equal(await rejection({}), invalid);
  });

  it("rejects the key of another account", async () => {
    const otherAccount = fixture.addAccount({ roles: ROLES }).id;
    assert.equal(
      await rejection({ serviceAccountId: otherAccount }),
      `the given apiKey acts for ${account}, but the program asks for a key of ${otherAccount}`,
    );
  });

  it("rejects an id that is missing or of another environment", async () => {
    const reason = `${account} has no key with this id among those that the credential sees in its environment`;
    assert.equal(await rejection({ adopt: { id: "secret_nope", apiKey: existing.value } }), reason);
    const otherEnvironment = fixture.emulator.createEnvironment(tenantId, "Other");
    const otherEnvironmentKey = fixture.emulator.createKey(account, otherEnvironment, {
      name: "k",
    });
    assert.equal(await rejection({ adopt: adoptOf(otherEnvironmentKey) }), reason);
  });

  it("rejects the value of another key of the same account", async () => {
    const otherKey = fixture.addKey(account, { name: "k" });
    assert.equal(
      await rejection({ adopt: { id: existing.id, apiKey: otherKey.value } }),
      `the given apiKey is not this key: its display id would be ${otherKey.displayId}, this key's is ${existing.displayId}`,
    );
  });

  it("rejects inputs that differ from the key, and names all of them", async () => {
    const expiresAt = "2030-06-01T12:00:00Z";
    assert.equal(
      await rejection({ name: "k2", type: "publishable_key", expiresAt }),
      `its name is "k", but the program asks for "k2"; its type is private_key, but the program asks for publishable_key; it expires never, but the program asks for ${expiresAt}`,
    );
    assert.equal(
      await rejection({ expiresIn: "90d" }),
      "it expires never, but the program asks for in 90d",
    );
    fixture.emulator.expireKey(existing.id, new Date(START + DAY));
    assert.equal(
      await rejection({}),
      "it expires 2026-11-25T08:00:00Z, but the program asks for no expiry",
    );
  });

  it("fails with the server's error if the key cannot be checked", async () => {
    await provider.connection.caller();
    fixture.respondWith(403, { body: { message: "no" } });
    await failureOf(provider.keys.create(inputs()), "forbidden");
  });
});
