import assert from "node:assert/strict";
import type { Key, User } from "../../../provider/api/wire";
import { type Evidence, findOrphans } from "../../../provider/cli/orphans-search";
import type { KnownObject } from "../../../provider/cli/stack-export";
import { DAY, START } from "../harness";

const tenant = { id: "tenant_1" };
const ACCOUNT: User = { id: "user_a", name: "a", type: "service_account", roles: [], tenant };
const CALLER: User = { id: "user_c", name: "", type: "user", roles: ["super_admin"], tenant };
const KEY: Key = {
  id: "secret_1",
  name: "k",
  type: "private_key",
  display_id: "sk_01***AA",
  roles: null,
  user_type: "service_account",
  user_id: ACCOUNT.id,
  status: "published",
  created_at: new Date(START - 9 * DAY).toISOString(),
};

/** What only odd servers and odd clocks show; the rest is in orphans.test.ts. */
describe("cli/orphans-search", () => {
  const find = (evidence: Partial<Evidence>) =>
    findOrphans({
      accounts: [ACCOUNT],
      keys: [KEY],
      known: [],
      caller: CALLER,
      ownDisplayId: undefined,
      now: START,
      minimumAgeMs: DAY,
      keep: new Set(),
      userKeys: false,
      expired: false,
      ...evidence,
    });
  const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

  it("takes keys of owners of no known type for those of users", () => {
    const keys = [{ ...KEY, user_type: "" }];
    assert.deepEqual(ids(find({ keys }).keys), []);
    const [found] = find({ keys, userKeys: true }).keys;
    assert.equal(found?.owner.isArchived, false);
  });

  it("takes what has no readable time for young", () => {
    assert.deepEqual(find({}).excused, new Map([["young", 1]]));
    const keys = [{ ...KEY, created_at: "yesterday" }];
    assert.deepEqual(
      find({ keys }).excused,
      new Map([
        ["young", 1],
        ["inUse", 1],
      ]),
    );
  });

  it("counts the age from the limit on", () => {
    const made = (ms: number) => [{ ...KEY, created_at: new Date(START - ms).toISOString() }];
    assert.deepEqual(ids(find({ keys: made(DAY) }).keys), [KEY.id]);
    assert.deepEqual(ids(find({ keys: made(DAY - 1) }).keys), []);
  });

  it("leaves to their expiry the predecessors of a rotated key only", () => {
    const expires_at = new Date(START + DAY).toISOString();
    const keys = [
      { ...KEY, expires_at },
      { ...KEY, id: "secret_2", name: "another", expires_at },
    ];
    const known: KnownObject[] = [
      {
        kind: "key",
        id: "secret_3",
        tenantId: tenant.id,
        name: KEY.name,
        ownerId: ACCOUNT.id,
        isLeftToExpire: true,
      },
    ];
    assert.deepEqual(ids(find({ keys, known }).keys), ["secret_2"]);
  });

  it("does not keep an account for a key that has expired", () => {
    const id = "user_01M86938Z859W94MHA3429NM3G";
    const accounts = [{ ...ACCOUNT, id }];
    const keys = [{ ...KEY, user_id: id, expires_at: new Date(START - DAY).toISOString() }];
    const { accounts: found, excused } = find({ accounts, keys, now: START + 9 * DAY });
    assert.deepEqual([ids(found), found[0]?.keys], [[id], []]);
    assert.deepEqual(excused, new Map([["expired", 1]]));
  });
});
