import assert from "node:assert/strict";
import { Journal } from "../../../provider/session/recovery/journal";
import {
  createAccount,
  createKey,
  failureOf,
  MINUTE,
  type ProviderProcess,
  SECOND,
  UnitFixture,
} from "../fixture";
import { POST_ACCOUNT, POST_KEY } from "../session/creating";
import { Notes } from "../session/notes";

const ROLES = ["event_ingestor"];
/** Long enough for the lease of a note to end. */
const OVER = 3 * MINUTE;

describe("resources: what killed runs have left", () => {
  const fixture = UnitFixture.forEachTest();
  let notes: Notes;
  let process: ProviderProcess;
  beforeEach(() => {
    notes = new Notes(fixture);
    process = start();
  });
  afterEach(() => notes.remove());

  function start(): ProviderProcess {
    const monotonic = () => fixture.clock.now;
    return fixture.process({ journal: new Journal({ directory: notes.directory, monotonic }) });
  }
  const statusOf = (id: string) =>
    [...fixture.emulator.accounts(), ...fixture.emulator.keys()].find((one) => one.id === id)
      ?.status;
  const published = () =>
    fixture.emulator.accounts().filter(({ status }) => status === "published");

  /** An account of a run that was killed before the response. */
  async function lostAccount(name?: string): Promise<string> {
    const known = new Set(fixture.emulator.accounts().map(({ id }) => id));
    const inputs = { namePrefix: "ci", roles: ROLES, ...(name === undefined ? {} : { name }) };
    const put = { match: { method: "PUT" } };
    await notes.dieAsking(
      ({ accounts }) => accounts.create(inputs),
      "after",
      name === undefined ? POST_ACCOUNT : put,
      start(),
    );
    return fixture.emulator.accounts().find(({ id }) => !known.has(id))?.id ?? assert.fail();
  }

  /** A key of a run that was killed before the response. */
  async function lostKey(serviceAccountId: string): Promise<{ id: string; value: string }> {
    const inputs = { namePrefix: "k", type: "private_key", serviceAccountId };
    await notes.dieAsking(({ keys }) => keys.create(inputs), "after", POST_KEY, start());
    return fixture.emulator.keys().at(-1) ?? assert.fail();
  }

  describe("is removed before the first change", () => {
    let lost: string;
    beforeEach(async () => {
      lost = await lostAccount();
      notes.age(OVER);
    });

    const removed = (warnings: readonly string[]) => {
      assert.equal(statusOf(lost), "archived");
      const said = new RegExp(
        `^Service account "ci-\\w{10}" \\(${lost}\\), created by a run that was interrupted, has been archived\\.$`,
      );
      assert.equal(warnings.filter((text) => said.test(text)).length, 1, warnings.join("\n"));
      assert.deepEqual(notes.files, []);
    };

    it("of an account that is made", async () => {
      await createAccount(process, { namePrefix: "other", roles: ROLES });
      removed(process.warnings);
    });

    it("of a key that is made", async () => {
      await createKey(process, { namePrefix: "other" });
      removed(process.warnings);
    });

    it("of an account that is deleted", async () => {
      const { tenantId } = fixture.operator;
      const { id } = fixture.emulator.createAccount(tenantId, { name: "other", roles: ROLES });
      await process.accounts.delete(id, { name: "other", roles: ROLES, tenantId });
      removed(process.warnings);
    });

    it("of a key that is deleted", async () => {
      const made = await createKey(fixture.process(), { namePrefix: "other" });
      await process.keys.delete(made.id, made.state);
      removed(process.warnings);
    });

    it("of an account that is renamed", async () => {
      const { tenantId } = fixture.operator;
      const { id } = fixture.emulator.createAccount(tenantId, { name: "other", roles: ROLES });
      const state = { name: "other", roles: ROLES, tenantId };
      await process.accounts.update(id, state, { name: "others", roles: ROLES });
      removed(process.warnings);
    });

    it("and not by previews and refreshes, which only say so", async () => {
      const { tenantId } = fixture.operator;
      const { id } = fixture.emulator.createAccount(tenantId, { name: "other", roles: ROLES });
      const state = { name: "other", roles: ROLES, tenantId };
      const inputs = { name: "other", roles: ["event_reader"] };
      await process.accounts.check(inputs, inputs);
      await process.accounts.diff(id, state, inputs);
      await process.accounts.read(id, state);
      assert.deepEqual([statusOf(lost), notes.files.length], ["published", 1]);
      assert.equal(process.warnings.length, 1);
      assert.match(
        process.warnings[0] ?? "",
        /^An earlier run was interrupted while it created service account "ci-\w{10}"\./,
      );
    });
  });

  it("is left alone while its run may live", async () => {
    const lost = await lostAccount();
    notes.age(MINUTE);
    await createAccount(process, { namePrefix: "other", roles: ROLES });
    assert.deepEqual([statusOf(lost), notes.files.length], ["published", 1]);
    assert.deepEqual(process.warnings, []);
  });

  it("is found by its id, where it has the program's name already", async () => {
    const lost = await lostAccount("CI");
    assert.equal(published()[0]?.name, "CI");
    notes.age(OVER);
    const { id } = await createAccount(process, { name: "CI", roles: ROLES });
    assert.equal(statusOf(lost), "archived");
    assert.deepEqual(
      published().map((account) => account.id),
      [id],
    );
  });

  describe("is not removed once the program adopts it", () => {
    it("an account, known by its id", async () => {
      const lost = await lostAccount("CI");
      await createAccount(process, { name: "CI", roles: ROLES, adopt: lost });
      assert.deepEqual(notes.files, []);
      await laterRun();
      assert.equal(statusOf(lost), "published");
    });

    it("an account, known by its unique name, which it keeps", async () => {
      const lost = await lostAccount();
      const { state } = await createAccount(process, { roles: ROLES, adopt: lost });
      assert.match(state.autoName ?? "", /^ci-\w{10}$/);
      assert.deepEqual(notes.files, []);
      await laterRun();
      assert.equal(statusOf(lost), "published");
    });

    it("an account whose run is known to be gone", async () => {
      const lost = await lostAccount();
      notes.age(OVER);
      const { id } = await createAccount(process, { roles: ROLES, adopt: lost });
      assert.deepEqual([id, statusOf(lost)], [lost, "published"]);
      await laterRun();
      assert.equal(statusOf(lost), "published");
    });

    it("and a report of a key that shares its name stays", async () => {
      const { tenantId } = fixture.operator;
      const owner = fixture.emulator.createAccount(tenantId, { name: "CI", roles: ROLES }).id;
      const inputs = { name: "CI", type: "private_key", serviceAccountId: owner };
      await notes.dieAsking(({ keys }) => keys.create(inputs), "after", POST_KEY, start());
      await createAccount(process, { roles: ROLES, adopt: owner });
      assert.deepEqual(
        notes.pending.map(({ kind, settle }) => [kind, settle]),
        [["key", "report"]],
      );
    });

    it("a key", async () => {
      const { tenantId } = fixture.operator;
      const owner = fixture.emulator.createAccount(tenantId, { name: "owner", roles: ROLES }).id;
      const lost = await lostKey(owner);
      const adopt = { id: lost.id, apiKey: lost.value };
      const { state } = await createKey(process, { serviceAccountId: owner, adopt });
      assert.match(state.autoName ?? "", /^k-\w{10}$/);
      assert.deepEqual(notes.files, []);
      await laterRun();
      assert.equal(statusOf(lost.id), "published");
    });

    it("and nothing else is forgotten with it", async () => {
      const [lost, other] = [await lostAccount(), await lostAccount()];
      await createAccount(process, { roles: ROLES, adopt: lost });
      notes.age(OVER);
      await laterRun();
      assert.deepEqual([statusOf(lost), statusOf(other)], ["published", "archived"]);
    });

    async function laterRun() {
      notes.age(OVER);
      await createAccount(start(), { namePrefix: "later", roles: ROLES });
    }
  });

  describe("and keeps an account from being archived", () => {
    let id: string;
    const state = () => ({ name: "owner", roles: ROLES, tenantId: fixture.operator.tenantId });
    const longPauses = () => process.pauses.filter((ms) => ms >= SECOND);
    beforeEach(() => {
      const { tenantId } = fixture.operator;
      ({ id } = fixture.emulator.createAccount(tenantId, { name: "owner", roles: ROLES }));
    });

    it("is waited for until its run is known to be gone", async () => {
      const lost = await lostKey(id);
      await process.accounts.delete(id, state());
      assert.deepEqual([statusOf(lost.id), statusOf(id)], ["deleted", "archived"]);
      const [waiting, revoked, ...others] = process.warnings;
      assert.match(
        waiting ?? "",
        /^API key "k-\w{10}" blocks the archiving of its service account\. It was created by a run that was interrupted, or is still running: waiting up to two minutes to find out\.$/,
      );
      assert.match(revoked ?? "", /^API key "k-\w{10}" .*has been revoked\.$/);
      assert.deepEqual([others, notes.files], [[], []]);
      const waited = longPauses().reduce((sum, ms) => sum + ms, 0);
      assert(waited >= 2 * MINUTE && waited <= 2 * MINUTE + 5 * SECOND, String(waited));
    });

    it("is waited for no longer than it takes", async () => {
      const lost = await lostKey(id);
      notes.age(OVER);
      await process.accounts.delete(id, state());
      assert.deepEqual([statusOf(lost.id), statusOf(id)], ["deleted", "archived"]);
      assert.deepEqual(longPauses(), []);
    });

    it("is named where its run still renews the note", async () => {
      const lost = await lostKey(id);
      let looks = 0;
      const monotonic = () => {
        looks += 1;
        notes.age(-looks * SECOND);
        return fixture.clock.now;
      };
      const journal = new Journal({ directory: notes.directory, monotonic });
      const other = fixture.process({ journal });
      const error = await failureOf(other.accounts.delete(id, state()), "has_active_keys");
      assert.match(error.reason, new RegExp(`visible here: "k-\\w{10}" \\(${lost.id}, `));
      assert.deepEqual([statusOf(lost.id), statusOf(id)], ["published", "published"]);
    });

    it("is waited for before forceDestroy revokes anything", async () => {
      const lost = await lostKey(id);
      const { environmentId } = fixture.operator;
      const own = fixture.emulator.createKey(id, environmentId, { name: "own" });
      fixture.emulator.clearRequests();
      await process.accounts.delete(id, { ...state(), forceDestroy: true });
      const archive = `DELETE /users/${id}`;
      const [revokeLost, revokeOwn] = [lost, own].map(
        (key) => `DELETE /secrets/api/keys/${key.id}`,
      );
      assert.deepEqual(fixture.writes, [archive, revokeLost, archive, revokeOwn, archive]);
      assert.deepEqual(notes.files, []);
    });

    it("is not waited for where other keys are in the way", async () => {
      const { environmentId } = fixture.operator;
      const other = fixture.emulator.createAccount(fixture.operator.tenantId, { roles: ROLES }).id;
      await lostKey(other);
      fixture.emulator.createKey(id, environmentId, { name: "own" });
      await failureOf(process.accounts.delete(id, state()), "has_active_keys");
      assert.deepEqual([longPauses(), process.warnings], [[], []]);
    });
  });

  describe("and a state may have", () => {
    /** An engine that was killed right after it received both. */
    async function handedOver() {
      const journal = new Journal({ directory: notes.directory, monotonic: () => 0 });
      const killed = fixture.process({ journal });
      const account = await createAccount(killed, { namePrefix: "ci", roles: ROLES });
      const key = await createKey(killed, { namePrefix: "k", serviceAccountId: account.id });
      journal.onEngineExit();
      assert.deepEqual(
        notes.pending.map(({ settle, id }) => [settle, id]).sort(),
        [
          ["report", account.id],
          ["report", key.id],
        ].sort(),
      );
      return { account, key };
    }

    it("is reported, and not touched", async () => {
      const { account, key } = await handedOver();
      await createAccount(process, { namePrefix: "other", roles: ROLES });
      assert.deepEqual([statusOf(account.id), statusOf(key.id)], ["published", "published"]);
      for (const [what, { id, state }] of [
        ["Service account", account],
        ["API key", key],
      ] as const) {
        const about = process.warnings.filter((text) => text.includes(`(${id})`));
        assert.equal(about.length, 1);
        assert(about[0]?.startsWith(`${what} "${state.name}"`), about[0]);
      }
    });

    it("is not reported where a diff shows that it has", async () => {
      const { account, key } = await handedOver();
      await process.accounts.diff(account.id, account.state, { namePrefix: "ci", roles: ROLES });
      const { serviceAccountId = "" } = key.state;
      const inputs = { namePrefix: "k", type: "private_key", serviceAccountId };
      await process.keys.diff(key.id, key.state, inputs);
      assert.deepEqual(notes.files, []);
      await createAccount(process, { namePrefix: "other", roles: ROLES });
      assert.deepEqual(process.warnings, []);
    });

    it("is not reported where its deletion shows that it has", async () => {
      const { account, key } = await handedOver();
      await process.keys.delete(key.id, key.state);
      await process.accounts.delete(account.id, account.state);
      assert.deepEqual(notes.files, []);
      assert.deepEqual(
        process.warnings.filter((text) => text.includes(key.id)),
        [],
      );
    });

    it("is not reported where a refresh shows that it has", async () => {
      const { account, key } = await handedOver();
      await process.accounts.read(account.id, account.state);
      await process.keys.read(key.id, key.state);
      assert.deepEqual(notes.files, []);
    });
  });
});
