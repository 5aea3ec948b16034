import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../../provider/emulator";
import {
  createKey,
  DAY,
  failureOf,
  type KeyInputs,
  type KeyState,
  type ProviderProcess,
  START,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_reader", "event_ingestor"];

describe("resources/api-key-adoption", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let account: string;
  let tenantId: string;
  let theirs: EmulatedKey;
  beforeEach(async () => {
    process = fixture.process();
    tenantId = fixture.operator.tenantId;
    account = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES }).id;
    const { environmentId } = fixture.operator;
    theirs = fixture.emulator.createKey(account, environmentId, { name: "k" });
  });
  const adopting = (more: Partial<KeyInputs> = {}): KeyInputs => ({
    name: "k",
    type: "private_key",
    serviceAccountId: account,
    adopt: { id: theirs.id, apiKey: theirs.value },
    ...more,
  });
  const refusal = async (more: Partial<KeyInputs>) => {
    const { failures } = await process.keys.check({}, adopting(more));
    const error = await failureOf(process.keys.create(adopting(more)), "refused");
    assert.deepEqual(
      failures?.map(({ reason }) => reason),
      [`adopt: ${error.message}`],
    );
    assert.equal(
      error.operation,
      `adopt API key "${more.name ?? "k"}" (${more.adopt?.id ?? theirs.id})`,
    );
    assert(!error.message.includes(theirs.value));
    assert.deepEqual(fixture.writes, []);
    return error.reason;
  };

  it("takes a key over without a write, and keeps no second copy of it", async () => {
    const { id, outs } = await process.keys.create(adopting({ onDelete: "revoke" }));
    const { createdAt, ...rest } = outs as KeyState;
    assert.equal(id, theirs.id);
    assert.deepEqual(rest, {
      name: "k",
      type: "private_key",
      serviceAccountId: account,
      onDelete: "revoke",
      adoptedId: theirs.id,
      apiKey: theirs.value,
      displayId: theirs.displayId,
      roles: ["event_ingestor", "event_reader"],
      userId: account,
      userType: "service_account",
      tenantId,
    });
    assert.match(createdAt, /^2026-11-24T08:00:00\.\d+Z$/);
    assert.deepEqual(fixture.writes, []);
    assert(process.managed.has(id));
  });

  it("is foreseen by a preview as far as it is known: all but its owner has to be", async () => {
    const wrong = { id: "secret_nope", apiKey: theirs.value };
    const failing = async (more: object, olds: object = {}) =>
      (await process.keys.check(olds, adopting({ adopt: wrong, ...more }))).failures?.length;
    assert.equal(await failing({}), 1);
    assert.equal(await failing({ serviceAccountId: UNKNOWN }), 1);
    assert.deepEqual(
      (await process.keys.check({}, adopting({ serviceAccountId: UNKNOWN }))).failures,
      [],
    );
    assert.equal(await failing({ name: UNKNOWN }), 0);
    assert.equal(await failing({ adopt: { ...wrong, apiKey: UNKNOWN } }), 0);
    assert.equal(await failing({ name: "other" }, adopting({ adopt: wrong })), 0);
    process = fixture.process({ preflight: false });
    assert.equal(await failing({}), 0);
  });

  it("takes over a key of the caller itself", async () => {
    const { environmentId, userId } = fixture.operator;
    const own = fixture.emulator.createKey(userId, environmentId, { name: "own" });
    const { outs } = await createKey(process, {
      name: "own",
      adopt: { id: own.id, apiKey: own.value },
    }).then(({ state }) => ({ outs: state }));
    assert.equal(outs.userId, userId);
  });

  it("takes a lifetime of the program for that of successors", async () => {
    const { environmentId } = fixture.operator;
    const expiresAt = new Date(START + DAY);
    const ending = fixture.emulator.createKey(account, environmentId, { name: "k", expiresAt });
    const { outs } = await process.keys.create(
      adopting({ expiresIn: "90d", adopt: { id: ending.id, apiKey: ending.value } }),
    );
    assert.deepEqual(
      [(outs as KeyState).expiresIn, Date.parse((outs as KeyState).expiresAt ?? "")],
      ["90d", expiresAt.getTime()],
    );
  });

  it("makes a resource that held the key before let go of it, in this run and a later one", async () => {
    const { id, outs } = await process.keys.create(adopting());
    const state = outs as KeyState;
    // Under its old name.
    await process.keys.delete(id, { ...state, namePrefix: "before" });
    assert.deepEqual(process.warnings, [
      `API key "k" (${id}) is not deleted: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
    ]);
    process = fixture.process();
    await process.keys.check(adopting(), adopting());
    await process.keys.diff(id, state, adopting());
    await process.keys.delete(id, { ...state, namePrefix: "before" });
    assert.deepEqual(fixture.writes, []);
  });

  it("keeps no key alive that the program has ceased to adopt, or replaces", async () => {
    const state = (await process.keys.create(adopting())).outs as KeyState;
    const { adopt: _, ...own } = adopting();
    for (const news of [own, adopting({ name: "other" })]) {
      process = fixture.process();
      await process.keys.check(adopting(), news);
      await process.keys.diff(theirs.id, { ...state, adoptedId: "secret_before" }, news);
      await process.keys.delete(theirs.id, state);
    }
    const revoked = `DELETE /secrets/api/keys/${theirs.id}`;
    assert.deepEqual(fixture.writes, [revoked, revoked]);
  });

  it("refuses a key that is managed already", async () => {
    await process.keys.create(adopting());
    assert.equal(await refusal({}), "a resource of this stack manages it already");
  });

  it("refuses a value that the server does not accept", async () => {
    const apiKey = "sk_01M85FAKMEBXGA1EGXE598V40Z";
    const answer = await refusal({ adopt: { id: theirs.id, apiKey } });
    assert.match(answer, /^the server does not accept the given apiKey \(401\)/);
    fixture.emulator.revokeKey(theirs.id);
    assert.equal(await refusal({}), answer);
  });

  it("refuses a value that acts for somebody else", async () => {
    const other = fixture.emulator.createAccount(tenantId, { roles: ROLES }).id;
    assert.equal(
      await refusal({ serviceAccountId: other }),
      `the given apiKey acts for ${account}, but the program asks for a key of ${other}`,
    );
  });

  it("refuses an id that the owner has not in this environment", async () => {
    const none = `${account} has no key with this id among those that the credential sees in its environment`;
    assert.equal(await refusal({ adopt: { id: "secret_nope", apiKey: theirs.value } }), none);
    const elsewhere = fixture.emulator.createEnvironment(tenantId, "Other");
    const far = fixture.emulator.createKey(account, elsewhere, { name: "k" });
    assert.equal(await refusal({ adopt: { id: far.id, apiKey: far.value } }), none);
  });

  it("refuses the value of another key of the same owner", async () => {
    const { environmentId } = fixture.operator;
    const second = fixture.emulator.createKey(account, environmentId, { name: "k" });
    assert.equal(
      await refusal({ adopt: { id: theirs.id, apiKey: second.value } }),
      `the given apiKey is not this key: its display id would be ${second.displayId}, this key's is ${theirs.displayId}`,
    );
  });

  it("refuses what the program describes otherwise, all of it at once", async () => {
    const expiresAt = "2030-06-01T12:00:00Z";
    assert.equal(
      await refusal({ name: "k2", type: "publishable_key", expiresAt }),
      `its name is "k", but the program asks for "k2"; its type is private_key, but the program asks for publishable_key; it expires never, but the program asks for ${expiresAt}`,
    );
    assert.equal(
      await refusal({ expiresIn: "90d" }),
      "it expires never, but the program asks for in 90d",
    );
    fixture.emulator.expireKey(theirs.id, new Date(START + DAY));
    assert.equal(
      await refusal({}),
      "it expires 2026-11-25T08:00:00Z, but the program asks for no expiry",
    );
  });

  it("is not decided by a server in trouble", async () => {
    await process.connection.caller();
    fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
    await failureOf(process.keys.create(adopting()), "forbidden");
  });
});
