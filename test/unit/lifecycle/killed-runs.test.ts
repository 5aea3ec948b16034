import assert from "node:assert/strict";
import type { EmulatedKey } from "../../../provider/emulator";
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
const AFTER_LEASE = 3 * MINUTE;

describe("what a killed run has created", () => {
  const fixture = UnitFixture.forEachTest();
  let notes: Notes;
  let provider: ProviderProcess;
  beforeEach(() => {
    notes = new Notes(fixture);
    provider = start();
  });
  afterEach(() => notes.remove());

  function start(monotonic = () => fixture.clock.now): ProviderProcess {
    return fixture.process({ journal: new Journal({ directory: notes.directory, monotonic }) });
  }
  const addAccount = (name: string) => fixture.addAccount({ name, roles: ROLES }).id;
  const stateOf = (name: string) => ({
    name,
    roles: ROLES,
    tenantId: fixture.operator.tenantId,
  });
  /** Any change before which a process recovers. */
  const change = (runner = provider) =>
    createAccount(runner, { namePrefix: "other", roles: ROLES });
  const publishedAccounts = () =>
    fixture.emulator
      .accounts()
      .filter(({ status }) => status === "published")
      .map(({ id }) => id);

  /** The account of a run that was killed before the response to its create, or to the rename with a name. */
  async function lostAccount(name?: string): Promise<string> {
    const knownIds = fixture.emulator.accounts().map(({ id }) => id);
    const inputs = { namePrefix: "ci", roles: ROLES, ...(name === undefined ? {} : { name }) };
    const lostRequest = name === undefined ? POST_ACCOUNT : { match: { method: "PUT" } };
    await notes.dieAsking(({ accounts }) => accounts.create(inputs), "after", lostRequest, start());
    const created = fixture.emulator.accounts().find(({ id }) => !knownIds.includes(id));
    return created?.id ?? assert.fail();
  }

  /** The key of a run that was killed before the response. */
  async function lostKey(serviceAccountId: string, name: object = { namePrefix: "k" }) {
    const inputs = { type: "private_key", serviceAccountId, ...name };
    await notes.dieAsking(({ keys }) => keys.create(inputs), "after", POST_KEY, start());
    return fixture.emulator.keys().at(-1) ?? assert.fail();
  }

  describe("is removed", () => {
    const changes: Record<string, () => Promise<unknown>> = {
      "creates an account": () => change(),
      "creates a key": () => createKey(provider, { namePrefix: "other" }),
      "archives an account": () => provider.accounts.delete(addAccount("other"), stateOf("other")),
      "revokes a key": async () => {
        const { id, state } = await createKey(fixture.process(), { namePrefix: "other" });
        await provider.keys.delete(id, state);
      },
      "renames an account": () =>
        provider.accounts.update(addAccount("other"), stateOf("other"), {
          name: "renamed",
          roles: ROLES,
        }),
    };
    for (const [title, makeChange] of Object.entries(changes)) {
      it(`before a later run ${title}, and a warning names it`, async () => {
        const id = await lostAccount();
        notes.age(AFTER_LEASE);
        await makeChange();
        assert.equal(fixture.statusOf(id), "archived");
        const warning = new RegExp(
          `^Service account "ci-\\w{10}" \\(${id}\\), created by a run that was interrupted, has been archived\\.$`,
        );
        const { warnings } = provider;
        assert.equal(warnings.filter((text) => warning.test(text)).length, 1, warnings.join("\n"));
        assert.deepEqual(notes.files, []);
      });
    }

    it("by its id if it already has the name from the program", async () => {
      const lostId = await lostAccount("CI");
      assert.equal(fixture.account(lostId).name, "CI");
      notes.age(AFTER_LEASE);
      const { id } = await createAccount(provider, { name: "CI", roles: ROLES });
      assert.equal(fixture.statusOf(lostId), "archived");
      assert.deepEqual(publishedAccounts(), [id]);
    });
  });

  it("is only warned of by previews and refreshes", async () => {
    const lostId = await lostAccount();
    notes.age(AFTER_LEASE);
    const id = addAccount("other");
    const inputs = { name: "other", roles: ["event_reader"] };
    await provider.accounts.check(inputs, inputs);
    await provider.accounts.diff(id, stateOf("other"), inputs);
    await provider.accounts.read(id, stateOf("other"));
    assert.deepEqual([fixture.statusOf(lostId), notes.files.length], ["published", 1]);
    const [warning = "", ...others] = provider.warnings;
    assert.match(
      warning,
      /^An earlier run was interrupted while it created service account "ci-\w{10}"\./,
    );
    assert.deepEqual(others, []);
  });

  it("stays, without a warning, while its run may still be alive", async () => {
    const id = await lostAccount();
    notes.age(MINUTE);
    await change();
    assert.deepEqual([fixture.statusOf(id), notes.files.length], ["published", 1]);
    assert.deepEqual(provider.warnings, []);
  });

  describe("that the program adopts", () => {
    async function runLater() {
      notes.age(AFTER_LEASE);
      await change(start());
    }

    it("is not removed if it is an account with the name from the program", async () => {
      const id = await lostAccount("CI");
      await createAccount(provider, { name: "CI", roles: ROLES, adopt: id });
      assert.deepEqual(notes.files, []);
      await runLater();
      assert.equal(fixture.statusOf(id), "published");
    });

    it("is not removed if it is an account with a unique name, which it keeps", async () => {
      const id = await lostAccount();
      const { state } = await createAccount(provider, { roles: ROLES, adopt: id });
      assert.match(state.autoName ?? "", /^ci-\w{10}$/);
      assert.deepEqual(notes.files, []);
      await runLater();
      assert.equal(fixture.statusOf(id), "published");
    });

    it("is not removed if it is an account whose run is known to have ended", async () => {
      const id = await lostAccount();
      notes.age(AFTER_LEASE);
      const adopted = await createAccount(provider, { roles: ROLES, adopt: id });
      assert.deepEqual([adopted.id, fixture.statusOf(id)], [id, "published"]);
      await runLater();
      assert.equal(fixture.statusOf(id), "published");
    });

    it("is not removed if it is a key, which keeps its unique name", async () => {
      const owner = addAccount("owner");
      const { id, value } = await lostKey(owner);
      const adopt = { id, apiKey: value };
      const { state } = await createKey(provider, { serviceAccountId: owner, adopt });
      assert.match(state.autoName ?? "", /^k-\w{10}$/);
      assert.deepEqual(notes.files, []);
      await runLater();
      assert.equal(fixture.statusOf(id), "published");
    });

    it("does not end the report of a key with the same name as the adopted account", async () => {
      const owner = addAccount("CI");
      await lostKey(owner, { name: "CI" });
      await createAccount(provider, { roles: ROLES, adopt: owner });
      assert.deepEqual(
        notes.pending.map(({ kind, settle }) => [kind, settle]),
        [["key", "report"]],
      );
    });

    it("is removed if the program adopts another account of a killed run", async () => {
      const [adopted, other] = [await lostAccount(), await lostAccount()];
      await createAccount(provider, { roles: ROLES, adopt: adopted });
      await runLater();
      const statuses = [adopted, other].map((id) => fixture.statusOf(id));
      assert.deepEqual(statuses, ["published", "archived"]);
    });
  });

  describe("that is a key and blocks the archiving of its account", () => {
    let id: string;
    let key: EmulatedKey;
    beforeEach(async () => {
      id = addAccount("owner");
      key = await lostKey(id);
    });

    const archive = (runner = provider, overrides: object = {}) =>
      runner.accounts.delete(id, { ...stateOf("owner"), ...overrides });
    const statuses = () => [key.id, id].map((object) => fixture.statusOf(object));
    const longPauses = () => provider.pauses.filter((ms) => ms >= SECOND);

    it("is revoked after up to two minutes, once its run is known to have ended", async () => {
      await archive();
      assert.deepEqual(statuses(), ["deleted", "archived"]);
      const [waiting = "", revoked = "", ...others] = provider.warnings;
      assert.match(
        waiting,
        /^API key "k-\w{10}" blocks the archiving of its service account\. It was created by a run that was interrupted, or is still running: waiting up to two minutes to find out\.$/,
      );
      assert.match(revoked, /^API key "k-\w{10}" .*has been revoked\.$/);
      assert.deepEqual([others, notes.files], [[], []]);
      const total = longPauses().reduce((sum, ms) => sum + ms, 0);
      assert(total >= 2 * MINUTE && total <= 2 * MINUTE + 5 * SECOND, String(total));
    });

    it("is revoked at once if its run is already known to have ended", async () => {
      notes.age(AFTER_LEASE);
      await archive();
      assert.deepEqual(statuses(), ["deleted", "archived"]);
      assert.deepEqual(longPauses(), []);
    });

    it("is named in the error while its run still renews the note", async () => {
      let looks = 0;
      const waiting = start(() => {
        looks += 1;
        notes.age(-looks * SECOND);
        return fixture.clock.now;
      });
      const { reason } = await failureOf(archive(waiting), "has_active_keys");
      assert.match(reason, new RegExp(`visible here: "k-\\w{10}" \\(${key.id}, `));
      assert.deepEqual(statuses(), ["published", "published"]);
    });

    it("is revoked before forceDestroy revokes other keys", async () => {
      const otherKey = fixture.addKey(id, { name: "other" });
      fixture.emulator.clearRequests();
      await archive(provider, { forceDestroy: true });
      const archiving = `DELETE /users/${id}`;
      const [revokeLost, revokeOther] = [key, otherKey].map(
        (blocking) => `DELETE /secrets/api/keys/${blocking.id}`,
      );
      assert.deepEqual(fixture.writes, [archiving, revokeLost, archiving, revokeOther, archiving]);
      assert.deepEqual(notes.files, []);
    });

    it("is not waited for if it is a key of another account", async () => {
      id = addAccount("blocked by another key");
      fixture.addKey(id, { name: "other" });
      await failureOf(archive(), "has_active_keys");
      assert.deepEqual([longPauses(), provider.warnings], [[], []]);
    });
  });

  describe("that a state may have, since the engine was killed right after it received it,", () => {
    let account: Awaited<ReturnType<typeof createAccount>>;
    let key: Awaited<ReturnType<typeof createKey>>;
    beforeEach(async () => {
      const journal = new Journal({ directory: notes.directory, monotonic: () => 0 });
      const killed = fixture.process({ journal });
      account = await createAccount(killed, { namePrefix: "ci", roles: ROLES });
      key = await createKey(killed, { namePrefix: "k", serviceAccountId: account.id });
      journal.onEngineExit();
      assert.deepEqual(
        notes.pending.map(({ settle, id }) => [settle, id]).sort(),
        [
          ["report", account.id],
          ["report", key.id],
        ].sort(),
      );
    });

    it("is warned of, and not removed", async () => {
      await change();
      for (const [type, { id, state }] of [
        ["Service account", account],
        ["API key", key],
      ] as const) {
        assert.equal(fixture.statusOf(id), "published");
        const [warning = "", ...others] = provider.warnings.filter((text) =>
          text.includes(`(${id})`),
        );
        assert(warning.startsWith(`${type} "${state.name}"`), warning);
        assert.deepEqual(others, []);
      }
    });

    it("is not warned of after a diff has shown it", async () => {
      await provider.accounts.diff(account.id, account.state, { namePrefix: "ci", roles: ROLES });
      const { serviceAccountId = "" } = key.state;
      const inputs = { namePrefix: "k", type: "private_key", serviceAccountId };
      await provider.keys.diff(key.id, key.state, inputs);
      assert.deepEqual(notes.files, []);
      await change();
      assert.deepEqual(provider.warnings, []);
    });

    it("is not warned of after its deletion", async () => {
      await provider.keys.delete(key.id, key.state);
      await provider.accounts.delete(account.id, account.state);
      assert.deepEqual(notes.files, []);
      assert.deepEqual(
        provider.warnings.filter((text) => text.includes(key.id)),
        [],
      );
    });

    it("is not warned of after a refresh has shown it", async () => {
      await provider.accounts.read(account.id, account.state);
      await provider.keys.read(key.id, key.state);
      assert.deepEqual(notes.files, []);
    });
  });
});
