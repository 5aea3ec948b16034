import assert from "node:assert/strict";
import { copyFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProviderProcess } from "../../fixture";
import {
  credential,
  DAY,
  failureOf,
  HOUR,
  MINUTE,
  SECOND,
  token,
  UnitFixture,
} from "../../fixture";
import {
  ACCOUNT,
  accountIds,
  createAccount,
  createKey,
  createOwner,
  FORBIDDEN,
  keyIds,
  liveAccounts,
  liveKeys,
  POST_ACCOUNT,
  POST_KEY,
} from "../creating";
import { type JournalingProvider, Notes } from "../notes";

const LEASE_OVER = 3 * MINUTE;

describe("session/recovery/recovery", () => {
  const fixture = UnitFixture.forEachTest();
  const notes = Notes.forEachTest(fixture);
  let owner: string;
  beforeEach(() => {
    owner = createOwner(fixture);
  });

  const createOwnedKey = (provider: ProviderProcess) => createKey(provider, owner);

  /** Kills a run while it creates an account, and another while it creates a key. */
  async function killRuns(when: "before" | "after"): Promise<void> {
    await notes.dieAsking(createAccount, when, POST_ACCOUNT);
    await notes.dieAsking(createOwnedKey, when, POST_KEY);
  }

  async function untilPaused({ pauses }: ProviderProcess, ms: number): Promise<void> {
    while (!pauses.includes(ms)) await new Promise((resolve) => setImmediate(resolve));
  }

  it("leaves alone what a run may still be working on", async () => {
    await killRuns("after");
    for (const ms of [0, MINUTE]) {
      notes.age(ms);
      const before = notes.paths;
      const next = await notes.recover();
      assert.deepEqual(next.warnings, []);
      assert.deepEqual(
        notes.files,
        before.map((path) => path.slice(notes.directory.length + 1)),
      );
    }
    assert.equal(accountIds(fixture).length + keyIds(fixture, owner).length, 2);
  });

  it("does not believe a 404 for a deletion while a search still shows the account", async () => {
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const body = { code: "not_found", message: "User not found", http_status_code: 404 };
    fixture.fault({ kind: "status", status: 404, body }, "before", { match: { method: "DELETE" } });
    const [warning = ""] = (await notes.recover()).warnings;
    assert.match(warning, /could not be looked up or removed.*404 not_found/s);
    assert.equal(accountIds(fixture).length, 1);
    await notes.recover();
    assert.deepEqual([accountIds(fixture), notes.files], [[], []]);
  });

  it("removes what has the names in a killed run's notes, by id, and reports it", async () => {
    const account = await createAccount(notes.start());
    const key = await createKey(notes.start(), owner);
    await killRuns("after");
    const [, lostAccount] = liveAccounts(fixture);
    const [, lostKey] = liveKeys(fixture, owner);
    notes.age(LEASE_OVER);
    fixture.emulator.clearRequests();
    const next = await notes.recover();
    assert.deepEqual(fixture.writes.sort(), [
      `DELETE /secrets/api/keys/${lostKey?.id}`,
      `DELETE /users/${lostAccount?.id}`,
    ]);
    assert.deepEqual(
      [accountIds(fixture), keyIds(fixture, owner)],
      [[account.id], [key.secret.id]],
    );
    assert.deepEqual(next.warnings.sort(), [
      `API key "${lostKey?.name}" (${lostKey?.id}), created by a run that was interrupted, has been revoked.`,
      `Service account "${lostAccount?.name}" (${lostAccount?.id}), created by a run that was interrupted, has been archived.`,
    ]);
    assert.deepEqual(notes.files, []);
    const { reads } = next.connection;
    fixture.emulator.clearRequests();
    assert.equal(await reads.account(lostAccount?.id ?? ""), undefined);
    assert.equal(await reads.key(lostKey?.id ?? "", owner), undefined);
    assert.deepEqual(fixture.log, [], "what it has removed it need not ask for");
  });

  it("recovers what the same process has left, on a change after the lease", async () => {
    const provider = await notes.recover();
    fixture.fault({ kind: "status", status: 429 }, "after", POST_ACCOUNT);
    const created = await createAccount(provider);
    notes.age(LEASE_OVER);
    fixture.clock.now += MINUTE;
    await notes.recover(provider);
    assert.deepEqual(accountIds(fixture), [created.id]);
  });

  it("keeps the note of a missing object for an hour, then removes the note silently", async () => {
    await killRuns("before");
    for (const [ms, count] of [
      [LEASE_OVER, 2],
      [HOUR - 5 * MINUTE, 2],
      [HOUR + MINUTE, 0],
    ] as const) {
      notes.age(ms);
      const { warnings } = await notes.recover();
      assert.deepEqual([warnings, notes.files.length], [[], count]);
    }
  });

  it("removes what appears long after the kill", async () => {
    await killRuns("before");
    await notes.recoverAfterLease();
    for (const { kind, name } of notes.pending) {
      const { tenantId, environmentId } = fixture.operator;
      if (kind === "account") fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name });
      else fixture.emulator.createKey(owner, environmentId, { name });
    }
    notes.age(55 * MINUTE);
    const next = await notes.recover();
    assert.deepEqual([accountIds(fixture), keyIds(fixture, owner), notes.files], [[], [], []]);
    assert.equal(next.warnings.length, 2);
  });

  describe("with the credential of another user", () => {
    it("keeps the note of a key if the credential does not see the keys of others", async () => {
      const { accessToken, environmentId, tenantId } = fixture.operator;
      const admin = notes.start({ credential: token(accessToken), environmentId });
      await notes.dieAsking(createOwnedKey, "after", POST_KEY, admin);
      notes.age(2 * HOUR);
      const writer = fixture.emulator.createUser(tenantId, ["all_writer"]).accessToken;
      await notes.recover(notes.start({ credential: token(writer), environmentId }));
      assert.equal(notes.files.length, 1);
    });

    it("keeps notes of what it does not see", async () => {
      await killRuns("before");
      notes.age(2 * HOUR);
      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const provider = await notes.recover(notes.start({ credential: other }));
      assert.deepEqual([provider.warnings, notes.files.length], [[], 2]);
    });

    it("removes notes of its own environment, whoever wrote them", async () => {
      const { accessToken, environmentId, userId } = fixture.operator;
      const by = (value: string, environment = environmentId) => ({
        credential: token(value),
        environmentId: environment,
      });
      await notes.dieAsking(createOwnedKey, "before", POST_KEY, notes.start(by(accessToken)));
      notes.age(2 * HOUR);
      const { tenantId } = fixture.operator;
      const other = fixture.emulator.createUser(tenantId, ["super_admin"]).accessToken;
      const elsewhere = fixture.emulator.createEnvironment(tenantId, "elsewhere");
      await notes.recover(notes.start(by(other, elsewhere)));
      assert.equal(notes.files.length, 1);
      await notes.recover(notes.start());
      assert.equal(notes.files.length, 1, `the key of ${userId} names no environment`);
      await notes.recover(notes.start(by(other)));
      assert.deepEqual(notes.files, []);
    });

    it("removes objects that it sees", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      notes.age(LEASE_OVER);
      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const provider = await notes.recover(notes.start({ credential: other }));
      assert.equal(provider.warnings.length, 1);
      assert.deepEqual(
        liveAccounts(fixture).map(({ name }) => name),
        ["other"],
      );
    });
  });

  it("recovers once if two runs start at the same time", async () => {
    const { id } = await createAccount(notes.start());
    await killRuns("after");
    notes.age(LEASE_OVER);
    await Promise.all([notes.recover(), notes.recover()]);
    assert.deepEqual([accountIds(fixture), keyIds(fixture, owner)], [[id], []]);
  });

  it("does not report an account that somebody archives meanwhile", async () => {
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    fixture.emulator.faults.decide = ({ method, path }) => {
      const [, id = ""] = /^\/v1\/users\/(user_\w+)$/.exec(path) ?? [];
      if (method === "DELETE") fixture.emulator.archiveAccount(id);
      return undefined;
    };
    const next = await notes.recover();
    assert.deepEqual([accountIds(fixture), next.warnings, notes.files], [[], [], []]);
  });

  for (const [what, method] of [
    ["a state holds", "add"],
    ["the program is about to adopt", "want"],
  ] as const) {
    it(`never removes what ${what}`, async () => {
      await killRuns("after");
      notes.age(LEASE_OVER);
      const next = notes.start();
      for (const id of [...accountIds(fixture), ...keyIds(fixture, owner)])
        next.managed[method](id);
      await notes.recover(next);
      assert.deepEqual([accountIds(fixture).length, keyIds(fixture, owner).length], [1, 1]);
      assert.deepEqual([next.warnings, notes.files], [[], []]);
    });
  }

  it("keeps an account with active keys, and archives it once they are revoked", async () => {
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    const [id = ""] = accountIds(fixture);
    const key = fixture.emulator.createKey(id, fixture.operator.environmentId, { name: "in use" });
    const next = await notes.recoverAfterLease();
    assert.deepEqual(accountIds(fixture), [id]);
    assert.equal(next.warnings.length, 1);
    assert.match(
      next.warnings[0] ?? "",
      /^An earlier run was interrupted while it created service account "ci-\w{10}", which could not be looked up or removed; a later change tries again\. .*Revoke all API keys/s,
    );
    fixture.emulator.revokeKey(key.id);
    await notes.recoverAfterLease();
    assert.deepEqual([accountIds(fixture), notes.files], [[], []]);
  });

  it("reports the key that it cannot revoke", async () => {
    await notes.dieAsking(createOwnedKey, "after", POST_KEY);
    notes.age(LEASE_OVER);
    const next = notes.start();
    fixture.fault(FORBIDDEN, "before", { match: { method: "DELETE" } });
    await notes.recover(next);
    assert.match(
      next.warnings[0] ?? "",
      /Could not revoke API key secret_\w+, which no state has\.\n/,
    );
  });

  it("reports a failed lookup, and tries again on a change a minute later", async () => {
    await notes.dieAsking(createOwnedKey, "after", POST_KEY);
    notes.age(LEASE_OVER);
    const next = notes.start();
    await next.connection.caller();
    fixture.fault(FORBIDDEN, "before", { match: { method: "GET" } });
    await notes.recover(next);
    assert.match(
      next.warnings.join(),
      /^An earlier run was interrupted .* could not be looked up.*no/s,
    );
    fixture.clock.now += MINUTE - SECOND;
    await notes.recover(next);
    assert.equal(keyIds(fixture, owner).length, 1, "too early to look again");
    fixture.clock.now += SECOND;
    await notes.recover(next);
    assert.deepEqual([keyIds(fixture, owner), notes.files], [[], []]);
  });

  it("looks again after the clock was set back", async () => {
    const next = await notes.recover();
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    fixture.clock.now -= HOUR;
    await notes.recover(next);
    assert.deepEqual(accountIds(fixture), []);
  });

  it("completes before any change starts", async () => {
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const next = notes.start();
    await Promise.all(
      [1, 2].map(async () => {
        await notes.recover(next);
        assert.deepEqual(accountIds(fixture), []);
      }),
    );
  });

  it("throws a bug instead of reporting it as a failed lookup", async () => {
    await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const next = notes.start();
    const bug = new TypeError("a bug");
    next.connection.reads.freshAccounts = () => Promise.reject(bug);
    await assert.rejects(notes.recover(next), bug);
    assert.equal(accountIds(fixture).length, 1);
  });

  describe("notes that it must not act on", () => {
    it("include a copy with the inode of its original", async () => {
      let path = "";
      const backup = join(notes.home, "backup");
      fixture.emulator.faults.decide = ({ method, path: route }) => {
        if (method !== "POST" || route !== "/v1/users") return undefined;
        path = notes.only.path;
        copyFileSync(path, backup);
        return undefined;
      };
      const { id } = await createAccount(notes.start());
      copyFileSync(backup, path);
      const next = await notes.recoverAfterLease();
      assert.deepEqual(accountIds(fixture), [id]);
      assert.equal(next.warnings.length, 1);
    });

    /** Expects that the only note is reported, and that the next run does not have it. */
    async function assertReportedOnce(): Promise<void> {
      const next = await notes.recover();
      assert.equal(accountIds(fixture).length, 1);
      assert.equal(next.warnings.length, 1);
      assert.match(
        next.warnings[0] ?? "",
        /^An earlier run was interrupted while it created service account "ci-\w{10}"\. The note about it is too old, or a copy, so nothing is removed: if/,
      );
      assert.deepEqual(notes.files, []);
      assert.deepEqual((await notes.recover()).warnings, []);
    }

    it("include notes older than a day", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      notes.age(DAY + HOUR);
      await assertReportedOnce();
    });

    it("include a copy of a note, for example from a backup", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      const { path } = notes.only;
      copyFileSync(path, `${path}.copy.json`);
      unlinkSync(path);
      notes.age(LEASE_OVER);
      await assertReportedOnce();
    });

    it("include notes of other tenants and servers, and files that are not notes", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      const malformed = ["", "{", "{}", "null", '{"name":"ci"}\n'];
      malformed.forEach((text, i) => {
        writeFileSync(join(notes.directory, `${i}.json`), text);
      });
      writeFileSync(join(notes.directory, "README"), "not a note");
      notes.age(LEASE_OVER);
      const before = notes.files;

      const { apiKey } = fixture.emulator.createTenant();
      const ofOtherTenant = await notes.recover(notes.start({ credential: credential(apiKey) }));
      const other = await UnitFixture.start();
      try {
        const elsewhere = notes.start({
          baseUrl: other.emulator.url,
          credential: credential(other.operator.apiKey),
        });
        await notes.recover(elsewhere);
        assert.deepEqual([...ofOtherTenant.warnings, ...elsewhere.warnings], []);
        assert.deepEqual(other.writes, []);
      } finally {
        await other.stop();
      }
      assert.deepEqual(notes.files, before);
      await notes.recover();
      assert.deepEqual(accountIds(fixture), []);
      assert.equal(notes.files.length, malformed.length + 1);
    });
  });

  describe("reports of objects whose engine was killed as they were returned", () => {
    let accountId: string;
    beforeEach(async () => {
      const provider = notes.start();
      accountId = (await createAccount(provider)).id;
      provider.journal.onEngineExit();
    });

    it("are shown by each run for a day, and remove nothing", async () => {
      const { path, pending } = notes.only;
      for (const ms of [0, LEASE_OVER, 23 * HOUR, 25 * HOUR]) {
        notes.age(ms);
        const next = await notes.recover();
        assert.deepEqual(next.warnings, [
          `Service account "${pending.name}" (${accountId}) was created by a run whose engine was killed at that moment, and may be in no state. Look for the id in "pulumi stack export" of the stack: if it is not there, remove the object in Flexprice. Once you have checked this, delete ${path}; otherwise this warning ends after a day.`,
        ]);
        assert.deepEqual(accountIds(fixture), [accountId]);
      }
      assert.deepEqual(notes.files, []);
    });

    it("are dropped if a state shows the object before the recovery or within two seconds", async () => {
      const next = notes.start();
      next.managed.add(accountId);
      assert.deepEqual(notes.files, []);

      const provider = notes.start();
      const { secret } = await createKey(provider, owner);
      provider.journal.onEngineExit();
      const later = notes.start();
      later.managed.add("user_else");
      const recovered = notes.recover(later);
      await untilPaused(later, 2 * SECOND);
      later.managed.add(secret.id);
      await recovered;
      assert.deepEqual(
        [later.warnings, notes.files, keyIds(fixture, owner)],
        [[], [], [secret.id]],
      );
    });

    it("are dropped if they appear after the process first looked for reports", async () => {
      rmSync(notes.directory, { recursive: true });
      const next = notes.start();
      next.managed.add(owner);
      const provider = notes.start();
      const { id } = await createAccount(provider);
      provider.journal.onEngineExit();
      next.managed.add(id);
      await notes.recover(next);
      assert.deepEqual([next.warnings, notes.files], [[], []]);
    });

    it("are dropped once the writer's credential sees that the object is gone", async () => {
      const { secret } = await createKey(notes.start(), owner);
      const provider = notes.start();
      const key = await createKey(provider, owner);
      provider.journal.onEngineExit();
      notes.age(11 * MINUTE);
      assert.equal((await notes.recover()).warnings.length, 2);
      fixture.emulator.archiveAccount(accountId);
      fixture.emulator.revokeKey(key.secret.id);

      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const ofOtherCredential = await notes.recover(notes.start({ credential: other }));
      assert.equal(ofOtherCredential.warnings.length, 2);
      notes.age(9 * MINUTE);
      assert.equal((await notes.recover()).warnings.length, 2, "a replica may be late");
      notes.age(11 * MINUTE);
      const next = await notes.recover();
      assert.deepEqual([next.warnings, notes.files, keyIds(fixture, owner)], [[], [], [secret.id]]);
    });

    it("stay if the server does not tell whether the object is gone", async () => {
      notes.age(11 * MINUTE);
      const next = notes.start();
      await next.connection.caller();
      fixture.fault(FORBIDDEN, "before", { match: { path: /search/ } });
      await notes.recover(next);
      assert.equal(next.warnings.length, 1);

      const bug = new TypeError("a bug");
      const broken = notes.start();
      broken.connection.reads.freshAccount = () => Promise.reject(bug);
      await assert.rejects(notes.recover(broken), bug);
    });

    it("stay for publishable keys, which no list shows", async () => {
      rmSync(notes.directory, { recursive: true });
      const provider = notes.start();
      const { secret } = await createKey(provider, owner, { type: "publishable_key" });
      provider.journal.onEngineExit();
      notes.age(2 * HOUR);
      const next = await notes.recover();
      assert.equal(next.warnings.length, 1);
      assert.match(
        next.warnings[0] ?? "",
        new RegExp(`^API key "k-\\w{10}" of ${owner} \\(${secret.id}\\) was created`),
      );
    });

    it("take no pause if there are none", async () => {
      rmSync(notes.directory, { recursive: true });
      assert.deepEqual((await notes.recover()).pauses, []);
    });
  });

  it("reports a key without an owner as the caller's", async () => {
    const { tenantId } = fixture.operator;
    const { journal } = notes.start();
    const note = await journal.begin({
      server: fixture.emulator.url,
      tenantId,
      credential: "of an older release",
      kind: "key",
      name: "k-0123456789",
      settle: "remove",
    });
    journal.release(note);
    notes.age(DAY + HOUR);
    assert.match((await notes.recover()).warnings.join(), /API key "k-0123456789" of the caller\./);
  });

  it("reports that the keys of a name cannot be listed, and keeps the note", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    await failureOf(createKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
    notes.age(2 * HOUR);
    const next = notes.start();
    await next.connection.caller();
    fixture.fault(FORBIDDEN, "before", { match: { method: "GET" } });
    await notes.recover(next);
    assert.match(
      next.warnings.join(),
      /^An earlier run may have created API key "ci" of user_\w+ without receiving the response, and its keys could not be listed\. .*no/s,
    );
    assert.equal(notes.files.length, 1);

    const bug = new TypeError("a bug");
    const broken = notes.start();
    broken.connection.reads.freshKeys = () => Promise.reject(bug);
    await assert.rejects(notes.recover(broken), bug);
  });

  describe("in a preview", () => {
    const remind = async (provider = notes.start()) => {
      await provider.connection.remindOfPending(async (message) => {
        provider.warnings.push(message);
      });
      return provider;
    };

    it("shows the id of an account that may have been renamed", async () => {
      const createNamed = (provider: ProviderProcess) =>
        createAccount(provider, { ...ACCOUNT, name: "billing" });
      await notes.dieAsking(createNamed, "after", { match: { method: "PUT" } });
      notes.age(LEASE_OVER);
      const [id = ""] = accountIds(fixture);
      assert.match((await remind()).warnings.join(), new RegExp(`\\(${id}\\)`));
    });

    it("reports once what a change would recover, without asking the server", async () => {
      await killRuns("after");
      assert.deepEqual((await remind()).warnings, [], "its run may still be busy with it");
      notes.age(LEASE_OVER);
      const names = notes.pending.map(({ kind, name }) =>
        kind === "account" ? `service account "${name}"` : `API key "${name}" of ${owner}`,
      );
      fixture.emulator.clearRequests();
      const next = await remind(await remind());
      assert.deepEqual(
        next.warnings,
        names.map(
          (name) =>
            `An earlier run was interrupted while it created ${name}. The next "pulumi up" that changes something looks for it, and removes it if it exists.`,
        ),
      );
      assert.deepEqual(fixture.log, ["GET /users/me"]);
      await notes.recover(next);
      assert.deepEqual([accountIds(fixture), keyIds(fixture, owner), notes.files], [[], [], []]);
    });
  });

  describe("a deletion that a key blocks", () => {
    const waitForKeys = (provider: JournalingProvider, ...names: string[]) =>
      provider.connection.waitForKeys(names, async (message) => {
        provider.warnings.push(message);
      });

    it("does not wait for keys without a note, nor for accounts or named keys", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(createKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
      const next = notes.start();
      const names = notes.names;
      assert.equal(await waitForKeys(next, ...names, "k"), false);
      assert.deepEqual([next.warnings, next.pauses], [[], []]);
    });

    it("waits until the lease of the key's note is over, reports this, and revokes the key", async () => {
      await notes.dieAsking(createOwnedKey, "after", POST_KEY);
      const { name } = notes.only.pending;
      const next = notes.start();
      assert.equal(await waitForKeys(next, "other", name), true);
      assert.deepEqual([keyIds(fixture, owner), notes.files], [[], []]);
      assert.equal(
        next.warnings[0],
        `API key "${name}" blocks the archiving of its service account. It was created by a run that was interrupted, or is still running: waiting up to two minutes to find out.`,
      );
      assert.match(next.warnings[1] ?? "", /has been revoked\.$/);
      assert.equal(next.pauses.filter((ms) => ms === 5 * SECOND).length, 24);
    });

    it("continues at once if the lease is over", async () => {
      await notes.dieAsking(createOwnedKey, "after", POST_KEY);
      notes.age(LEASE_OVER);
      const next = notes.start();
      assert.equal(await waitForKeys(next, notes.only.pending.name), true);
      assert(!next.pauses.includes(5 * SECOND));
    });

    it("continues once the key's run has returned it", async () => {
      await notes.dieAsking(createOwnedKey, "after", POST_KEY);
      const next = notes.start();
      const waited = waitForKeys(next, notes.only.pending.name);
      await untilPaused(next, 5 * SECOND);
      unlinkSync(notes.only.path);
      assert.equal(await waited, true);
      assert.equal(keyIds(fixture, owner).length, 1);
    });

    it("stops waiting after two minutes, whatever happens", async () => {
      await notes.dieAsking(createOwnedKey, "after", POST_KEY);
      const next = notes.start();
      await next.connection.caller();
      fixture.fault(FORBIDDEN, "before", { match: { method: "GET" }, times: 99 });
      assert.equal(await waitForKeys(next, notes.only.pending.name), true);
      assert.equal(next.pauses.filter((ms) => ms === 5 * SECOND).length, 25);
      assert.equal(keyIds(fixture, owner).length, 1);
    });
  });

  describe("an object that the program adopts", () => {
    it("loses its note by name", async () => {
      await notes.dieAsking(createAccount, "after", POST_ACCOUNT);
      const [account] = liveAccounts(fixture);
      const next = notes.start();
      next.connection.forgetPending(fixture.operator.tenantId, account ?? { id: "", name: "" });
      assert.deepEqual(notes.files, []);
    });

    it("loses its note by id", async () => {
      const createNamed = (provider: ProviderProcess) =>
        createAccount(provider, { ...ACCOUNT, name: "billing" });
      await notes.dieAsking(createNamed, "after", { match: { method: "PUT" } });
      const [id = ""] = accountIds(fixture);
      notes.start().connection.forgetPending(fixture.operator.tenantId, { id, name: "billing" });
      assert.deepEqual(notes.files, []);
    });

    it("does not affect notes of named keys, whose name others may have", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(createKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
      const next = notes.start();
      next.connection.forgetPending(fixture.operator.tenantId, { id: "user_else", name: "ci" });
      assert.equal(notes.files.length, 1);
    });

    it("does not affect notes of other names, tenants or servers", async () => {
      await killRuns("after");
      const { tenantId } = fixture.operator;
      const { name } = notes.pending[0] ?? { name: "" };
      notes.start().connection.forgetPending(tenantId, { id: "user_else", name: "ci" });
      notes.start().connection.forgetPending("tenant_else", { id: "user_else", name });
      const elsewhere = notes.start({ baseUrl: "http://127.0.0.1:1/v1" });
      elsewhere.connection.forgetPending(tenantId, { id: "user_else", name });
      assert.equal(notes.files.length, 2);
    });
  });
});
