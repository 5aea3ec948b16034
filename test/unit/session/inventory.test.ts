import assert from "node:assert/strict";
import type { Inventory } from "../../../provider/session/inventory";
import { failureOf, UnitFixture } from "../fixture";

const KEYS = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc";

describe("session/inventory", () => {
  let fixture: UnitFixture;
  let inventory: Inventory;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    inventory = fixture.process().connection.inventory;
  });
  afterEach(() => fixture.stop());

  const account = (name = "ci") =>
    fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles: ["event_reader"] }).id;
  const key = (owner: string) =>
    fixture.emulator.createKey(owner, fixture.operator.environmentId, { name: "k" }).id;
  const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

  describe("of accounts", () => {
    it("asks once for the ids that are asked together", async () => {
      const [a, b] = [account(), account()];
      const found = await Promise.all([a, b, a, "user_nope"].map((id) => inventory.account(id)));
      assert.deepEqual(
        found.map((one) => one?.id),
        [a, b, a, undefined],
      );
      assert.deepEqual(fixture.log, ["POST /users/search"]);
    });

    it("answers for ids from the whole list, where that is asked for too", async () => {
      const [a, b] = [account(), account()];
      const [one, all] = await Promise.all([inventory.account(a), inventory.accounts()]);
      assert.equal(one?.id, a);
      assert.deepEqual(ids(all), [b, a]);
      assert.deepEqual(fixture.log, ["POST /users/search"]);
    });

    it("shows the server as it is at the question, not at an earlier one", async () => {
      const a = account();
      await inventory.accounts();
      const b = account();
      assert.deepEqual(ids(await inventory.accounts()), [b, a]);
      fixture.emulator.archiveAccount(a);
      assert.equal(await inventory.account(a), undefined);
      assert.deepEqual(ids(await inventory.accounts()), [b]);
    });

    it("asks anew for who comes while a request is under way", async () => {
      let late: Promise<readonly { id: string }[]> | undefined;
      let b = "";
      fixture.emulator.faults.decide = () => {
        b ||= account();
        late ??= inventory.accounts();
        return undefined;
      };
      await inventory.accounts();
      assert.deepEqual(ids((await late) ?? []), [b]);
      assert.equal(fixture.log.length, 2);
    });

    it("reads all pages", async () => {
      const made = Array.from({ length: 1_001 }, () => account());
      assert.deepEqual(ids(await inventory.accounts()), made.reverse());
      assert.equal(fixture.log.length, 2);
    });

    it("keeps no failure", async () => {
      fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before");
      await failureOf(inventory.accounts(), "forbidden");
      assert.deepEqual(await inventory.accounts(), []);
    });
  });

  describe("of keys", () => {
    it("asks by owner", async () => {
      const [a, b] = [account(), account()];
      const made = [key(a), key(b), key(a)];
      const [of_a, of_b] = await Promise.all([a, b].map((owner) => inventory.keys(owner)));
      assert.deepEqual(ids(of_a ?? []), [made[2], made[0]]);
      assert.deepEqual(ids(of_b ?? []), [made[1]]);
      assert.deepEqual(fixture.log.sort(), [`${KEYS}&user_id=${a}`, `${KEYS}&user_id=${b}`].sort());
    });

    it("reads the list once for all, or for many owners, and tells them apart", async () => {
      const [a, b] = [account(), account()];
      const made = [key(a), key(b)];
      const [all, of_b] = await Promise.all([inventory.keys(), inventory.keys(b)]);
      assert.deepEqual(ids(all).slice(0, 2), [made[1], made[0]]);
      assert.deepEqual(ids(of_b), [made[1]]);
      const owners = Array.from({ length: 25 }, () => account());
      const theirs = owners.map((owner) => key(owner));
      const lists = await Promise.all(owners.map((owner) => inventory.keys(owner)));
      assert.deepEqual(
        lists.map((keys) => keys[0]?.id),
        theirs,
      );
      assert.deepEqual(fixture.log, [KEYS, KEYS]);
    });
  });

  it("asks once for roles that are asked for together", async () => {
    const [one, other] = await Promise.all([inventory.roles(), inventory.roles()]);
    assert.equal(one, other);
    assert.deepEqual([one.all.length, one.assignable.length], [5, 3]);
    assert.equal(fixture.log.length, 2);
  });
});
