import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../../provider/emulator";
import {
  credential,
  DAY,
  failureOf,
  type KeyState,
  type ProviderProcess,
  UnitFixture,
} from "../../fixture";

const VARIABLE = "FLEXPRICE_IMPORT_API_KEY";

describe("ApiKeyProvider.import", () => {
  const fixture = UnitFixture.forEachTest();
  let account: string;
  let key: EmulatedKey;
  beforeEach(() => {
    account = fixture.addAccount({ roles: ["event_reader"] }).id;
    key = addKey(account, "by hand");
  });

  const addKey = (ownerId: string, name: string) =>
    fixture.addKey(ownerId, { name, expiresAt: new Date(fixture.clock.now + 90 * DAY) });
  const providerWith = (value?: string): ProviderProcess =>
    fixture.process({
      isPlugin: true,
      environment: value === undefined ? {} : { [VARIABLE]: value },
    });
  const importKey = (id: string, value?: string) => providerWith(value).keys.import(id);
  const rejection = (id: string, value?: string) => failureOf(importKey(id, value), "refused");

  const expectedInputs = () => ({
    serviceAccountId: account,
    name: "by hand",
    type: "private_key",
    expiresAt: key.expiresAt,
  });

  it("returns the key's inputs, and its value after verifying it with one request", async () => {
    const { id, props, inputs } = await importKey(key.id, key.value);
    const { createdAt, ...others } = Object(props);
    assert.equal(Date.parse(createdAt), key.createdAt.getTime());
    assert.equal(id, key.id);
    assert.deepEqual(inputs, expectedInputs());
    assert.deepEqual(others, {
      ...expectedInputs(),
      ...{ apiKey: key.value, displayId: key.displayId, roles: ["event_reader"] },
      ...{ userId: account, userType: "service_account" },
      tenantId: fixture.operator.tenantId,
    });
    const requestsWithKey = fixture.emulator.requests.filter(
      ({ headers }) => headers["x-api-key"] === key.value,
    );
    assert.equal(requestsWithKey.length, 1);
    assert.deepEqual(fixture.writes, []);
  });

  it("returns inputs that leave nothing to change", async () => {
    const { props, inputs } = await importKey(key.id, key.value);
    const { keys } = providerWith();
    const program = { ...(inputs as KeyState), namePrefix: "ci" };
    const checked = await keys.check(inputs as KeyState, program);
    assert.deepEqual(checked.failures, []);
    const diff = await keys.diff(key.id, props as KeyState, checked.inputs as KeyState);
    assert.deepEqual([diff.changed, diff.replaces], [[], []]);
  });

  it("finds the key's value among several, and imports the key without a value if there is none", async () => {
    const otherKey = addKey(account, "other");
    const otherEntry = `${otherKey.id}=${otherKey.value}`;
    const { props } = await importKey(key.id, ` ${otherEntry}\n${key.id}=${key.value} `);
    assert.equal(props?.apiKey, key.value);
    for (const value of [otherEntry, "", undefined]) {
      const imported = await importKey(key.id, value);
      assert.ok(!("apiKey" in (imported.props ?? {})));
      assert.deepEqual(imported.inputs, expectedInputs());
    }
  });

  it("returns no serviceAccountId as an input for a key of the caller", async () => {
    const { userId } = fixture.operator;
    const callersKey = addKey(userId, "own");
    const { inputs, props } = await importKey(callersKey.id, callersKey.value);
    assert.ok(!("serviceAccountId" in Object(inputs)));
    assert.equal(props?.userId, userId);
  });

  it("rejects the value of another key, and an invalid one", async () => {
    const otherValue = addKey(account, "other").value;
    const swapped = await rejection(key.id, otherValue);
    assert.match(swapped.reason, /^the given apiKey is not this key: its display id would be/);
    const invalidValue = key.value.replace(/.{4}(?=..$)/, "0000");
    const invalid = await rejection(key.id, invalidValue);
    assert.match(invalid.reason, /does not accept the given apiKey \(401\)/);
    assert.equal(
      invalid.fix,
      `set ${VARIABLE} to the value of this key, or unset it to import the key without its value.`,
    );
    for (const { message, operation } of [swapped, invalid]) {
      assert.equal(operation, `import API key ${key.id}`);
      for (const value of [otherValue, invalidValue]) assert.ok(!message.includes(value));
    }
  });

  it("rejects the operator's own key, with and without its value", async () => {
    const { apiKey } = fixture.operator;
    const { id } = fixture.emulator.keys().find(({ value }) => value === apiKey) ?? assert.fail();
    const withValue = await rejection(id, apiKey);
    assert.match(withValue.reason, /^it is the operator's own credential/);
    const withoutValue = await rejection(id);
    assert.match(withoutValue.reason, /^it seems to be the operator's own credential/);
    for (const { fix } of [withValue, withoutValue]) {
      assert.match(fix, /configure another credential/);
    }
  });

  it("rejects a key of another user, which no replacement could act for", async () => {
    const { userId } = fixture.emulator.createUser(fixture.operator.tenantId, ["super_admin"]);
    const { reason } = await rejection(addKey(userId, "of a colleague").id);
    assert.ok(reason.startsWith(`it acts for the user ${userId}, `), reason);
  });

  it("fails for a key that does not exist", async () => {
    fixture.emulator.revokeKey(key.id);
    const { fix } = await failureOf(importKey(key.id), "not_found");
    assert.match(fix, /^correct the id/);
  });
});

describe("an API key that was imported without its value", () => {
  const fixture = UnitFixture.forEachTest();
  let id: string;
  let state: KeyState;
  beforeEach(async () => {
    const account = fixture.addAccount({ roles: ["event_reader"] });
    const expiresAt = new Date(fixture.clock.now + 90 * DAY);
    ({ id } = fixture.addKey(account.id, { name: "by hand", expiresAt }));
    state = (await keys().import(id)).props as KeyState;
    // A read replica may not know younger objects.
    fixture.passReplicaLag();
    fixture.emulator.clearRequests();
  });

  const keys = () => fixture.process().keys;

  it("is unchanged after a refresh", async () => {
    assert.deepEqual(await keys().read(id, state), { id, props: state });
  });

  it("stays in the state until its expiry if it is not found: without its value, nothing proves that it is gone", async () => {
    const otherEnvironment = fixture.otherEnvironmentProcess().keys;
    const read = await failureOf(otherEnvironment.read(id, state), "not_found");
    const deletion = await failureOf(otherEnvironment.delete(id, state), "not_found");
    for (const { fix } of [read, deletion]) {
      assert.match(fix, /does not have the key's value, .* remove it .*"pulumi state delete"/);
    }
    fixture.clock.now += 91 * DAY;
    assert.deepEqual(await otherEnvironment.read(id, state), { id, props: state });
    await otherEnvironment.delete(id, state);
  });

  it("is revoked by its id", async () => {
    await keys().delete(id, state);
    assert.equal(fixture.key(id).status, "deleted");
  });

  it("is not revoked if it seems to be the operator's own credential", async () => {
    const ownKey = fixture.addKey(fixture.operator.userId, { name: "own" });
    const props = (await keys().import(ownKey.id)).props as KeyState;
    const provider = fixture.process({ credential: credential(ownKey.value) });
    const { reason } = await failureOf(provider.keys.delete(ownKey.id, props), "refused");
    assert.match(reason, /seems to be the operator's own credential/);
    assert.deepEqual(fixture.writes, []);
  });
});
