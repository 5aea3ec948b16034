import assert from "node:assert/strict";
import type { Directory } from "../../../provider/session/directory";
import { failureOf, UnitFixture } from "../fixture";

const KEYS_BY = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc&user_id=";
const COUNT_KEYS = "GET /secrets/api/keys?limit=1&offset=0&sort=created_at&order=desc";
const WALK_KEYS = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc";
const ROLES = ["event_ingestor"];
const ONE_BY_ONE = Array<string>(2).fill("1 ids, limit 1, offset 0");
const COUNT = "list, limit 1, offset 0";
const PAGES = ["list, limit 1000, offset 0", "list, limit 1000, offset 1000"];

describe("session/directory", () => {
  let fixture: UnitFixture;
  let directory: Directory;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    directory = fixture.process().connection.directory;
  });
  afterEach(() => fixture.stop());

  /** Ids of so many new accounts, oldest first. */
  function accounts(count: number): string[] {
    const { tenantId } = fixture.operator;
    return Array.from(
      { length: count },
      (_, i) => fixture.emulator.createAccount(tenantId, { name: `a${i}`, roles: ROLES }).id,
    );
  }

  /** What the searches asked for: so many ids, or a page of the whole list. */
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

  /** Asks one by one for so many that the list is walked. */
  async function walk(ids: readonly string[]): Promise<void> {
    for (const id of ids.slice(-5)) await directory.account(id);
  }

  async function idsOf(found: ReturnType<typeof find>): Promise<(string | undefined)[]> {
    return (await found).map((account) => account?.id);
  }

  const find = (ids: readonly string[]) => Promise.all(ids.map((id) => directory.account(id)));

  describe("of accounts", () => {
    it("asks once for what is asked together, each id once", async () => {
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

    it("gives what the server knows", async () => {
      const [id = ""] = accounts(1);
      assert.deepEqual(await directory.account(id), {
        id,
        name: "a0",
        type: "service_account",
        roles: ROLES,
        tenant: { id: fixture.operator.tenantId },
      });
    });

    it("keeps what it found, and not what it did not find", async () => {
      const [id = ""] = accounts(1);
      await find([id, "user_nope"]);
      fixture.emulator.clearRequests();
      await find([id]);
      assert.deepEqual(searches(), []);
      await find([id, "user_nope"]);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
    });

    it("asks for any number together with one request", async () => {
      const ids = accounts(2_000);
      assert.deepEqual(await idsOf(find(ids)), ids);
      assert.deepEqual(searches(), ["2000 ids, limit 2000, offset 0"]);
    });

    it("asks one by one twice, then counts, walks the list and asks no more", async () => {
      const ids = accounts(2_000);
      for (const id of ids) await find([id]);
      assert.deepEqual(searches(), [...ONE_BY_ONE, COUNT, ...PAGES]);
      assert.deepEqual(await idsOf(find(ids)), ids);
      assert.equal(searches().length, 5);
    });

    it("asks on where the list has more pages than there were questions", async () => {
      const ids = accounts(4_001);
      for (const id of ids.slice(0, 4)) await find([id]);
      const asked = [...ONE_BY_ONE, COUNT, ...ONE_BY_ONE];
      assert.deepEqual(searches(), asked);
      await find(ids.slice(4, 5));
      assert.equal(searches().length, asked.length + 5);
      assert.equal((await directory.account(ids[4_000] ?? ""))?.id, ids[4_000]);
      assert.equal(searches().length, asked.length + 5);
    });

    it("confirms what a walk does not show", async () => {
      await walk(accounts(25));
      const [late = ""] = accounts(1);
      fixture.emulator.clearRequests();
      assert.deepEqual(await idsOf(find([late, "user_nope"])), [late, undefined]);
      assert.deepEqual(searches(), ["2 ids, limit 2, offset 0"]);
    });

    it("finds a row that moves to a page already read while it walks", async () => {
      const ids = accounts(1_500); // newest first: the first page ends with ids[500]
      const moved = ids[499] ?? "";
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset === 1_000) {
          fixture.emulator.archiveAccount(ids[1_400] ?? "");
        }
        return undefined;
      };
      await walk(ids);
      fixture.emulator.clearRequests();
      assert.equal((await directory.account(moved))?.id, moved);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
      assert.equal((await directory.account(ids[498] ?? ""))?.id, ids[498]);
      assert.equal(searches().length, 1);
    });

    it("loses nothing while others create and archive at every page", async () => {
      const ids = accounts(4_000);
      const others = ids.filter((_, i) => i % 100 === 0);
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset > 0) {
          accounts(3);
          for (const id of others.splice(-10)) fixture.emulator.archiveAccount(id);
        }
        return undefined;
      };
      await walk(ids);
      const left = fixture.emulator.accounts().filter(({ status }) => status === "published");
      const here = new Set(left.map(({ id }) => id));
      assert.equal(here.size, 4_000 + 9 - 30);
      fixture.emulator.clearRequests();
      const kept = ids.filter((id) => here.has(id));
      assert.deepEqual(await idsOf(find(kept)), kept);
      // 10 rows went and 3 came at each of three pages: so many moved to a page that was read already.
      assert.deepEqual(searches(), ["21 ids, limit 21, offset 0"]);
    });

    it("splits more ids than one search takes", async () => {
      const ids = Array.from({ length: 60_030 }, (_, i) => `user_${i}`);
      assert((await find(ids)).every((account) => account === undefined));
      assert.deepEqual(searches(), [
        "60000 ids, limit 60000, offset 0",
        "30 ids, limit 30, offset 0",
      ]);
    });

    it("knows what this process wrote, without asking", async () => {
      const [a = "", b = ""] = accounts(2);
      const account = await directory.account(a);
      assert(account);
      fixture.emulator.clearRequests();
      directory.primeAccount({ ...account, name: "renamed" });
      assert.equal((await directory.account(a))?.name, "renamed");
      directory.clearAccount(a);
      directory.clearAccount(b);
      assert.deepEqual(await find([a, b]), [undefined, undefined]);
      directory.primeAccount(account);
      assert.deepEqual(await directory.account(a), account);
      assert.deepEqual(searches(), []);
    });

    it("prefers its own writes to a walk, also those while it is under way", async () => {
      const ids = accounts(30);
      const account = await directory.account(ids[0] ?? "");
      assert(account);
      const named = (id: string, name: string) => ({ ...account, id, name });
      const [before = "", during = "", gone = "", archived = ""] = ids.slice(20);
      directory.primeAccount(named(before, "before"));
      directory.clearAccount(gone);
      fixture.emulator.faults.decide = ({ body }) => {
        if ((body as { limit: number }).limit === 1_000) {
          directory.primeAccount(named(during, "during"));
          directory.clearAccount(archived);
        }
        return undefined;
      };
      await walk(ids);
      fixture.emulator.clearRequests();
      const found = await find([before, during, gone, archived]);
      assert.deepEqual(
        found.map((row) => row?.name),
        ["before", "during", undefined, undefined],
      );
      assert.deepEqual(searches(), []);
    });

    it("brings nothing back that is dropped while the question is under way", async () => {
      const [id = ""] = accounts(1);
      const asked = directory.account(id);
      directory.clearAccount(id);
      assert.equal(await asked, undefined);
      assert.equal(await directory.account(id), undefined);
    });

    for (const [what, limit] of [
      ["count", 1],
      ["walk", 1_000],
    ] as const) {
      it(`keeps no failed ${what}`, async () => {
        const ids = accounts(26);
        for (const id of ids.slice(0, 2)) await find([id]);
        let failures = 0;
        fixture.emulator.faults.decide = ({ body }) => {
          const asked = body as { limit: number; user_ids?: string[] };
          if (asked.user_ids !== undefined || asked.limit !== limit || ++failures > 1) return;
          return { kind: "status", status: 403, body: { message: "no" }, when: "before" };
        };
        await failureOf(directory.account(ids[24] ?? ""), "forbidden");
        assert.equal((await directory.account(ids[25] ?? ""))?.id, ids[25]);
        assert.equal(failures, 2);
      });
    }

    it("keeps no failed question, and fails all who asked it", async () => {
      const ids = accounts(2);
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      const asked = ids.map((id) => failureOf(directory.account(id), "forbidden"));
      const [first, second] = await Promise.all(asked);
      assert.equal(first, second);
      assert.match(first?.message ?? "", /^Could not look up 2 service accounts\./);
      assert.equal((await directory.account(ids[0] ?? ""))?.id, ids[0]);
    });

    it("asks anew when told to", async () => {
      const [id = ""] = accounts(1);
      await directory.account(id);
      fixture.emulator.renameAccount(id, "renamed");
      assert.equal((await directory.freshAccount(id))?.name, "renamed");
      fixture.emulator.archiveAccount(id);
      assert.equal(await directory.freshAccount(id), undefined);
    });
  });

  it("asks the database once for all who wait for its answer, and again for who comes later", async () => {
    await Promise.all([directory.databaseAnswers(), directory.databaseAnswers()]);
    assert.deepEqual(fixture.log, [COUNT_KEYS]);
    await directory.databaseAnswers();
    assert.deepEqual(fixture.log, [COUNT_KEYS, COUNT_KEYS]);
  });

  describe("of keys", () => {
    function keysOf(owner: string, count = 1): string[] {
      const { environmentId } = fixture.operator;
      return Array.from(
        { length: count },
        (_, i) => fixture.emulator.createKey(owner, environmentId, { name: `k${i}` }).id,
      );
    }

    it("asks once an owner for what is asked together", async () => {
      const [a = "", b = ""] = accounts(2);
      const [a1 = "", a2 = ""] = keysOf(a, 2);
      const [b1 = ""] = keysOf(b);
      const found = await Promise.all([
        directory.key(a1, a),
        directory.key(a2, a),
        directory.key(b1, b),
        directory.key("secret_nope", b),
      ]);
      assert.deepEqual(
        found.map((key) => key?.id),
        [a1, a2, b1, undefined],
      );
      assert.deepEqual(fixture.log.sort(), [`${KEYS_BY}${a}`, `${KEYS_BY}${b}`].sort());
    });

    it("walks the list where it has fewer pages than there are owners to ask, and confirms misses", async () => {
      const owners = accounts(1_100);
      const ids = owners.map((owner) => keysOf(owner)[0] ?? "");
      const found = await Promise.all(ids.map((id, i) => directory.key(id, owners[i] ?? "")));
      assert.deepEqual(
        found.map((key) => key?.id),
        ids,
      );
      const second = WALK_KEYS.replace("offset=0", "offset=1000");
      assert.deepEqual(fixture.log, [COUNT_KEYS, WALK_KEYS, second]);
      const [late = ""] = keysOf(owners[29] ?? "");
      fixture.emulator.clearRequests();
      assert.equal((await directory.key(late, owners[29] ?? ""))?.id, late);
      assert.deepEqual(fixture.log, [`${KEYS_BY}${owners[29]}`]);
    });

    it("waits for a walk that is under way instead of asking", async () => {
      const owners = accounts(5);
      const [last = "", ...ids] = owners.map((owner) => keysOf(owner)[0] ?? "");
      let late: Promise<{ id: string } | undefined> | undefined;
      fixture.emulator.faults.decide = ({ path }) => {
        if (path.includes("limit=1000")) late = directory.key(last, owners[0] ?? "");
        return undefined;
      };
      await Promise.all(ids.map((id, i) => directory.key(id, owners[i + 1] ?? "")));
      assert.equal((await late)?.id, last);
      assert.deepEqual(fixture.log, [COUNT_KEYS, WALK_KEYS]);
    });

    it("asks the owners where that takes fewer requests than the list has pages", async () => {
      const owners = accounts(5);
      const ids = owners.map((owner) => keysOf(owner)[0] ?? "");
      keysOf(owners[0] ?? "", 6_000);
      const few = owners.slice(1);
      await Promise.all(few.map((owner, i) => directory.key(ids[i + 1] ?? "", owner)));
      assert.deepEqual(
        [...fixture.log].sort(),
        [COUNT_KEYS, ...few.map((owner) => `${KEYS_BY}${owner}`)].sort(),
      );
    });

    it("finds any key by its id alone, with one walk a process, corrected by own writes", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      const key = await directory.keyOfAnyone(a);
      assert(key);
      assert.equal(key.id, a);
      assert.equal(await directory.keyOfAnyone("secret_nope"), undefined);
      directory.primeKey({ ...key, id: "secret_new" });
      directory.clearKey(b);
      assert.equal((await directory.keyOfAnyone("secret_new"))?.id, "secret_new");
      assert.equal(await directory.keyOfAnyone(b), undefined);
      assert.deepEqual(fixture.log, [WALK_KEYS]);
    });

    it("lists an owner's keys anew when told to", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      await directory.key(a, owner);
      fixture.emulator.revokeKey(a);
      assert.deepEqual(
        (await directory.freshKeysOf(owner)).map(({ id }) => id),
        [b],
      );
    });

    it("reads all pages of an owner", async () => {
      const [owner = ""] = accounts(1);
      const ids = keysOf(owner, 1_001);
      assert.deepEqual(
        (await directory.freshKeysOf(owner)).map(({ id }) => id),
        [...ids].reverse(),
      );
      assert.deepEqual(fixture.log, [
        `${KEYS_BY}${owner}`,
        `${KEYS_BY.replace("offset=0", "offset=1000")}${owner}`,
      ]);
    });
  });
});
