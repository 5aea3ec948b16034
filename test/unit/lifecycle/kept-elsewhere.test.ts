import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAccount,
  createKey,
  failureOf,
  HOUR,
  type ProviderProcess,
  UnitFixture,
} from "../fixture";

describe("lifecycle: an object that a resource of another provider manages", () => {
  const fixture = UnitFixture.forEachTest();
  let runFolder: string;
  let process: ProviderProcess;
  let accountId: string;
  const roles = ["event_ingestor"];
  beforeEach(async () => {
    runFolder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-run-"));
    process = fixture.process({ runFolder });
    accountId = (await process.accounts.create({ name: "ci", roles })).id;
    fixture.clock.now += HOUR;
  });
  afterEach(async () => {
    rmSync(runFolder, { recursive: true });
  });

  /** As the process of another provider of the run writes it. */
  const keptElsewhere = (id: string) => writeFileSync(join(runFolder, "run.1.kept"), `+${id}\n`);

  it("is not deleted: a key", async () => {
    const { id, state } = await createKey(process, { serviceAccountId: accountId });
    keptElsewhere(id);
    const later = fixture.process({ runFolder });
    await later.keys.delete(id, state);
    assert.equal(fixture.emulator.keys().find((key) => key.id === id)?.status, "published");
    assert.match(
      later.warnings.join(),
      /is not deleted: a resource of another provider manages it/,
    );
  });

  it("is not deleted: an account", async () => {
    const state = { name: "ci", roles, tenantId: fixture.operator.tenantId };
    keptElsewhere(accountId);
    await fixture.process({ runFolder }).accounts.delete(accountId, state);
    assert.equal(
      fixture.emulator.accounts().find(({ id }) => id === accountId)?.status,
      "published",
    );
  });

  /** All processes of a test have one pid. */
  const asOfAnotherProcess = () => {
    for (const file of readdirSync(runFolder)) {
      renameSync(join(runFolder, file), join(runFolder, "run.1.kept"));
    }
  };

  /** Deletes the entry of a key that the process of its new provider replaces. */
  const deleteMoved = async (changes: object, onDelete: "expire" | "revoke" = "expire") => {
    const inputs = { serviceAccountId: accountId, onDelete, expiresIn: "90d" } as const;
    const earlier = fixture.emulator.createKey(accountId, fixture.operator.environmentId, {
      name: "earlier",
    });
    const first = { ...inputs, namePrefix: "ci", rotationTriggers: { a: "1" } };
    const { id, state } = await createKey(fixture.process(), first);
    const expiresAt = state.expiresAt ?? "";
    const predecessors = [{ id: earlier.id, expiresAt }];
    const olds = { ...state, predecessors };
    const mover = fixture.process({ runFolder, isPlugin: true });
    const news = { ...first, type: "private_key", ...changes } as const;
    await mover.keys.check({ ...first, type: "private_key" }, news);
    const { replaces = [] } = await mover.keys.diff(id, olds, news);
    // With replaceOnChanges, the engine replaces for any change.
    if (replaces.length === 0) await mover.keys.check({}, news);
    asOfAnotherProcess();
    await fixture.process({ runFolder, isPlugin: true }).keys.delete(id, olds);
    return fixture.emulator
      .keys()
      .filter((key) => [id, earlier.id].includes(key.id))
      .map(({ status }) => status);
  };

  it("is left to expire with its predecessors by a rotation that moves it: a key", async () => {
    const statuses = await deleteMoved({ rotationTriggers: { a: "2" } });
    assert.deepEqual(statuses, ["published", "published"]);
  });

  it("is left to expire by a rotation that only the engine asks for and that moves it: a key", async () => {
    assert.deepEqual(await deleteMoved({ rotateBefore: "20d" }), ["published", "published"]);
  });

  it("is revoked without its predecessors by a rotation that moves it: a key with onDelete revoke", async () => {
    const statuses = await deleteMoved({ rotationTriggers: { a: "2" } }, "revoke");
    assert.deepEqual(statuses.sort(), ["deleted", "published"]);
    assert.equal(
      fixture.emulator.keys().find(({ name }) => name === "earlier")?.status,
      "published",
    );
  });

  it("is left to expire if an interrupted run has moved and rotated it: a key", async () => {
    const inputs = { serviceAccountId: accountId, expiresIn: "90d", namePrefix: "ci" } as const;
    const old = await createKey(fixture.process(), { ...inputs, onDelete: "expire" });
    const { id, state } = await createKey(fixture.process(), inputs);
    const predecessors = [{ id: old.id, expiresAt: old.state.expiresAt ?? "" }];
    const mover = fixture.process({ runFolder, isPlugin: true });
    const same = { ...inputs, type: "private_key" } as const;
    await mover.keys.check(same, same);
    await mover.keys.diff(id, { ...state, predecessors }, same);
    asOfAnotherProcess();
    await fixture.process({ runFolder, isPlugin: true }).keys.delete(old.id, old.state);
    assert.equal(fixture.emulator.keys().find((key) => key.id === old.id)?.status, "published");
  });

  it("is revoked with its predecessors if it moves to another account: a key", async () => {
    const serviceAccountId = (await createAccount(process, { name: "other", roles })).id;
    assert.deepEqual(await deleteMoved({ serviceAccountId }), ["deleted", "deleted"]);
  });

  it("is not revoked by forceDestroy: a key with a name of the program", async () => {
    const { id } = await createKey(process, { name: "theirs", serviceAccountId: accountId });
    keptElsewhere(id);
    const state = { name: "ci", roles, forceDestroy: true, tenantId: fixture.operator.tenantId };
    const later = fixture.process({ runFolder });
    const error = await failureOf(later.accounts.delete(accountId, state), "refused");
    assert.match(error.reason, new RegExp(`this program still uses "theirs" \\(${id}\\)`));
    assert.equal(fixture.emulator.keys().find((key) => key.id === id)?.status, "published");
  });
});

describe("lifecycle: an object with two entries in the state of a plugin stack", () => {
  const fixture = UnitFixture.forEachTest();
  let urn = "";
  const roles = ["event_ingestor"];

  it("is named by a warning that says what to do", async () => {
    const first = fixture.process();
    const account = await createAccount(first, { name: "ci", roles });
    const key = await createKey(first, { name: "k", serviceAccountId: account.id });
    const later = fixture.process({ isPlugin: true, urn: () => urn });
    const { tenantId: _, ...accountInputs } = account.state;
    const keyInputs = { name: "k", type: "private_key", serviceAccountId: account.id };
    for (const name of ["one", "one", "other"]) {
      urn = `urn:pulumi:dev::shop::flexprice:index:ApiKey::${name}`;
      await later.accounts.check(accountInputs, accountInputs);
      await later.accounts.diff(account.id, account.state, accountInputs);
      await later.keys.check(keyInputs, keyInputs);
      await later.keys.diff(key.id, key.state, keyInputs);
    }
    const shared =
      'is managed by two resources of this program, "one" and "other". If Pulumi replaces one of them, or destroys it with --target, the other has a key or account that no longer works. Remove one of them from the program: the object stays.';
    assert.deepEqual(later.warnings, [
      `Service account "ci" (${account.id}) ${shared}`,
      `API key "k" (${key.id}) ${shared}`,
    ]);
  });

  it("is not deleted with the entry that the program no longer has", async () => {
    const first = fixture.process();
    const account = await createAccount(first, { name: "ci", roles });
    const key = await createKey(first, { name: "k", serviceAccountId: account.id });
    fixture.clock.now += HOUR;
    const later = fixture.process({ isPlugin: true, urn: () => urn });
    const { tenantId: _, ...accountInputs } = account.state;
    const keyInputs = { name: "k", type: "private_key", serviceAccountId: account.id };
    urn = "the entry that stays";
    await later.accounts.check(accountInputs, accountInputs);
    await later.accounts.diff(account.id, account.state, accountInputs);
    await later.keys.check(keyInputs, keyInputs);
    await later.keys.diff(key.id, key.state, keyInputs);
    urn = "the entry that goes";
    await later.keys.delete(key.id, key.state);
    await later.accounts.delete(account.id, account.state);
    assert.deepEqual(
      fixture.writes.filter((line) => line.startsWith("DELETE")),
      [],
    );
    assert.match(later.warnings.join(), /API key .* is not deleted: the program still has it/);
    assert.match(later.warnings.join(), /Service account .* is not deleted: the program still/);
    urn = "the entry that stays";
    await later.keys.delete(key.id, key.state);
    assert.deepEqual(fixture.writes.filter((line) => line.startsWith("DELETE")).length, 1);
  });
});
