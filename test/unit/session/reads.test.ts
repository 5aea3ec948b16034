import assert from "node:assert/strict";
import type { Reads } from "../../../provider/session/reads";
import { failureOf, ONCE, UnitFixture } from "../fixture";

const KEYS_BY = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc&user_id=";
const COUNT_KEYS = "GET /secrets/api/keys?limit=1&offset=0&sort=created_at&order=desc";
const LIST_KEYS = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc";
const ROLES = ["event_ingestor"];
const ONE_BY_ONE = Array<string>(2).fill("1 ids, limit 1, offset 0");
const COUNT = "list, limit 1, offset 0";
const PAGES = ["list, limit 1000, offset 0", "list, limit 1000, offset 1000"];

describe("session/reads", () => {
  const fixture = UnitFixture.forEachTest();
  let reads: Reads;
  beforeEach(async () => {
    reads = fixture.process().connection.reads;
  });

  /** Creates accounts, and returns their ids, oldest first. */
  function accounts(count: number): string[] {
    const { tenantId } = fixture.operator;
    return Array.from(
      { length: count },
      (_, i) => fixture.emulator.createAccount(tenantId, { name: `a${i}`, roles: ROLES }).id,
    );
  }

  /** The searches: a number of ids, or a page of the whole list. */
  function searches(): string[] {
    return fixture.emulator.requests.map(({ body, path }) => {
      assert.equal(path, "/v1/users/search");
      const { user_ids, limit, offset, ...rest } = body as Record<string, unknown>;
      assert.deepEqual(rest, {
        type: "service_account",
        sort: [{ field: "created_at", direction: "desc" }],
      });
      const what = Array.isArray(user_ids) ? `${user_ids.length} ids` : "list";
      return `${what}, limit ${limit}, offset ${offset}`;
    });
  }

  /** Reads enough rows individually that the whole list is read. */
  async function readAll(ids: readonly string[]): Promise<void> {
    for (const id of ids.slice(-5)) await reads.account(id);
  }

  async function idsOf(found: ReturnType<typeof find>): Promise<(string | undefined)[]> {
    return (await found).map((account) => account?.id);
  }

  const find = (ids: readonly string[]) => Promise.all(ids.map((id) => reads.account(id)));

  describe("cached accounts", () => {
    it("share one request for accounts that are read together, each id once", async () => {
      const [a = "", b = ""] = accounts(2);
      const found = await find([a, b, a, "user_nope"]);
      assert.deepEqual(
        found.map((account) => account?.id),
        [a, b, a, undefined],
      );
      assert.deepEqual(fixture.emulator.requests[0]?.body, {
        type: "service_account",
        limit: 3,
        offset: 0,
        sort: [{ field: "created_at", direction: "desc" }],
        user_ids: [a, b, "user_nope"],
      });
      assert.equal(fixture.log.length, 1);
    });

    it("have the properties that the server shows", async () => {
      const [id = ""] = accounts(1);
      assert.deepEqual(await reads.account(id), {
        id,
        name: "a0",
        type: "service_account",
        roles: ROLES,
        tenant: { id: fixture.operator.tenantId },
      });
    });

    it("are cached once found, and looked up again while missing", async () => {
      const [id = ""] = accounts(1);
      await find([id, "user_nope"]);
      fixture.emulator.clearRequests();
      await find([id]);
      assert.deepEqual(searches(), []);
      await find([id, "user_nope"]);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
    });

    it("take one request for 2,000 accounts that are read together", async () => {
      const ids = accounts(2_000);
      assert.deepEqual(await idsOf(find(ids)), ids);
      assert.deepEqual(searches(), ["2000 ids, limit 2000, offset 0"]);
    });

    it("are read singly twice, then as the whole list, and then not again", async () => {
      const ids = accounts(2_000);
      for (const id of ids) await find([id]);
      assert.deepEqual(searches(), [...ONE_BY_ONE, COUNT, ...PAGES]);
      assert.deepEqual(await idsOf(find(ids)), ids);
      assert.equal(searches().length, 5);
    });

    it("are read singly while that takes fewer requests than the whole list", async () => {
      const ids = accounts(4_001);
      for (const id of ids.slice(0, 4)) await find([id]);
      const expected = [...ONE_BY_ONE, COUNT, ...ONE_BY_ONE];
      assert.deepEqual(searches(), expected);
      await find(ids.slice(4, 5));
      assert.equal(searches().length, expected.length + 5);
      assert.equal((await reads.account(ids[4_000] ?? ""))?.id, ids[4_000]);
      assert.equal(searches().length, expected.length + 5);
    });

    it("are looked up by id if the whole list did not show them", async () => {
      await readAll(accounts(25));
      const [added = ""] = accounts(1);
      fixture.emulator.clearRequests();
      assert.deepEqual(await idsOf(find([added, "user_nope"])), [added, undefined]);
      assert.deepEqual(searches(), ["2 ids, limit 2, offset 0"]);
    });

    it("are found if they move to a page already read while the list is read", async () => {
      const ids = accounts(1_500); // newest first: the first page ends with ids[500]
      const moved = ids[499] ?? "";
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset === 1_000) {
          fixture.emulator.archiveAccount(ids[1_400] ?? "");
        }
        return undefined;
      };
      await readAll(ids);
      fixture.emulator.clearRequests();
      assert.equal((await reads.account(moved))?.id, moved);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
      assert.equal((await reads.account(ids[498] ?? ""))?.id, ids[498]);
      assert.equal(searches().length, 1);
    });

    it("are all found while others create and archive accounts at every page", async () => {
      const ids = accounts(4_000);
      const others = ids.filter((_, i) => i % 100 === 0);
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset > 0) {
          accounts(3);
          for (const id of others.splice(-10)) fixture.emulator.archiveAccount(id);
        }
        return undefined;
      };
      await readAll(ids);
      const accountsNow = fixture.emulator.accounts();
      const live = new Set(
        accountsNow.filter(({ status }) => status === "published").map(({ id }) => id),
      );
      assert.equal(live.size, 4_000 + 9 - 30);
      fixture.emulator.clearRequests();
      const remaining = ids.filter((id) => live.has(id));
      assert.deepEqual(await idsOf(find(remaining)), remaining);
      // At each of three pages, 10 rows disappeared and 3 were added: the difference moved to pages already read.
      assert.deepEqual(searches(), ["21 ids, limit 21, offset 0"]);
    });

    it("take several requests beyond the maximum number of ids", async () => {
      const ids = Array.from({ length: 60_030 }, (_, i) => `user_${i}`);
      assert((await find(ids)).every((account) => account === undefined));
      assert.deepEqual(searches(), [
        "60000 ids, limit 60000, offset 0",
        "30 ids, limit 30, offset 0",
      ]);
    });

    it("show what this process wrote, without a request", async () => {
      const [a = "", b = ""] = accounts(2);
      const account = await reads.account(a);
      assert(account);
      fixture.emulator.clearRequests();
      reads.primeAccount({ ...account, name: "renamed" });
      assert.equal((await reads.account(a))?.name, "renamed");
      reads.clearAccount(a);
      reads.clearAccount(b);
      assert.deepEqual(await find([a, b]), [undefined, undefined]);
      reads.primeAccount(account);
      assert.deepEqual(await reads.account(a), account);
      assert.deepEqual(searches(), []);
    });

    it("prefer own writes to the whole list, even writes during its read", async () => {
      const ids = accounts(30);
      const account = await reads.account(ids[0] ?? "");
      assert(account);
      const named = (id: string, name: string) => ({ ...account, id, name });
      const [before = "", during = "", cleared = "", clearedLater = ""] = ids.slice(20);
      reads.primeAccount(named(before, "before"));
      reads.clearAccount(cleared);
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { limit: number }).limit === 1_000) {
          reads.primeAccount(named(during, "during"));
          reads.clearAccount(clearedLater);
        }
        return undefined;
      };
      await readAll(ids);
      fixture.emulator.clearRequests();
      const found = await find([before, during, cleared, clearedLater]);
      assert.deepEqual(
        found.map((row) => row?.name),
        ["before", "during", undefined, undefined],
      );
      assert.deepEqual(searches(), []);
    });

    it("stay cleared while a read is in progress", async () => {
      const [id = ""] = accounts(1);
      const reading = reads.account(id);
      reads.clearAccount(id);
      assert.equal(await reading, undefined);
      assert.equal(await reads.account(id), undefined);
    });

    it("show own writes if the request in progress fails", async () => {
      const [id = ""] = accounts(1);
      fixture.emulator.faults.decide = () => {
        reads.clearAccount(id);
        return { kind: "status", status: 403, body: { message: "no" }, when: "before" };
      };
      await failureOf(reads.account(id), "forbidden");
      fixture.emulator.clearRequests();
      assert.equal(await reads.account(id), undefined);
      assert.deepEqual(searches(), []);
    });

    it("come from the cache without waiting for another read", async () => {
      const [id = "", other = ""] = accounts(2);
      await reads.account(id);
      let slow = false;
      const waiting = reads.account(other).then(() => {
        slow = true;
      });
      await reads.account(id);
      assert.equal(slow, false);
      await waiting;
    });

    for (const [what, limit] of [
      ["count of the list", 1],
      ["read of the whole list", 1_000],
    ] as const) {
      it(`are read again after a failed ${what}`, async () => {
        const ids = accounts(26);
        for (const id of ids.slice(0, 2)) await find([id]);
        let failures = 0;
        fixture.emulator.faults.decide = ({ body }) => {
          const search = body as { limit: number; user_ids?: string[] };
          if (search.user_ids !== undefined || search.limit !== limit || ++failures > 1) return;
          return { kind: "status", status: 403, body: { message: "no" }, when: "before" };
        };
        await failureOf(reads.account(ids[24] ?? ""), "forbidden");
        assert.equal((await reads.account(ids[25] ?? ""))?.id, ids[25]);
        assert.equal(failures, 2);
      });
    }

    it("are read again after a failure, which all callers of the request get", async () => {
      const ids = accounts(2);
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      const failures = ids.map((id) => failureOf(reads.account(id), "forbidden"));
      const [first, second] = await Promise.all(failures);
      assert.equal(first, second);
      assert.match(first?.message ?? "", /^Could not look up 2 service accounts\./);
      assert.equal((await reads.account(ids[0] ?? ""))?.id, ids[0]);
    });

    it("do not affect fresh reads", async () => {
      const [id = ""] = accounts(1);
      await reads.account(id);
      fixture.emulator.renameAccount(id, "renamed");
      assert.equal((await reads.freshAccount(id))?.name, "renamed");
      fixture.emulator.archiveAccount(id);
      assert.equal(await reads.freshAccount(id), undefined);
    });
  });

  it("asks the database once for all waiting callers, and again for later ones", async () => {
    await Promise.all([reads.databaseAnswers(), reads.databaseAnswers()]);
    assert.deepEqual(fixture.log, [COUNT_KEYS]);
    await reads.databaseAnswers();
    assert.deepEqual(fixture.log, [COUNT_KEYS, COUNT_KEYS]);
  });

  describe("cached keys", () => {
    function keysOf(owner: string, count = 1): string[] {
      const { environmentId } = fixture.operator;
      return Array.from(
        { length: count },
        (_, i) => fixture.emulator.createKey(owner, environmentId, { name: `k${i}` }).id,
      );
    }

    it("take one request per owner when read together", async () => {
      const [a = "", b = ""] = accounts(2);
      const [a1 = "", a2 = ""] = keysOf(a, 2);
      const [b1 = ""] = keysOf(b);
      const found = await Promise.all([
        reads.key(a1, a),
        reads.key(a2, a),
        reads.key(b1, b),
        reads.key("secret_nope", b),
      ]);
      assert.deepEqual(
        found.map((key) => key?.id),
        [a1, a2, b1, undefined],
      );
      assert.deepEqual(fixture.log.sort(), [`${KEYS_BY}${a}`, `${KEYS_BY}${b}`].sort());
    });

    it("are cached if a response shows them beside the requested one", async () => {
      const [owner = ""] = accounts(1);
      const [requested = "", other = ""] = keysOf(owner, 2);
      await reads.key(requested, owner);
      assert.equal((await reads.key(other, owner))?.id, other);
      assert.deepEqual(fixture.log, [`${KEYS_BY}${owner}`]);
    });

    it("are read from the whole list if that takes fewer requests than the owners, and by owner if missing there", async () => {
      const owners = accounts(1_100);
      const ids = owners.map((owner) => keysOf(owner)[0] ?? "");
      const found = await Promise.all(ids.map((id, i) => reads.key(id, owners[i] ?? "")));
      assert.deepEqual(
        found.map((key) => key?.id),
        ids,
      );
      const second = LIST_KEYS.replace("offset=0", "offset=1000");
      assert.deepEqual(fixture.log, [COUNT_KEYS, LIST_KEYS, second]);
      const [added = ""] = keysOf(owners[29] ?? "");
      fixture.emulator.clearRequests();
      assert.equal((await reads.key(added, owners[29] ?? ""))?.id, added);
      assert.deepEqual(fixture.log, [`${KEYS_BY}${owners[29]}`]);
    });

    it("wait for a read of the whole list that is in progress", async () => {
      const owners = accounts(5);
      const [last = "", ...ids] = owners.map((owner) => keysOf(owner)[0] ?? "");
      let late: Promise<{ id: string } | undefined> | undefined;
      fixture.emulator.faults.decide = ({ path }) => {
        if (path.includes("limit=1000")) late = reads.key(last, owners[0] ?? "");
        return undefined;
      };
      await Promise.all(ids.map((id, i) => reads.key(id, owners[i + 1] ?? "")));
      assert.equal((await late)?.id, last);
      assert.deepEqual(fixture.log, [COUNT_KEYS, LIST_KEYS]);
    });

    it("are read by owner if that takes fewer requests than the whole list", async () => {
      const owners = accounts(5);
      const ids = owners.map((owner) => keysOf(owner)[0] ?? "");
      keysOf(owners[0] ?? "", 6_000);
      const few = owners.slice(1);
      await Promise.all(few.map((owner, i) => reads.key(ids[i + 1] ?? "", owner)));
      assert.deepEqual(
        [...fixture.log].sort(),
        [COUNT_KEYS, ...few.map((owner) => `${KEYS_BY}${owner}`)].sort(),
      );
    });

    it("are found by id alone, from one read of the whole list and own writes", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      const key = await reads.key(a);
      assert(key);
      assert.equal(key.id, a);
      assert.equal(await reads.key("secret_nope"), undefined);
      reads.primeKey({ ...key, id: "secret_new" });
      reads.clearKey(b);
      assert.equal((await reads.key("secret_new"))?.id, "secret_new");
      assert.equal(await reads.key(b), undefined);
      assert.deepEqual(fixture.log, [LIST_KEYS]);
    });

    it("are missing in fresh lists once this process has revoked them, even if a replica still shows them", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      assert.equal(reads.hasRevokedKeysOf(owner), false);
      reads.clearKey(a, owner);
      assert.equal(reads.hasRevokedKeysOf(owner), true);
      for (const keys of [await reads.freshKeys(owner), await reads.freshKeys()]) {
        const ids = keys.map(({ id }) => id);
        assert.deepEqual([ids.includes(a), ids.includes(b)], [false, true]);
      }
    });

    it("do not affect fresh reads", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      await reads.key(a, owner);
      fixture.emulator.revokeKey(a);
      assert.deepEqual(
        (await reads.freshKeys(owner)).map(({ id }) => id),
        [b],
      );
    });

    it("are read from all pages by a fresh read", async () => {
      const [owner = ""] = accounts(1);
      const ids = keysOf(owner, 1_001);
      assert.deepEqual(
        (await reads.freshKeys(owner)).map(({ id }) => id),
        [...ids].reverse(),
      );
      assert.deepEqual(fixture.log, [
        `${KEYS_BY}${owner}`,
        `${KEYS_BY.replace("offset=0", "offset=1000")}${owner}`,
      ]);
    });
  });

  const account = (name = "ci") =>
    fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles: ["event_reader"] }).id;
  const key = (owner: string) =>
    fixture.emulator.createKey(owner, fixture.operator.environmentId, { name: "k" }).id;
  const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

  describe("fresh accounts", () => {
    it("share one request for ids that are read together", async () => {
      const [a, b] = [account(), account()];
      const found = await Promise.all([a, b, a, "user_nope"].map((id) => reads.freshAccount(id)));
      assert.deepEqual(
        found.map((row) => row?.id),
        [a, b, a, undefined],
      );
      assert.deepEqual(searches(), ["3 ids, limit 3, offset 0"]);
    });

    it("come from the whole list if that is read at the same time", async () => {
      const [a, b] = [account(), account()];
      const [single, all] = await Promise.all([reads.freshAccount(a), reads.freshAccounts()]);
      assert.equal(single?.id, a);
      assert.deepEqual(ids(all), [b, a]);
      assert.deepEqual(fixture.log, ["POST /users/search"]);
    });

    it("show the state of the server at the call, not at an earlier one", async () => {
      const a = account();
      await reads.freshAccounts();
      const b = account();
      assert.deepEqual(ids(await reads.freshAccounts()), [b, a]);
      fixture.emulator.archiveAccount(a);
      assert.equal(await reads.freshAccount(a), undefined);
      assert.deepEqual(ids(await reads.freshAccounts()), [b]);
    });

    it("take another request for a call while one is in progress", async () => {
      let late: Promise<readonly { id: string }[]> | undefined;
      let b = "";
      fixture.emulator.faults.decide = () => {
        b ||= account();
        late ??= reads.freshAccounts();
        return undefined;
      };
      await reads.freshAccounts();
      assert.deepEqual(ids((await late) ?? []), [b]);
      assert.equal(fixture.log.length, 2);
    });

    it("are read from all pages", async () => {
      const created = Array.from({ length: 1_001 }, () => account());
      assert.deepEqual(ids(await reads.freshAccounts()), created.reverse());
      assert.equal(fixture.log.length, 2);
    });

    it("are read again after a failure", async () => {
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      await failureOf(reads.freshAccounts(), "forbidden");
      assert.deepEqual(await reads.freshAccounts(), []);
    });
  });

  describe("fresh keys", () => {
    it("are read by owner", async () => {
      const [a, b] = [account(), account()];
      const keys = [key(a), key(b), key(a)];
      const [of_a, of_b] = await Promise.all([a, b].map((owner) => reads.freshKeys(owner)));
      assert.deepEqual(ids(of_a ?? []), [keys[2], keys[0]]);
      assert.deepEqual(ids(of_b ?? []), [keys[1]]);
      assert.deepEqual(
        fixture.log.sort(),
        [`${LIST_KEYS}&user_id=${a}`, `${LIST_KEYS}&user_id=${b}`].sort(),
      );
    });

    it("are read from the whole list for all or for many owners, and returned by owner", async () => {
      const [a, b] = [account(), account()];
      const keys = [key(a), key(b)];
      const [all, of_b] = await Promise.all([reads.freshKeys(), reads.freshKeys(b)]);
      assert.deepEqual(ids(all).slice(0, 2), [keys[1], keys[0]]);
      assert.deepEqual(ids(of_b), [keys[1]]);
      const owners = Array.from({ length: 25 }, () => account());
      const expected = owners.map((owner) => key(owner));
      const lists = await Promise.all(owners.map((owner) => reads.freshKeys(owner)));
      assert.deepEqual(
        lists.map((list) => list[0]?.id),
        expected,
      );
      assert.deepEqual(fixture.log, [LIST_KEYS, LIST_KEYS]);
    });
  });

  describe("fresh keys after a failure", () => {
    const refused = {
      kind: "status",
      status: 500,
      body: { message: "no" },
      when: "before",
    } as const;
    beforeEach(() => {
      reads = fixture.process({ retry: ONCE }).connection.reads;
    });

    it("of one owner do not affect those of other owners that are read together", async () => {
      const [a, b] = [account(), account()];
      const id = key(b);
      fixture.emulator.faults.decide = ({ path }) => (path.includes(a) ? refused : undefined);
      const [failure, of_b] = await Promise.all([
        failureOf(reads.freshKeys(a), "server_error"),
        reads.freshKeys(b),
      ]);
      assert.equal(failure.status, 500);
      assert.deepEqual(ids(of_b), [id]);
    });

    it("are read once for all later callers, and listed once", async () => {
      const owner = account();
      const id = key(owner);
      const later: Promise<readonly { readonly id: string }[]>[] = [];
      fixture.emulator.faults.decide = () => {
        if (later.length > 0) return undefined;
        later.push(reads.freshKeys(owner));
        return refused;
      };
      await failureOf(reads.freshKeys(owner), "server_error");
      later.push(reads.freshKeys(owner));
      assert.deepEqual((await Promise.all(later)).map(ids), [[id], [id]]);
    });

    it("are read by owner if the whole list changes too often", async () => {
      const owners = Array.from({ length: 25 }, () => account());
      const expected = owners.map((owner) => key(owner));
      const bulk = account();
      const others = Array.from({ length: 1_100 }, () => key(bulk));
      fixture.emulator.faults.decide = () => {
        const id = others.pop();
        if (id !== undefined) fixture.emulator.revokeKey(id);
        return undefined;
      };
      const lists = await Promise.all(owners.map((owner) => reads.freshKeys(owner)));
      assert.deepEqual(
        lists.map(ids),
        expected.map((id) => [id]),
      );
    });

    it("of the whole list do not prevent finding a key by owner later", async () => {
      const owner = account();
      const [first, second] = [key(account()), key(owner)];
      fixture.emulator.faults.decide = ({ path }) =>
        path.includes("user_id") ? undefined : refused;
      await failureOf(reads.key(first), "server_error");
      assert.equal((await reads.key(second, owner))?.id, second);
    });
  });

  it("shares the requests for roles that are read together", async () => {
    const [first, second] = await Promise.all([reads.freshRoles(), reads.freshRoles()]);
    assert.equal(first, second);
    assert.deepEqual([first.all.length, first.assignable.length], [5, 3]);
    assert.equal(fixture.log.length, 2);
  });
});
