import assert from "node:assert/strict";
import type { FaultKind } from "../../../provider/emulator";
import { isUniqueNameOf } from "../../../provider/session/auto-name";
import { UnnamedAccount } from "../../../provider/session/creates";
import { failureOf, HOUR, MINUTE, SECOND, UnitFixture } from "../fixture";
import {
  ACCOUNT,
  accountIds,
  createAccount,
  createKey,
  createOwner,
  FORBIDDEN,
  keyIds,
  keyValues,
  liveAccounts,
  liveKeys,
  namesSent,
  POST_ACCOUNT,
  POST_KEY,
  ready,
} from "./creating";
import { type JournalingProvider, Notes } from "./notes";

const NAMED = { ...ACCOUNT, name: "billing" };
const PUT = { match: { method: "PUT" } };
const NOT_FOUND: FaultKind = {
  kind: "status",
  status: 404,
  body: { code: "not_found", message: "User not found" },
};

describe("session/creates with names from the program", () => {
  const fixture = UnitFixture.forEachTest();
  const notes = Notes.forEachTest(fixture);
  let provider: JournalingProvider;
  beforeEach(async () => {
    provider = await ready(fixture, notes.start());
  });

  /** The error of a create that could not name its account. */
  async function unnamedAccount(attempt: Promise<unknown>): Promise<UnnamedAccount> {
    const error = await attempt.then(
      () => assert.fail("the account has its name"),
      (reason) => reason,
    );
    assert(error instanceof UnnamedAccount, String(error));
    return error;
  }

  describe("named accounts", () => {
    it("get their name after a create under a unique name, once the id is in the note", async () => {
      let text = "";
      fixture.emulator.faults.decide = ({ method }) => {
        if (method === "PUT") text = notes.only.text;
        return undefined;
      };
      const created = await createAccount(provider, NAMED);
      assert.equal(created.name, "billing");
      assert.deepEqual(fixture.log, ["POST /users", `PUT /users/${created.id}`]);
      const [name = ""] = namesSent(fixture);
      assert(isUniqueNameOf("billing", name), name);
      assert.deepEqual(JSON.parse(text.split("\n")[1] ?? ""), { id: created.id });
      assert.deepEqual(liveAccounts(fixture), [
        { id: created.id, name: "billing", roles: ACCOUNT.roles },
      ]);
      assert.deepEqual(notes.files, []);
      assert.equal((await provider.connection.reads.account(created.id))?.name, "billing");
    });

    it("can share a name with other accounts, which do not change", async () => {
      const other = fixture.emulator.createAccount(fixture.operator.tenantId, NAMED).id;
      fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
      fixture.fault({ kind: "reset" }, "after", PUT);
      const { id } = await createAccount(provider, NAMED);
      assert.deepEqual(
        liveAccounts(fixture).map((account) => [account.id, account.name]),
        [
          [other, "billing"],
          [id, "billing"],
        ],
      );
    });

    it("get their name once a replica has the account", async () => {
      fixture.fault(NOT_FOUND, "before", { ...PUT, times: 29 });
      const created = await createAccount(provider, NAMED);
      assert.equal(liveAccounts(fixture)[0]?.name, "billing");
      assert.deepEqual(provider.pauses, Array(29).fill(SECOND));
      assert.deepEqual(accountIds(fixture), [created.id]);
    });

    it("are returned unnamed if a replica does not have them for half a minute", async () => {
      fixture.fault(NOT_FOUND, "before", { ...PUT, times: 99 });
      const error = await unnamedAccount(createAccount(provider, NAMED));
      assert.equal(error.failure.kind, "not_found");
      assert.equal(error.message, error.failure.message);
      assert.deepEqual(provider.pauses, Array(30).fill(SECOND));
      assert.deepEqual(liveAccounts(fixture), [
        { id: error.account.id, name: error.account.name, roles: ACCOUNT.roles },
      ]);
      assert(isUniqueNameOf("billing", error.account.name));
      assert.deepEqual(notes.files, [], "the account is in the state: nothing may remove it");
    });

    it("are returned unnamed at once if the server rejects the name", async () => {
      fixture.fault(FORBIDDEN, "before", PUT);
      const error = await unnamedAccount(createAccount(provider, NAMED));
      assert.equal(error.failure.kind, "forbidden");
      assert.deepEqual(provider.pauses, []);
      assert(provider.managed.has(error.account.id));
      await notes.recoverAfterLease();
      assert.deepEqual(accountIds(fixture), [error.account.id]);
    });

    it("keep their note if naming fails because of a bug", async () => {
      const bug = new TypeError("a bug");
      provider.connection.api.renameAccount = () => Promise.reject(bug);
      await assert.rejects(createAccount(provider, NAMED), bug);
      await notes.recoverAfterLease();
      assert.deepEqual(liveAccounts(fixture), []);
    });

    for (const [what, when, rule, nameOfLost] of [
      ["before the response to the POST", "after", POST_ACCOUNT, /^billing-/],
      ["between POST and PUT", "before", PUT, /^billing-/],
      ["after the PUT", "after", PUT, /^billing$/],
    ] as const) {
      it(`are removed by a later run if their run was killed ${what}`, async () => {
        const other = fixture.emulator.createAccount(fixture.operator.tenantId, NAMED).id;
        await notes.dieAsking((killed) => createAccount(killed, NAMED), when, rule);
        const [, lost] = liveAccounts(fixture);
        assert.match(lost?.name ?? "", nameOfLost);
        const next = await notes.recoverAfterLease();
        assert.deepEqual(accountIds(fixture), [other]);
        assert.equal(next.warnings.length, 1);
        assert.match(next.warnings[0] ?? "", new RegExp(`"billing-\\w{10}" \\(${lost?.id}\\)`));
        assert.deepEqual(notes.files, []);
      });
    }
  });

  describe("named keys", () => {
    let owner: string;
    beforeEach(() => {
      owner = createOwner(fixture);
    });
    const addKey = (name: string, userId = owner) =>
      fixture.emulator.createKey(userId, fixture.operator.environmentId, { name });
    /** The recovery of a later run whose state has this key. */
    async function recoverManaging(id: string): Promise<JournalingProvider> {
      const next = notes.start();
      next.managed.add(id);
      return await notes.recover(next);
    }
    const createNamed = () => createKey(provider, owner, { name: "ci" });

    it("are created with one request, and leave no note", async () => {
      const { secret, api_key } = await createNamed();
      assert.equal(secret.name, "ci");
      assert.deepEqual(keyValues(fixture, owner), [api_key]);
      assert.deepEqual(fixture.log, ["POST /secrets/api/keys"]);
      assert.deepEqual(notes.files, []);
    });

    it("are not sent again after a lost response: the error lists the keys that may be the lost one", async () => {
      const other = createOwner(fixture);
      addKey("ci", other);
      addKey("ci2");
      const managed = addKey("ci");
      provider.managed.add(managed.id);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const error = await failureOf(createNamed(), "outcome_unknown");
      assert.deepEqual(fixture.writes, ["POST /secrets/api/keys"]);
      const [, , lost] = liveKeys(fixture, owner);
      assert.match(
        error.reason,
        new RegExp(
          `; ${owner} has keys named "ci" that this run does not know: ${lost?.id} \\(sk_01\\*\\*\\*\\w\\w, created at 2026-11-24T08:00:00[.\\d]*Z\\)$`,
        ),
      );
      assert.match(error.fix, /^check the keys with this name in the dashboard\. Revoke the one/);
      assert.equal(notes.only.pending.settle, "report");
    });

    it("make each later run list the keys that may be the lost one, until that is gone", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(createNamed(), "outcome_unknown");
      const [lost = ""] = keyIds(fixture, owner);
      const second = await createNamed();

      assert.deepEqual((await notes.recover()).warnings, [], "its writer may still renew the note");
      notes.age(3 * MINUTE);
      for (const _ of [1, 2]) {
        const next = await recoverManaging(second.secret.id);
        assert.equal(next.warnings.length, 1);
        assert.match(
          next.warnings[0] ?? "",
          new RegExp(
            `^An earlier run may have created API key "ci" of ${owner} without receiving the response\\. .*: ${lost} \\([^,]*, created at [^,]*\\)\\. If no stack has one of them, revoke it: nobody has its value\\. .* delete ${notes.only.path};`,
          ),
        );
      }
      assert.deepEqual(keyIds(fixture, owner), [lost, second.secret.id]);

      fixture.emulator.revokeKey(lost);
      await recoverManaging(second.secret.id);
      assert.equal(notes.files.length, 1, "a late effect may still come");
      notes.age(61 * MINUTE);
      const last = await recoverManaging(second.secret.id);
      assert.deepEqual(last.warnings, []);
      assert.deepEqual(notes.files, []);
    });

    it("make the error say that no such key exists yet", async () => {
      fixture.fault({ kind: "reset" }, "before", POST_KEY);
      const error = await failureOf(createNamed(), "outcome_unknown");
      assert.match(
        error.reason,
        /; user_\w+ has no key named "ci" yet that this run does not know$/,
      );
      assert.equal(notes.pending.length, 1);
    });

    it("make the error say that keys cannot be listed", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      fixture.fault(FORBIDDEN, "before", {
        match: { method: "GET" },
      });
      const error = await failureOf(createNamed(), "outcome_unknown");
      assert.match(error.reason, /failed: .*403: no/);
      assert.doesNotMatch(error.fix, /removes the object that has it/);
      assert.equal(notes.pending.length, 1);
      assert.equal(keyIds(fixture, owner).length, 1);
    });

    it("are sent again when the server throttles, and a later run lists what the first request created", async () => {
      fixture.fault({ kind: "status", status: 429 }, "after", POST_KEY);
      const { secret } = await createNamed();
      const [lost = ""] = keyIds(fixture, owner);
      assert.deepEqual(keyIds(fixture, owner), [lost, secret.id]);
      notes.age(3 * MINUTE);
      const next = await recoverManaging(secret.id);
      assert.match(next.warnings.join(), new RegExp(lost));
      assert.deepEqual(keyIds(fixture, owner), [lost, secret.id]);
    });

    it("leave no note if the server rejects them", async () => {
      await failureOf(createKey(provider, "user_nope", { name: "ci" }), "not_found");
      assert.deepEqual(notes.files, []);
    });
  });

  describe("publishable keys", () => {
    let owner: string;
    beforeEach(() => {
      owner = createOwner(fixture);
    });
    const publishable = { type: "publishable_key" };

    it("are created with one request, under a unique name", async () => {
      const { secret } = await createKey(provider, owner, publishable);
      assert(isUniqueNameOf("k", secret.name));
      assert.deepEqual(fixture.log, ["POST /secrets/api/keys"]);
      assert.deepEqual(notes.files, []);
    });

    it("are not sent again after a lost response, because no list shows them", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const error = await failureOf(createKey(provider, owner, publishable), "outcome_unknown");
      assert.match(
        error.reason,
        /; the server does not list publishable keys, so the provider cannot find out whether it created one/,
      );
      assert.deepEqual(fixture.log, ["POST /secrets/api/keys"]);
      const { pending } = notes.only;
      assert.deepEqual([pending.settle, pending.keyType], ["report", "publishable_key"]);

      for (const ms of [3 * MINUTE, 23 * HOUR, 25 * HOUR]) {
        notes.age(ms);
        const next = await notes.recover();
        assert.equal(next.warnings.length, 1);
        assert.match(
          next.warnings[0] ?? "",
          new RegExp(
            `^An earlier run may have created API key "${pending.name}" of ${owner}, which no list shows, and whose value nobody has\\.`,
          ),
        );
      }
      assert.deepEqual(notes.files, [], "this warning ends after a day");
      assert.equal(liveKeys(fixture, owner).length, 1);
    });
  });
});
