import assert from "node:assert/strict";
import type { Directory } from "../../../provider/api/directory";
import { failureOf, Stage } from "../harness";

const KEYS_BY = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc&user_id=";
const WALK_KEYS = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc";
const ROLES = ["event_ingestor"];

describe("api/directory", () => {
  let stage: Stage;
  let directory: Directory;
  beforeEach(async () => {
    stage = await Stage.start();
    directory = stage.process().connection.directory;
  });
  afterEach(() => stage.stop());

  /** Ids of so many new accounts, oldest first. */
  function accounts(count: number): string[] {
    const { tenantId } = stage.operator;
    return Array.from(
      { length: count },
      (_, i) => stage.emulator.createAccount(tenantId, { name: `a${i}`, roles: ROLES }).id,
    );
  }

  /** What the searches asked for: so many ids, or a page of the whole list. */
  function searches(): string[] {
    return stage.emulator.requests.map(({ body, path }) => {
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

  const find = (ids: readonly string[]) => Promise.all(ids.map((id) => directory.account(id)));

  describe("of accounts", () => {
    it("asks once for what is asked together, each id once", async () => {
      const [a = "", b = ""] = accounts(2);
      const found = await find([a, b, a, "user_nope"]);
      assert.deepEqual(
        found.map((account) => account?.id),
        [a, b, a, undefined],
      );
      assert.deepEqual(stage.emulator.requests[0]?.body, {
        type: "service_account",
        limit: 3,
        offset: 0,
        sort: [{ field: "created_at", direction: "desc" }],
        user_ids: [a, b, "user_nope"],
      });
      assert.equal(stage.log.length, 1);
    });

    it("gives what the server knows", async () => {
      const [id = ""] = accounts(1);
      assert.deepEqual(await directory.account(id), {
        id,
        name: "a0",
        type: "service_account",
        roles: ROLES,
        tenant: { id: stage.operator.tenantId },
      });
    });

    it("keeps what it found, and not what it did not find", async () => {
      const [id = ""] = accounts(1);
      await find([id, "user_nope"]);
      stage.emulator.clearRequests();
      await find([id]);
      assert.deepEqual(searches(), []);
      await find([id, "user_nope"]);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
    });

    it("asks singly up to 24 times, then walks the list once and asks no more", async () => {
      const ids = accounts(40);
      for (const id of ids) await find([id]);
      const singles = Array(24).fill("1 ids, limit 1, offset 0");
      assert.deepEqual(searches(), [...singles, "list, limit 1000, offset 0"]);
    });

    it("walks once for many that ask together", async () => {
      const ids = accounts(60);
      assert.deepEqual(
        (await find(ids)).map((account) => account?.id),
        ids,
      );
      assert.deepEqual(searches().sort(), [
        "24 ids, limit 24, offset 0",
        "list, limit 1000, offset 0",
      ]);
    });

    it("does not count the same question twice towards a walk", async () => {
      for (let i = 0; i < 30; i++) await find(["user_nope"]);
      assert.deepEqual(searches(), Array(30).fill("1 ids, limit 1, offset 0"));
    });

    it("walks all pages", async () => {
      const ids = accounts(2_000);
      const found = await find(ids);
      assert(found.every((account, i) => account?.id === ids[i]));
      assert.deepEqual(searches().sort(), [
        "24 ids, limit 24, offset 0",
        "list, limit 1000, offset 0",
        "list, limit 1000, offset 1000",
      ]);
    });

    it("confirms what a walk does not show", async () => {
      const ids = accounts(25);
      await find(ids);
      const [late = ""] = accounts(1);
      stage.emulator.clearRequests();
      assert.deepEqual(
        (await find([late, "user_nope"])).map((account) => account?.id),
        [late, undefined],
      );
      assert.deepEqual(searches(), ["2 ids, limit 2, offset 0"]);
    });

    it("finds a row that moves to a page already read while it walks", async () => {
      const ids = accounts(1_500); // newest first: the first page ends with ids[500]
      const moved = ids[499] ?? "";
      stage.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset === 1_000) {
          stage.emulator.archiveAccount(ids[1_400] ?? "");
        }
        return undefined;
      };
      await find(ids.slice(0, 25));
      stage.emulator.clearRequests();
      assert.equal((await directory.account(moved))?.id, moved);
      assert.deepEqual(searches(), ["1 ids, limit 1, offset 0"]);
      assert.equal((await directory.account(ids[498] ?? ""))?.id, ids[498]);
      assert.equal(searches().length, 1);
    });

    it("counts a row once that turns up on two pages", async () => {
      const ids = accounts(1_500);
      let added = "";
      stage.emulator.faults.decide = ({ body }) => {
        if ((body as { offset: number }).offset === 1_000) [added = ""] = accounts(1);
        return undefined;
      };
      const rows = await directory.accountsSince(() => true);
      assert.deepEqual(
        rows.map(({ id }) => id),
        [...ids].reverse(),
      );
      assert.notEqual(added, "");
    });

    it("splits more ids than one search takes", async () => {
      const ids = Array.from({ length: 60_030 }, (_, i) => `user_${i}`);
      assert((await find(ids)).every((account) => account === undefined));
      // 24 before the walk, the others when it does not show them.
      assert.deepEqual(searches().sort(), [
        "24 ids, limit 24, offset 0",
        "6 ids, limit 6, offset 0",
        "60000 ids, limit 60000, offset 0",
        "list, limit 1000, offset 0",
      ]);
    });

    it("knows what this process wrote, without asking", async () => {
      const [a = "", b = ""] = accounts(2);
      const account = await directory.account(a);
      assert(account);
      stage.emulator.clearRequests();
      directory.noteAccount({ ...account, name: "renamed" });
      assert.equal((await directory.account(a))?.name, "renamed");
      directory.dropAccount(a);
      directory.dropAccount(b);
      assert.deepEqual(await find([a, b]), [undefined, undefined]);
      directory.noteAccount(account);
      assert.deepEqual(await directory.account(a), account);
      assert.deepEqual(searches(), []);
    });

    it("prefers its own writes to a walk", async () => {
      const ids = accounts(30);
      await find(ids);
      const account = await directory.account(ids[27] ?? "");
      assert(account);
      directory.noteAccount({ ...account, name: "renamed" });
      directory.dropAccount(ids[28] ?? "");
      stage.emulator.clearRequests();
      assert.equal((await directory.account(account.id))?.name, "renamed");
      assert.equal(await directory.account(ids[28] ?? ""), undefined);
      assert.deepEqual(searches(), []);
    });

    it("brings nothing back that is dropped while the question is under way", async () => {
      const [id = ""] = accounts(1);
      const asked = directory.account(id);
      directory.dropAccount(id);
      assert.equal(await asked, undefined);
      assert.equal(await directory.account(id), undefined);
    });

    it("keeps no failed walk", async () => {
      const ids = accounts(26);
      await find(ids.slice(0, 24));
      stage.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      await failureOf(directory.account(ids[24] ?? ""), "forbidden");
      assert.equal((await directory.account(ids[25] ?? ""))?.id, ids[25]);
    });

    it("keeps no failed question, and fails all who asked it", async () => {
      const ids = accounts(2);
      stage.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      const asked = ids.map((id) => failureOf(directory.account(id), "forbidden"));
      const [first, second] = await Promise.all(asked);
      assert.equal(first, second);
      assert.match(first?.message ?? "", /^Could not look up 2 service accounts\./);
      assert.equal((await directory.account(ids[0] ?? ""))?.id, ids[0]);
    });

    it("asks anew when told to", async () => {
      const [id = ""] = accounts(1);
      await directory.account(id);
      stage.emulator.renameAccount(id, "renamed");
      assert.equal((await directory.freshAccount(id))?.name, "renamed");
      stage.emulator.archiveAccount(id);
      assert.equal(await directory.freshAccount(id), undefined);
    });

    it("reads no further than the first row that is too old", async () => {
      const ids = accounts(1_500);
      const last = ids.at(-3);
      const rows = await directory.accountsSince(({ id }) => id !== last);
      assert.deepEqual(
        rows.map(({ id }) => id),
        [ids.at(-1), ids.at(-2)],
      );
      assert.deepEqual(searches(), ["list, limit 1000, offset 0"]);
    });
  });

  describe("of keys", () => {
    function keysOf(owner: string, count = 1): string[] {
      const { environmentId } = stage.operator;
      return Array.from(
        { length: count },
        (_, i) => stage.emulator.createKey(owner, environmentId, { name: `k${i}` }).id,
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
      assert.deepEqual(stage.log.sort(), [`${KEYS_BY}${a}`, `${KEYS_BY}${b}`].sort());
    });

    it("walks the list from the 25th owner on, and confirms what it does not show", async () => {
      const owners = accounts(30);
      const ids = owners.map((owner) => keysOf(owner)[0] ?? "");
      const found = await Promise.all(ids.map((id, i) => directory.key(id, owners[i] ?? "")));
      assert.deepEqual(
        found.map((key) => key?.id),
        ids,
      );
      assert.equal(stage.log.length, 25);
      assert(stage.log.includes(WALK_KEYS));
      const [late = ""] = keysOf(owners[29] ?? "");
      stage.emulator.clearRequests();
      assert.equal((await directory.key(late, owners[29] ?? ""))?.id, late);
      assert.deepEqual(stage.log, [`${KEYS_BY}${owners[29]}`]);
    });

    it("finds any key by its id alone, with one walk a process, corrected by own writes", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      const key = await directory.keyOfAnyone(a);
      assert(key);
      assert.equal(key.id, a);
      assert.equal(await directory.keyOfAnyone("secret_nope"), undefined);
      directory.noteKey({ ...key, id: "secret_new" });
      directory.dropKey(b);
      assert.equal((await directory.keyOfAnyone("secret_new"))?.id, "secret_new");
      assert.equal(await directory.keyOfAnyone(b), undefined);
      assert.deepEqual(stage.log, [WALK_KEYS]);
    });

    it("lists an owner's keys anew when told to", async () => {
      const [owner = ""] = accounts(1);
      const [a = "", b = ""] = keysOf(owner, 2);
      await directory.key(a, owner);
      stage.emulator.revokeKey(a);
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
      assert.deepEqual(stage.log, [
        `${KEYS_BY}${owner}`,
        `${KEYS_BY.replace("offset=0", "offset=1000")}${owner}`,
      ]);
    });
  });
});
