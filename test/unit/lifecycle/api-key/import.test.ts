import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../../provider/emulator";
import {
  credential,
  DAY,
  failureOf,
  type KeyState,
  MINUTE,
  type ProviderProcess,
  UnitFixture,
} from "../../fixture";

const VARIABLE = "FLEXPRICE_IMPORT_API_KEY";

describe("lifecycle/api-key: import", () => {
  const fixture = UnitFixture.forEachTest();
  let account: string;
  let key: EmulatedKey;
  let expiresAt: Date;
  beforeEach(async () => {
    account = fixture.emulator.createAccount(fixture.operator.tenantId, {
      roles: ["event_reader"],
    }).id;
    expiresAt = new Date(fixture.clock.now + 90 * DAY);
    key = keyOf(account, "by hand");
  });

  const keyOf = (owner: string, name: string) =>
    fixture.emulator.createKey(owner, fixture.operator.environmentId, { name, expiresAt });
  const process = (value?: string): ProviderProcess =>
    fixture.process({
      isPlugin: true,
      environment: value === undefined ? {} : { [VARIABLE]: value },
    });
  const refusal = (id: string, value?: string) =>
    failureOf(process(value).keys.import(id), "refused");

  const described = () => ({
    serviceAccountId: account,
    name: "by hand",
    type: "private_key",
    expiresAt: key.expiresAt,
  });

  it("describes the key with inputs, and verifies its value by using it", async () => {
    const { id, props, inputs } = await process(key.value).keys.import(key.id);
    const { createdAt, ...others } = Object(props);
    assert.equal(Date.parse(createdAt), key.createdAt.getTime());
    assert.equal(id, key.id);
    assert.deepEqual(inputs, described());
    assert.deepEqual(others, {
      ...described(),
      ...{ apiKey: key.value, displayId: key.displayId, roles: ["event_reader"] },
      ...{ userId: account, userType: "service_account" },
      tenantId: fixture.operator.tenantId,
    });
    const users = fixture.emulator.requests.filter(
      ({ headers }) => headers["x-api-key"] === key.value,
    );
    assert.equal(users.length, 1);
    assert.deepEqual(fixture.writes, []);
  });

  it("leaves nothing to change for a program with these inputs", async () => {
    const { props, inputs } = await process(key.value).keys.import(key.id);
    const { keys } = process();
    const checked = await keys.check(inputs as KeyState, {
      ...(inputs as KeyState),
      namePrefix: "ci",
    });
    assert.deepEqual(checked.failures, []);
    const diff = await keys.diff(key.id, props as KeyState, checked.inputs as KeyState);
    assert.deepEqual([diff.changed, diff.replaces], [[], []]);
  });

  it("finds the value among those of several keys, and has none for others", async () => {
    const other = keyOf(account, "other");
    const several = ` ${other.id}=${other.value}\n${key.id}=${key.value} `;
    const { props } = await process(several).keys.import(key.id);
    assert.equal(props?.apiKey, key.value);
    for (const value of [`${other.id}=${other.value}`, "", undefined]) {
      const imported = await process(value).keys.import(key.id);
      assert.ok(!("apiKey" in (imported.props ?? {})));
      assert.deepEqual(imported.inputs, described());
    }
  });

  it("of a key that acts for the caller has no owner among its inputs", async () => {
    const own = keyOf(fixture.operator.userId, "mine");
    const { inputs, props } = await process(own.value).keys.import(own.id);
    assert.ok(!("serviceAccountId" in Object(inputs)));
    assert.equal(props?.userId, fixture.operator.userId);
  });

  it("rejects a value that is another key's, or that nobody has", async () => {
    const other = keyOf(account, "other");
    const swapped = await refusal(key.id, other.value);
    assert.match(swapped.reason, /^the given apiKey is not this key: its display id would be/);
    const wrong = key.value.replace(/.{4}(?=..$)/, "0000");
    const unknown = await refusal(key.id, wrong);
    assert.match(unknown.reason, /does not accept the given apiKey \(401\)/);
    assert.equal(
      unknown.fix,
      `set ${VARIABLE} to the value of this key, or unset it to import the key without its value.`,
    );
    for (const { message, operation } of [swapped, unknown]) {
      assert.equal(operation, `import API key ${key.id}`);
      for (const value of [other.value, wrong]) assert.ok(!message.includes(value));
    }
  });

  it("rejects the operator's own key, with its value and without", async () => {
    const own = fixture.emulator.keys().find(({ value }) => value === fixture.operator.apiKey);
    const id = own?.id ?? assert.fail();
    const given = await refusal(id, fixture.operator.apiKey);
    assert.match(given.reason, /^it is the operator's own credential/);
    const without = await refusal(id);
    assert.match(without.reason, /^it seems to be the operator's own credential/);
    for (const { fix } of [given, without]) assert.match(fix, /configure another credential/);
  });

  it("rejects a key of another user, which no replacement could act for", async () => {
    const { userId } = fixture.emulator.createUser(fixture.operator.tenantId, ["super_admin"]);
    const { reason } = await refusal(keyOf(userId, "theirs").id);
    assert.ok(reason.startsWith(`it acts for the user ${userId}, `), reason);
  });

  it("fails for a key that is not there", async () => {
    fixture.emulator.revokeKey(key.id);
    const { fix } = await failureOf(process().keys.import(key.id), "not_found");
    assert.match(fix, /^correct the id/);
  });
});

describe("lifecycle/api-key: a key without its value", () => {
  const fixture = UnitFixture.forEachTest();
  let key: EmulatedKey;
  let state: KeyState;
  beforeEach(async () => {
    const { tenantId, environmentId } = fixture.operator;
    const account = fixture.emulator.createAccount(tenantId, { roles: ["event_reader"] });
    const expiresAt = new Date(fixture.clock.now + 90 * DAY);
    key = fixture.emulator.createKey(account.id, environmentId, { name: "by hand", expiresAt });
    state = (await fixture.process().keys.import(key.id)).props as KeyState;
    // A read replica may not know younger objects.
    fixture.clock.now += 11 * MINUTE;
    fixture.emulator.clearRequests();
  });

  const keys = () => fixture.process().keys;

  it("is read as it is", async () => {
    const { id, props } = await keys().read(key.id, state);
    assert.deepEqual([id, props], [key.id, state]);
  });

  it("that is not found stays in the state until it has expired: nothing proves its end", async () => {
    const { tenantId, userId } = fixture.operator;
    const other = fixture.emulator.createEnvironment(tenantId, "Other");
    const { value } = fixture.emulator.createKey(userId, other, { name: "other" });
    const elsewhere = () => fixture.process({ credential: credential(value) }).keys;
    const read = await failureOf(elsewhere().read(key.id, state), "not_found");
    const deletion = await failureOf(elsewhere().delete(key.id, state), "not_found");
    for (const { fix } of [read, deletion]) {
      assert.match(fix, /does not have the key's value, .* remove it .*"pulumi state delete"/);
    }
    fixture.clock.now += 91 * DAY;
    const { id, props } = await elsewhere().read(key.id, state);
    assert.deepEqual([id, props], [key.id, state]);
    await elsewhere().delete(key.id, state);
  });

  it("is revoked by its id", async () => {
    await keys().delete(key.id, state);
    assert.equal(fixture.emulator.keys().find(({ id }) => id === key.id)?.status, "deleted");
  });

  it("is not revoked if it seems to be the operator's own", async () => {
    const own = fixture.emulator.createKey(
      fixture.operator.userId,
      fixture.operator.environmentId,
      {
        name: "mine",
      },
    );
    const props = (await keys().import(own.id)).props as KeyState;
    const process = fixture.process({ credential: credential(own.value) });
    const { reason } = await failureOf(process.keys.delete(own.id, props), "refused");
    assert.match(reason, /seems to be the operator's own credential/);
    assert.deepEqual(fixture.writes, []);
  });
});
