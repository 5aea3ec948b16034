import assert from "node:assert/strict";
import type { FaultKind } from "../../../provider/emulator";
import { isUniqueNameOf } from "../../../provider/session/auto-name";
import { UnnamedAccount } from "../../../provider/session/creates";
import { failureOf, HOUR, MINUTE, SECOND, type UnitFixture } from "../fixture";
import {
  ACCOUNT,
  live,
  liveKeys,
  makeAccount,
  makeKey,
  namesSent,
  OWNER,
  POST_ACCOUNT,
  POST_KEY,
  startWithNotes,
} from "./creating";
import type { JournalingProcess, Notes } from "./notes";

const NAMED = { ...ACCOUNT, name: "billing" };
const PUT = { match: { method: "PUT" } };
const NOT_FOUND: FaultKind = {
  kind: "status",
  status: 404,
  body: { code: "not_found", message: "User not found" },
};

describe("session/creates: names of the program's", () => {
  let fixture: UnitFixture;
  let notes: Notes;
  let process: JournalingProcess;
  beforeEach(async () => {
    ({ fixture, notes, process } = await startWithNotes());
  });
  afterEach(() => notes.remove());

  async function unnamed(attempt: Promise<unknown>): Promise<UnnamedAccount> {
    const error = await attempt.then(
      () => assert.fail("it has its name"),
      (reason) => reason,
    );
    assert(error instanceof UnnamedAccount, String(error));
    return error;
  }

  describe("accounts", () => {
    it("are made under a unique name, and named once their id is in the note", async () => {
      let text = "";
      fixture.emulator.faults.decide = ({ method }) => {
        if (method === "PUT") text = notes.only.text;
        return undefined;
      };
      const made = await makeAccount(process, NAMED);
      assert.equal(made.name, "billing");
      assert.deepEqual(fixture.log, ["POST /users", `PUT /users/${made.id}`]);
      const [name = ""] = namesSent(fixture);
      assert(isUniqueNameOf("billing", name), name);
      assert.deepEqual(JSON.parse(text.split("\n")[1] ?? ""), { id: made.id });
      assert.deepEqual(live(fixture), [{ id: made.id, name: "billing", roles: ACCOUNT.roles }]);
      assert.deepEqual(notes.files, []);
      assert.equal((await process.connection.reads.account(made.id))?.name, "billing");
    });

    it("share their name with accounts that are there, and leave those alone", async () => {
      const other = fixture.emulator.createAccount(fixture.operator.tenantId, NAMED).id;
      fixture.fault({ kind: "reset" }, "after", POST_ACCOUNT);
      fixture.fault({ kind: "reset" }, "after", PUT);
      const { id } = await makeAccount(process, NAMED);
      assert.deepEqual(
        live(fixture).map((account) => [account.id, account.name]),
        [
          [other, "billing"],
          [id, "billing"],
        ],
      );
    });

    it("are named again and again while a replica does not know them", async () => {
      fixture.fault(NOT_FOUND, "before", { ...PUT, times: 29 });
      const made = await makeAccount(process, NAMED);
      assert.equal(live(fixture)[0]?.name, "billing");
      assert.deepEqual(process.pauses, Array(29).fill(SECOND));
      assert.deepEqual(
        live(fixture).map(({ id }) => id),
        [made.id],
      );
    });

    it("are handed over without their name when that lasts for half a minute", async () => {
      fixture.fault(NOT_FOUND, "before", { ...PUT, times: 99 });
      const error = await unnamed(makeAccount(process, NAMED));
      assert.equal(error.failure.kind, "not_found");
      assert.equal(error.message, error.failure.message);
      assert.deepEqual(process.pauses, Array(30).fill(SECOND));
      assert.deepEqual(live(fixture), [
        { id: error.account.id, name: error.account.name, roles: ACCOUNT.roles },
      ]);
      assert(isUniqueNameOf("billing", error.account.name));
      assert.deepEqual(notes.files, [], "the account is in the state: nothing may remove it");
    });

    it("are handed over without their name at once when it is refused", async () => {
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", PUT);
      const error = await unnamed(makeAccount(process, NAMED));
      assert.equal(error.failure.kind, "forbidden");
      assert.deepEqual(process.pauses, []);
      assert(process.managed.has(error.account.id));
      notes.age(3 * MINUTE);
      await notes.recover();
      assert.deepEqual(
        live(fixture).map(({ id }) => id),
        [error.account.id],
      );
    });

    it("keep their note when naming fails by a mistake of the provider's", async () => {
      const mistake = new TypeError("a mistake");
      process.connection.api.renameAccount = () => Promise.reject(mistake);
      await assert.rejects(makeAccount(process, NAMED), mistake);
      notes.age(3 * MINUTE);
      await notes.recover();
      assert.deepEqual(live(fixture), []);
    });

    const ask = (by: { connection: JournalingProcess["connection"] }) =>
      makeAccount(by as JournalingProcess, NAMED);
    for (const [what, when, rule, nameLeft] of [
      ["before the answer to the POST", "after", POST_ACCOUNT, /^billing-/],
      ["between POST and PUT", "before", PUT, /^billing-/],
      ["after the PUT", "after", PUT, /^billing$/],
    ] as const) {
      it(`are removed by a later run when theirs is killed ${what}`, async () => {
        const other = fixture.emulator.createAccount(fixture.operator.tenantId, NAMED).id;
        await notes.dieAsking(ask, when, rule);
        const [, left] = live(fixture);
        assert.match(left?.name ?? "", nameLeft);
        notes.age(3 * MINUTE);
        const next = await notes.recover();
        assert.deepEqual(
          live(fixture).map(({ id }) => id),
          [other],
        );
        assert.equal(next.warnings.length, 1);
        assert.match(next.warnings[0] ?? "", new RegExp(`"billing-\\w{10}" \\(${left?.id}\\)`));
        assert.deepEqual(notes.files, []);
      });
    }
  });

  describe("keys", () => {
    let owner: string;
    beforeEach(() => {
      owner = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
    });
    const keyNamed = (name: string, of = owner) =>
      fixture.emulator.createKey(of, fixture.operator.environmentId, { name });
    const keyIds = () => liveKeys(fixture, owner).map(({ id }) => id);
    const make = (by = process) => makeKey(by, owner, { name: "ci" });

    it("are made with one request, and leave no note", async () => {
      const { secret, api_key } = await make();
      assert.equal(secret.name, "ci");
      assert.deepEqual(
        liveKeys(fixture, owner).map(({ value }) => value),
        [api_key],
      );
      assert.deepEqual(fixture.log, ["POST /secrets/api/keys"]);
      assert.deepEqual(notes.files, []);
    });

    it("are not sent again without an answer, nothing is revoked, and the error lists those that may be it", async () => {
      const other = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
      keyNamed("ci", other);
      keyNamed("ci2");
      const managed = keyNamed("ci");
      process.managed.add(managed.id);
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const error = await failureOf(make(), "outcome_unknown");
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

    it("list what may be it in each later run, until that is gone", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      await failureOf(make(), "outcome_unknown");
      const [lost = ""] = keyIds();
      const second = await make();

      assert.deepEqual((await notes.recover()).warnings, [], "its writer may still renew the note");
      notes.age(3 * MINUTE);
      for (const _ of [1, 2]) {
        const next = notes.start();
        next.managed.add(second.secret.id);
        await notes.recover(next);
        assert.equal(next.warnings.length, 1);
        assert.match(
          next.warnings[0] ?? "",
          new RegExp(
            `^An earlier run may have created API key "ci" of ${owner} without receiving the response\\. .*: ${lost} \\([^,]*, created at [^,]*\\)\\. If no stack has one of them, revoke it: nobody has its value\\. .* delete ${notes.only.path};`,
          ),
        );
      }
      assert.deepEqual(keyIds(), [lost, second.secret.id]);

      fixture.emulator.revokeKey(lost);
      const known = notes.start();
      known.managed.add(second.secret.id);
      await notes.recover(known);
      assert.equal(notes.files.length, 1, "a late effect may still come");
      notes.age(61 * MINUTE);
      const last = notes.start();
      last.managed.add(second.secret.id);
      await notes.recover(last);
      assert.deepEqual(last.warnings, []);
      assert.deepEqual(notes.files, []);
    });

    it("say so when none is there yet", async () => {
      fixture.fault({ kind: "reset" }, "before", POST_KEY);
      const error = await failureOf(make(), "outcome_unknown");
      assert.match(
        error.reason,
        /; user_\w+ has no key named "ci" yet that this run does not know$/,
      );
      assert.equal(notes.pending.length, 1);
    });

    it("say so when they cannot be listed", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
        match: { method: "GET" },
      });
      const error = await failureOf(make(), "outcome_unknown");
      assert.match(error.reason, /failed: .*403: no/);
      assert.doesNotMatch(error.fix, /removes the object that has it/);
      assert.equal(notes.pending.length, 1);
      assert.equal(keyIds().length, 1);
    });

    it("are sent again when the server asks to wait, and a later run lists what the first has made", async () => {
      fixture.fault({ kind: "status", status: 429 }, "after", POST_KEY);
      const { secret } = await make();
      const [lost = ""] = keyIds();
      assert.deepEqual(keyIds(), [lost, secret.id]);
      notes.age(3 * MINUTE);
      const next = notes.start();
      next.managed.add(secret.id);
      await notes.recover(next);
      assert.match(next.warnings.join(), new RegExp(lost));
      assert.deepEqual(keyIds(), [lost, secret.id]);
    });

    it("leave no note when they are refused", async () => {
      await failureOf(makeKey(process, "user_nope", { name: "ci" }), "not_found");
      assert.deepEqual(notes.files, []);
    });
  });

  describe("publishable keys", () => {
    let owner: string;
    beforeEach(() => {
      owner = fixture.emulator.createAccount(fixture.operator.tenantId, OWNER).id;
    });
    const publishable = { type: "publishable_key" };

    it("are made with one request, under a unique name", async () => {
      const { secret } = await makeKey(process, owner, publishable);
      assert(isUniqueNameOf("k", secret.name));
      assert.deepEqual(fixture.log, ["POST /secrets/api/keys"]);
      assert.deepEqual(notes.files, []);
    });

    it("are not sent again without an answer, since nothing shows them", async () => {
      fixture.fault({ kind: "reset" }, "after", POST_KEY);
      const error = await failureOf(makeKey(process, owner, publishable), "outcome_unknown");
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
