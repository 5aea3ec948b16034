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

const ROLES = ["event_ingestor"];

describe("an object that a resource of another provider process keeps", () => {
  const fixture = UnitFixture.forEachTest();
  let runFolder: string;
  let provider: ProviderProcess;
  let accountId: string;
  beforeEach(async () => {
    runFolder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-run-"));
    provider = fixture.process({ runFolder });
    accountId = (await provider.accounts.create({ name: "ci", roles: ROLES })).id;
    fixture.clock.now += HOUR;
  });
  afterEach(() => rmSync(runFolder, { recursive: true }));

  const otherProcessFile = () => join(runFolder, "run.1.kept");
  /** Writes what another provider process of the run writes. */
  const keepElsewhere = (id: string) => writeFileSync(otherProcessFile(), `+${id}\n`);
  /** All processes of a test have one pid. */
  const turnIntoOtherProcess = () => {
    for (const file of readdirSync(runFolder)) {
      renameSync(join(runFolder, file), otherProcessFile());
    }
  };
  const startPlugin = () => fixture.process({ runFolder, isPlugin: true });

  it("is not deleted if it is a key", async () => {
    const { id, state } = await createKey(provider, { serviceAccountId: accountId });
    keepElsewhere(id);
    const { keys, warnings } = fixture.process({ runFolder });
    await keys.delete(id, state);
    assert.equal(fixture.statusOf(id), "published");
    assert.match(warnings.join(), /is not deleted: a resource of another provider manages it/);
  });

  it("is not deleted if it is an account", async () => {
    const state = { name: "ci", roles: ROLES, tenantId: fixture.operator.tenantId };
    keepElsewhere(accountId);
    await fixture.process({ runFolder }).accounts.delete(accountId, state);
    assert.equal(fixture.statusOf(accountId), "published");
  });

  it("is not revoked by forceDestroy if it is a key with a name from the program", async () => {
    const inputs = { name: "named", serviceAccountId: accountId };
    const { id } = await createKey(provider, inputs);
    keepElsewhere(id);
    const { tenantId } = fixture.operator;
    const state = { name: "ci", roles: ROLES, forceDestroy: true, tenantId };
    const { accounts } = fixture.process({ runFolder });
    const { reason } = await failureOf(accounts.delete(accountId, state), "refused");
    assert.match(reason, new RegExp(`this program still uses "named" \\(${id}\\)`));
    assert.equal(fixture.statusOf(id), "published");
  });

  describe("when a key with a predecessor moves there", () => {
    /** Another process diffs the key with these changes, and this one deletes it. Returns the status of both keys. */
    const moveAndDelete = async (changes: object, onDelete: "expire" | "revoke" = "expire") => {
      const predecessor = fixture.addKey(accountId, { name: "predecessor" }).id;
      const inputs = {
        serviceAccountId: accountId,
        onDelete,
        expiresIn: "90d",
        namePrefix: "ci",
        rotationTriggers: { a: "1" },
      };
      const { id, state } = await createKey(fixture.process(), inputs);
      const predecessors = [{ id: predecessor, expiresAt: state.expiresAt ?? "" }];
      const olds = { ...state, predecessors };
      const { keys } = startPlugin();
      const oldInputs = { ...inputs, type: "private_key" };
      const news = { ...oldInputs, ...changes };
      await keys.check(oldInputs, news);
      const { replaces = [] } = await keys.diff(id, olds, news);
      // With replaceOnChanges, the engine replaces for any change.
      if (replaces.length === 0) await keys.check({}, news);
      turnIntoOtherProcess();
      await startPlugin().keys.delete(id, olds);
      return { key: fixture.statusOf(id), predecessor: fixture.statusOf(predecessor) };
    };

    it("leaves both to expire if the key rotates", async () => {
      const statuses = await moveAndDelete({ rotationTriggers: { a: "2" } });
      assert.deepEqual(statuses, { key: "published", predecessor: "published" });
    });

    it("leaves both to expire if only the engine replaces the key, as with replaceOnChanges", async () => {
      const statuses = await moveAndDelete({ rotateBefore: "20d" });
      assert.deepEqual(statuses, { key: "published", predecessor: "published" });
    });

    it("revokes only the key if it rotates with onDelete revoke", async () => {
      const statuses = await moveAndDelete({ rotationTriggers: { a: "2" } }, "revoke");
      assert.deepEqual(statuses, { key: "deleted", predecessor: "published" });
    });

    it("revokes both if the key moves to another account", async () => {
      const serviceAccountId = (await createAccount(provider, { name: "other", roles: ROLES })).id;
      const statuses = await moveAndDelete({ serviceAccountId });
      assert.deepEqual(statuses, { key: "deleted", predecessor: "deleted" });
    });

    it("leaves the predecessor to expire if an interrupted run has moved and rotated the key", async () => {
      const inputs = { serviceAccountId: accountId, expiresIn: "90d", namePrefix: "ci" };
      const predecessor = await createKey(fixture.process(), { ...inputs, onDelete: "expire" });
      const { id, state } = await createKey(fixture.process(), inputs);
      const expiresAt = predecessor.state.expiresAt ?? "";
      const olds = { ...state, predecessors: [{ id: predecessor.id, expiresAt }] };
      const { keys } = startPlugin();
      const news = { ...inputs, type: "private_key" };
      await keys.check(news, news);
      await keys.diff(id, olds, news);
      turnIntoOtherProcess();
      await startPlugin().keys.delete(predecessor.id, predecessor.state);
      assert.equal(fixture.statusOf(predecessor.id), "published");
    });
  });
});

describe("an object that two resources of a plugin stack manage", () => {
  const fixture = UnitFixture.forEachTest();
  let urn = "";
  let account: Awaited<ReturnType<typeof createAccount>>;
  let key: Awaited<ReturnType<typeof createKey>>;
  let provider: ProviderProcess;
  beforeEach(async () => {
    const creator = fixture.process();
    account = await createAccount(creator, { name: "ci", roles: ROLES });
    key = await createKey(creator, { name: "k", serviceAccountId: account.id });
    fixture.clock.now += HOUR;
    provider = fixture.process({ isPlugin: true, urn: () => urn });
    fixture.emulator.clearRequests();
  });

  const checkAndDiff = async (name: string) => {
    urn = `urn:pulumi:dev::shop::flexprice:index:ApiKey::${name}`;
    const { tenantId: _, ...accountInputs } = account.state;
    const keyInputs = { name: "k", type: "private_key", serviceAccountId: account.id };
    await provider.accounts.check(accountInputs, accountInputs);
    await provider.accounts.diff(account.id, account.state, accountInputs);
    await provider.keys.check(keyInputs, keyInputs);
    await provider.keys.diff(key.id, key.state, keyInputs);
  };

  it("brings one warning, which names both resources and what to do", async () => {
    for (const name of ["one", "one", "other"]) await checkAndDiff(name);
    const shared =
      'is managed by two resources of this program, "one" and "other". If Pulumi replaces one of them, or destroys it with --target, the other has a key or account that no longer works. Remove one of them from the program: the object stays.';
    assert.deepEqual(provider.warnings, [
      `Service account "ci" (${account.id}) ${shared}`,
      `API key "k" (${key.id}) ${shared}`,
    ]);
  });

  it("is not deleted with the resource that the program no longer has", async () => {
    await checkAndDiff("kept");
    urn = "the removed resource";
    await provider.keys.delete(key.id, key.state);
    await provider.accounts.delete(account.id, account.state);
    assert.deepEqual(fixture.writes, []);
    const warnings = provider.warnings.join();
    assert.match(warnings, /API key .* is not deleted: the program still has it/);
    assert.match(warnings, /Service account .* is not deleted: the program still/);
    urn = "urn:pulumi:dev::shop::flexprice:index:ApiKey::kept";
    await provider.keys.delete(key.id, key.state);
    assert.deepEqual(fixture.writes, [`DELETE /secrets/api/keys/${key.id}`]);
  });
});
