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
  live,
  liveKeys,
  makeAccount,
  makeKey,
  OWNER,
  POST_ACCOUNT,
  POST_KEY,
} from "../creating";
import { type JournalingProcess, Notes } from "../notes";

const LEASE_OVER = 3 * MINUTE;
const NO: { kind: "status"; status: number; body: unknown } = {
  kind: "status",
  status: 403,
  body: { message: "no" },
};

describe("session/recovery/recovery", () => {
  const fixture = UnitFixture.forEachTest();
  let notes: Notes;
  let owner: string;
  beforeEach(() => {
    notes = new Notes(fixture);
    owner = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
  });
  afterEach(() => notes.remove());

  const accountIds = () =>
    live(fixture)
      .map(({ id }) => id)
      .filter((id) => id !== owner);
  const keyIds = () => liveKeys(fixture, owner).map(({ id }) => id);
  const askForKey = (process: ProviderProcess) => makeKey(process, owner);

  /** A run that is killed while it creates an account and a key. */
  async function killed(when: "before" | "after"): Promise<void> {
    await notes.dieAsking(makeAccount, when, POST_ACCOUNT);
    await notes.dieAsking(askForKey, when, POST_KEY);
  }

  it("leaves alone what a run may still be busy with", async () => {
    await killed("after");
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
    assert.equal(accountIds().length + keyIds().length, 2);
  });

  it("believes no refused deletion while a search still shows the account", async () => {
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const body = { code: "not_found", message: "User not found", http_status_code: 404 };
    fixture.fault({ kind: "status", status: 404, body }, "before", { match: { method: "DELETE" } });
    const [warning = ""] = (await notes.recover()).warnings;
    assert.match(warning, /could not be looked up or removed.*404 not_found/s);
    assert.equal(accountIds().length, 1);
    await notes.recover();
    assert.deepEqual([accountIds(), notes.files], [[], []]);
  });

  it("removes what bears the names of a killed run's notes, by id, and says so", async () => {
    const account = await makeAccount(notes.start());
    const key = await makeKey(notes.start(), owner);
    await killed("after");
    const [, lostAccount] = live(fixture).filter(({ id }) => id !== owner);
    const [, lostKey] = liveKeys(fixture, owner);
    notes.age(LEASE_OVER);
    fixture.emulator.clearRequests();
    const next = await notes.recover();
    assert.deepEqual(fixture.writes.sort(), [
      `DELETE /secrets/api/keys/${lostKey?.id}`,
      `DELETE /users/${lostAccount?.id}`,
    ]);
    assert.deepEqual([accountIds(), keyIds()], [[account.id], [key.secret.id]]);
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

  it("settles what the same process has left, once a change comes after the lease", async () => {
    const process = await notes.recover();
    fixture.fault({ kind: "status", status: 429 }, "after", POST_ACCOUNT);
    const made = await makeAccount(process);
    notes.age(LEASE_OVER);
    fixture.clock.now += MINUTE;
    await notes.recover(process);
    assert.deepEqual(accountIds(), [made.id]);
  });

  it("leaves a note of what is not there yet, and closes it after an hour without a word", async () => {
    await killed("before");
    for (const [ms, left] of [
      [LEASE_OVER, 2],
      [HOUR - 5 * MINUTE, 2],
      [HOUR + MINUTE, 0],
    ] as const) {
      notes.age(ms);
      const { warnings } = await notes.recover();
      assert.deepEqual([warnings, notes.files.length], [[], left]);
    }
  });

  it("removes what comes into being long after the kill", async () => {
    await killed("before");
    notes.age(LEASE_OVER);
    await notes.recover();
    for (const { kind, name } of notes.pending) {
      const { tenantId, environmentId } = fixture.operator;
      if (kind === "account") fixture.emulator.createAccount(tenantId, { ...ACCOUNT, name });
      else fixture.emulator.createKey(owner, environmentId, { name });
    }
    notes.age(55 * MINUTE);
    const next = await notes.recover();
    assert.deepEqual([accountIds(), keyIds(), notes.files], [[], [], []]);
    assert.equal(next.warnings.length, 2);
  });

  describe("what another credential sees", () => {
    it("closes no note of a key by a credential that is not shown the keys of others", async () => {
      const { accessToken, environmentId, tenantId } = fixture.operator;
      const admin = notes.start({ credential: token(accessToken), environmentId });
      await notes.dieAsking(askForKey, "after", POST_KEY, admin);
      notes.age(2 * HOUR);
      const writer = fixture.emulator.createUser(tenantId, ["all_writer"]).accessToken;
      await notes.recover(notes.start({ credential: token(writer), environmentId }));
      assert.equal(notes.files.length, 1);
    });

    it("closes no note of what it does not see", async () => {
      await killed("before");
      notes.age(2 * HOUR);
      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const process = await notes.recover(notes.start({ credential: other }));
      assert.deepEqual([process.warnings, notes.files.length], [[], 2]);
    });

    it("closes notes of its own environment, whoever wrote them", async () => {
      const { accessToken, environmentId, userId } = fixture.operator;
      const by = (value: string, environment = environmentId) => ({
        credential: token(value),
        environmentId: environment,
      });
      await notes.dieAsking(askForKey, "before", POST_KEY, notes.start(by(accessToken)));
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

    it("removes what it does see", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      notes.age(LEASE_OVER);
      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const process = await notes.recover(notes.start({ credential: other }));
      assert.equal(process.warnings.length, 1);
      assert.deepEqual(
        live(fixture).map(({ name }) => name),
        ["owner", "other"],
      );
    });
  });

  it("does no harm when two runs start at once", async () => {
    const { id } = await makeAccount(notes.start());
    await killed("after");
    notes.age(LEASE_OVER);
    await Promise.all([notes.recover(), notes.recover()]);
    assert.deepEqual([accountIds(), keyIds()], [[id], []]);
  });

  it("says nothing of an account that somebody archives meanwhile", async () => {
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    fixture.emulator.faults.decide = ({ method, path }) => {
      const [, id = ""] = /^\/v1\/users\/(user_\w+)$/.exec(path) ?? [];
      if (method === "DELETE") fixture.emulator.archiveAccount(id);
      return undefined;
    };
    const next = await notes.recover();
    assert.deepEqual([accountIds(), next.warnings, notes.files], [[], [], []]);
  });

  for (const [what, show] of [
    ["a state is known to hold", "add"],
    ["the program is about to take over", "want"],
  ] as const) {
    it(`never removes what ${what}`, async () => {
      await killed("after");
      notes.age(LEASE_OVER);
      const next = notes.start();
      for (const id of [...accountIds(), ...keyIds()]) next.managed[show](id);
      await notes.recover(next);
      assert.deepEqual([accountIds().length, keyIds().length], [1, 1]);
      assert.deepEqual([next.warnings, notes.files], [[], []]);
    });
  }

  it("leaves an account with active keys, and archives it once they are gone", async () => {
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    const [id = ""] = accountIds();
    const key = fixture.emulator.createKey(id, fixture.operator.environmentId, { name: "in use" });
    notes.age(LEASE_OVER);
    const next = await notes.recover();
    assert.deepEqual(accountIds(), [id]);
    assert.equal(next.warnings.length, 1);
    assert.match(
      next.warnings[0] ?? "",
      /^An earlier run was interrupted while it created service account "ci-\w{10}", which could not be looked up or removed; a later change tries again\. .*Revoke all API keys/s,
    );
    fixture.emulator.revokeKey(key.id);
    notes.age(LEASE_OVER);
    await notes.recover();
    assert.deepEqual([accountIds(), notes.files], [[], []]);
  });

  it("names the key that it cannot revoke", async () => {
    await notes.dieAsking(askForKey, "after", POST_KEY);
    notes.age(LEASE_OVER);
    const next = notes.start();
    fixture.fault(NO, "before", { match: { method: "DELETE" } });
    await notes.recover(next);
    assert.match(
      next.warnings[0] ?? "",
      /Could not revoke API key secret_\w+, which no state has\.\n/,
    );
  });

  it("says when the server cannot be asked, and tries again with the next change a minute later", async () => {
    await notes.dieAsking(askForKey, "after", POST_KEY);
    notes.age(LEASE_OVER);
    const next = notes.start();
    await next.connection.caller();
    fixture.fault(NO, "before", { match: { method: "GET" } });
    await notes.recover(next);
    assert.match(
      next.warnings.join(),
      /^An earlier run was interrupted .* could not be looked up.*no/s,
    );
    fixture.clock.now += MINUTE - SECOND;
    await notes.recover(next);
    assert.equal(keyIds().length, 1, "too early to look again");
    fixture.clock.now += SECOND;
    await notes.recover(next);
    assert.deepEqual([keyIds(), notes.files], [[], []]);
  });

  it("looks again when the clock was set back", async () => {
    const next = await notes.recover();
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    fixture.clock.now -= HOUR;
    await notes.recover(next);
    assert.deepEqual(accountIds(), []);
  });

  it("is over before any change goes on", async () => {
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const next = notes.start();
    await Promise.all(
      [1, 2].map(async () => {
        await notes.recover(next);
        assert.deepEqual(accountIds(), []);
      }),
    );
  });

  it("does not take a mistake of the provider's for trouble with the server", async () => {
    await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
    notes.age(LEASE_OVER);
    const next = notes.start();
    const mistake = new TypeError("a mistake");
    next.connection.reads.freshAccounts = () => Promise.reject(mistake);
    await assert.rejects(notes.recover(next), mistake);
    assert.equal(accountIds().length, 1);
  });

  describe("what it does not act on", () => {
    it("is a copy that got the number of the file it was made of", async () => {
      let path = "";
      const backup = join(notes.home, "backup");
      fixture.emulator.faults.decide = ({ method, path: route }) => {
        if (method !== "POST" || route !== "/v1/users") return undefined;
        path = notes.only.path;
        copyFileSync(path, backup);
        return undefined;
      };
      const { id } = await makeAccount(notes.start());
      copyFileSync(backup, path);
      notes.age(LEASE_OVER);
      const next = await notes.recover();
      assert.deepEqual(accountIds(), [id]);
      assert.equal(next.warnings.length, 1);
    });

    async function reported(): Promise<void> {
      const next = await notes.recover();
      assert.equal(accountIds().length, 1);
      assert.equal(next.warnings.length, 1);
      assert.match(
        next.warnings[0] ?? "",
        /^An earlier run was interrupted while it created service account "ci-\w{10}"\. The note about it is too old, or a copy, so nothing is removed: if/,
      );
      assert.deepEqual(notes.files, []);
      assert.deepEqual((await notes.recover()).warnings, []);
    }

    it("is older than a day", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      notes.age(DAY + HOUR);
      await reported();
    });

    it("is a copy of a note, out of a backup for instance", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      const { path } = notes.only;
      copyFileSync(path, `${path}.copy.json`);
      unlinkSync(path);
      notes.age(LEASE_OVER);
      await reported();
    });

    it("is of another tenant, of another server, or no note", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      const rubbish = ["", "{", "{}", "null", '{"name":"ci"}\n'];
      rubbish.forEach((text, i) => {
        writeFileSync(join(notes.directory, `${i}.json`), text);
      });
      writeFileSync(join(notes.directory, "README"), "hands off");
      notes.age(LEASE_OVER);
      const before = notes.files;

      const { apiKey } = fixture.emulator.createTenant();
      const foreigner = await notes.recover(notes.start({ credential: credential(apiKey) }));
      const other = await UnitFixture.start();
      try {
        const elsewhere = notes.start({
          baseUrl: other.emulator.url,
          credential: credential(other.operator.apiKey),
        });
        await notes.recover(elsewhere);
        assert.deepEqual([...foreigner.warnings, ...elsewhere.warnings], []);
        assert.deepEqual(other.writes, []);
      } finally {
        await other.stop();
      }
      assert.deepEqual(notes.files, before);
      await notes.recover();
      assert.deepEqual(accountIds(), []);
      assert.equal(notes.files.length, rubbish.length + 1);
    });
  });

  describe("reports of what was handed over to an engine that then died", () => {
    let made: string;
    beforeEach(async () => {
      const process = notes.start();
      made = (await makeAccount(process)).id;
      process.journal.onEngineExit();
    });

    it("are shown by each run until a day has passed, and remove nothing", async () => {
      const { path, pending } = notes.only;
      for (const ms of [0, LEASE_OVER, 23 * HOUR, 25 * HOUR]) {
        notes.age(ms);
        const next = await notes.recover();
        assert.deepEqual(next.warnings, [
          `Service account "${pending.name}" (${made}) was created by a run whose engine was killed at that moment, and may be in no state. Look for the id in "pulumi stack export" of the stack: if it is not there, remove the object in Flexprice. Once you have checked this, delete ${path}; otherwise this warning ends after a day.`,
        ]);
        assert.deepEqual(accountIds(), [made]);
      }
      assert.deepEqual(notes.files, []);
    });

    it("are dropped once a state shows the object, before it is asked for or within two seconds", async () => {
      const next = notes.start();
      next.managed.add(made);
      assert.deepEqual(notes.files, []);

      const process = notes.start();
      const { secret } = await makeKey(process, owner);
      process.journal.onEngineExit();
      const late = notes.start();
      late.managed.add("user_else");
      const { pauses } = late;
      const recovered = notes.recover(late);
      while (!pauses.includes(2 * SECOND)) await new Promise((turn) => setImmediate(turn));
      late.managed.add(secret.id);
      await recovered;
      assert.deepEqual([late.warnings, notes.files, keyIds()], [[], [], [secret.id]]);
    });

    it("are dropped where a state shows the object that had not been looked for among them", async () => {
      rmSync(notes.directory, { recursive: true });
      const next = notes.start();
      next.managed.add(owner);
      const process = notes.start();
      const { id } = await makeAccount(process);
      process.journal.onEngineExit();
      next.managed.add(id);
      await notes.recover(next);
      assert.deepEqual([next.warnings, notes.files], [[], []]);
    });

    it("end once the object is gone for good, as far as the writer's credential sees", async () => {
      const { secret } = await makeKey(notes.start(), owner);
      const process = notes.start();
      const key = await makeKey(process, owner);
      process.journal.onEngineExit();
      notes.age(11 * MINUTE);
      assert.equal((await notes.recover()).warnings.length, 2);
      fixture.emulator.archiveAccount(made);
      fixture.emulator.revokeKey(key.secret.id);

      const { credential: other } = fixture.accountWithKey(["super_admin"], "other");
      const stranger = await notes.recover(notes.start({ credential: other }));
      assert.equal(stranger.warnings.length, 2);
      notes.age(9 * MINUTE);
      assert.equal((await notes.recover()).warnings.length, 2, "a replica may be late");
      notes.age(11 * MINUTE);
      const next = await notes.recover();
      assert.deepEqual([next.warnings, notes.files, keyIds()], [[], [], [secret.id]]);
    });

    it("go on where the server does not say whether the object is gone", async () => {
      notes.age(11 * MINUTE);
      const next = notes.start();
      await next.connection.caller();
      fixture.fault(NO, "before", { match: { path: /search/ } });
      await notes.recover(next);
      assert.equal(next.warnings.length, 1);

      const mistake = new TypeError("a mistake");
      const wrong = notes.start();
      wrong.connection.reads.freshAccount = () => Promise.reject(mistake);
      await assert.rejects(notes.recover(wrong), mistake);
    });

    it("go on for publishable keys, which are never seen", async () => {
      rmSync(notes.directory, { recursive: true });
      const process = notes.start();
      const { secret } = await makeKey(process, owner, { type: "publishable_key" });
      process.journal.onEngineExit();
      notes.age(2 * HOUR);
      const next = await notes.recover();
      assert.equal(next.warnings.length, 1);
      assert.match(
        next.warnings[0] ?? "",
        new RegExp(`^API key "k-\\w{10}" of ${owner} \\(${secret.id}\\) was created`),
      );
    });

    it("cost no pause where there are none", async () => {
      rmSync(notes.directory, { recursive: true });
      assert.deepEqual((await notes.recover()).pauses, []);
    });
  });

  it("says whose key it was as well as it knows", async () => {
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

  it("says when the keys of a name cannot be listed, and keeps the note", async () => {
    fixture.fault({ kind: "reset" }, "after", POST_KEY);
    await failureOf(makeKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
    notes.age(2 * HOUR);
    const next = notes.start();
    await next.connection.caller();
    fixture.fault(NO, "before", { match: { method: "GET" } });
    await notes.recover(next);
    assert.match(
      next.warnings.join(),
      /^An earlier run may have created API key "ci" of user_\w+ without receiving the response, and its keys could not be listed\. .*no/s,
    );
    assert.equal(notes.files.length, 1);

    const mistake = new TypeError("a mistake");
    const wrong = notes.start();
    wrong.connection.reads.freshKeys = () => Promise.reject(mistake);
    await assert.rejects(notes.recover(wrong), mistake);
  });

  describe("where nothing may be changed", () => {
    const remind = async (process = notes.start()) => {
      await process.connection.remindOfPending(async (message) => {
        process.warnings.push(message);
      });
      return process;
    };

    it("names the id of an account that may bear another name by now", async () => {
      const named = (process: ProviderProcess) =>
        makeAccount(process, { ...ACCOUNT, name: "billing" });
      await notes.dieAsking(named, "after", { match: { method: "PUT" } });
      notes.age(LEASE_OVER);
      const [id = ""] = accountIds();
      assert.match((await remind()).warnings.join(), new RegExp(`\\(${id}\\)`));
    });

    it("says once what a change would settle, and asks the server nothing about it", async () => {
      await killed("after");
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
      assert.deepEqual([accountIds(), keyIds(), notes.files], [[], [], []]);
    });
  });

  describe("a deletion that a key blocks", () => {
    const wait = (process: JournalingProcess, ...names: string[]) =>
      process.connection.waitForKeys(names, async (message) => {
        process.warnings.push(message);
      });

    it("does not wait for keys without a note, nor for accounts or named keys", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(makeKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
      const next = notes.start();
      const names = notes.pending.map(({ name }) => name);
      assert.equal(await wait(next, ...names, "k"), false);
      assert.deepEqual([next.warnings, next.pauses], [[], []]);
    });

    it("waits until the lease of its note is over, says so, and has the key revoked", async () => {
      await notes.dieAsking(askForKey, "after", POST_KEY);
      const { name } = notes.only.pending;
      const next = notes.start();
      assert.equal(await wait(next, "other", name), true);
      assert.deepEqual([keyIds(), notes.files], [[], []]);
      assert.equal(
        next.warnings[0],
        `API key "${name}" blocks the archiving of its service account. It was created by a run that was interrupted, or is still running: waiting up to two minutes to find out.`,
      );
      assert.match(next.warnings[1] ?? "", /has been revoked\.$/);
      assert.equal(next.pauses.filter((ms) => ms === 5 * SECOND).length, 24);
    });

    it("goes on at once when the lease is over", async () => {
      await notes.dieAsking(askForKey, "after", POST_KEY);
      notes.age(LEASE_OVER);
      const next = notes.start();
      assert.equal(await wait(next, notes.only.pending.name), true);
      assert(!next.pauses.includes(5 * SECOND));
    });

    it("goes on once a run that still works on it has handed the key over", async () => {
      await notes.dieAsking(askForKey, "after", POST_KEY);
      const next = notes.start();
      const waited = wait(next, notes.only.pending.name);
      while (!next.pauses.includes(5 * SECOND)) await new Promise((turn) => setImmediate(turn));
      unlinkSync(notes.only.path);
      assert.equal(await waited, true);
      assert.equal(keyIds().length, 1);
    });

    it("ends its wait after two minutes whatever happens", async () => {
      await notes.dieAsking(askForKey, "after", POST_KEY);
      const next = notes.start();
      await next.connection.caller();
      fixture.fault(NO, "before", { match: { method: "GET" }, times: 99 });
      assert.equal(await wait(next, notes.only.pending.name), true);
      assert.equal(next.pauses.filter((ms) => ms === 5 * SECOND).length, 25);
      assert.equal(keyIds().length, 1);
    });
  });

  describe("an object that the program takes over", () => {
    it("is not removed, by its name", async () => {
      await notes.dieAsking(makeAccount, "after", POST_ACCOUNT);
      const [account] = live(fixture).filter(({ id }) => id !== owner);
      const next = notes.start();
      next.connection.forgetPending(fixture.operator.tenantId, account ?? { id: "", name: "" });
      assert.deepEqual(notes.files, []);
    });

    it("is not removed, by its id", async () => {
      const ask = (by: ProviderProcess) => makeAccount(by, { ...ACCOUNT, name: "billing" });
      await notes.dieAsking(ask, "after", { match: { method: "PUT" } });
      const [id = ""] = accountIds();
      notes.start().connection.forgetPending(fixture.operator.tenantId, { id, name: "billing" });
      assert.deepEqual(notes.files, []);
    });

    it("says nothing of a name that others bear too", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(makeKey(notes.start(), owner, { name: "ci" }), "outcome_unknown");
      const next = notes.start();
      next.connection.forgetPending(fixture.operator.tenantId, { id: "user_else", name: "ci" });
      assert.equal(notes.files.length, 1);
    });

    it("is none of another name, tenant or server", async () => {
      await killed("after");
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
