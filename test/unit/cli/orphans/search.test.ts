import assert from "node:assert/strict";
import type { Key, User } from "../../../../provider/api/schemas";
import type { OrphanCriteria } from "../../../../provider/cli/classification";
import { findOrphans } from "../../../../provider/cli/orphans/search";
import type { KnownObject, PendingObject } from "../../../../provider/cli/stack-export";
import { uniqueName } from "../../../../provider/session/auto-name";
import { DAY, START } from "../../fixture";

const tenant = { id: "tenant_1" };
/** An id without a readable time. */
const ACCOUNT: User = { id: "user_a", name: "a", type: "service_account", roles: [], tenant };
const OLD_ACCOUNT: User = { ...ACCOUNT, id: "user_01M86938Z859W94MHA3429NM3G", roles: ["a", "b"] };
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

// Cases with unusual servers and clocks; the others are in orphans.test.ts.
describe("cli/orphans/search", () => {
  const find = (criteria: Partial<OrphanCriteria>) =>
    findOrphans({
      accounts: [ACCOUNT],
      keys: [KEY],
      known: [],
      pending: [],
      caller: CALLER,
      ownDisplayId: undefined,
      now: START,
      minimumAgeMs: DAY,
      keep: new Set(),
      userKeys: false,
      expired: false,
      ...criteria,
    });
  const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

  it("treats keys of owners of an unknown type as keys of users", () => {
    const keys = [{ ...KEY, user_type: "" }];
    assert.deepEqual(ids(find({ keys }).keys), []);
    const [found] = find({ keys, userKeys: true }).keys;
    assert.equal(found?.owner.isArchived, false);
  });

  it("skips as too young what has no readable time", () => {
    assert.deepEqual([...find({}).skipped], [["young", 1]]);
    const { skipped } = find({ keys: [{ ...KEY, created_at: "yesterday" }] });
    assert.deepEqual(Object.fromEntries(skipped), { young: 1, inUse: 1 });
  });

  it("finds keys of exactly the minimum age", () => {
    const keysOfAge = (ms: number) =>
      ids(find({ keys: [{ ...KEY, created_at: new Date(START - ms).toISOString() }] }).keys);
    assert.deepEqual(keysOfAge(DAY), [KEY.id]);
    assert.deepEqual(keysOfAge(DAY - 1), []);
  });

  describe("left to expire:", () => {
    const unique = uniqueName("ci");
    /** Of a successor that the provider named. */
    const automatic = [uniqueName("ci"), "ci"];
    const unreadable: string[] = [];
    for (const [what, name, names, isLeft, more = {}] of [
      ["skips a key of the same name", "ci", ["ci", "logical"], true],
      ["keeps a key of another name", "another", ["ci", "logical"], false],
      ["skips a key with another unique name of the prefix", unique, automatic, true],
      ["keeps a key with a unique name of another prefix", uniqueName("cicd"), automatic, false],
      ["keeps a key whose name only begins like the prefix", "ci-prod", automatic, false],
      ["skips a key that an older release named as the prefix", "ci", automatic, true],
      [
        "skips a key with a unique name of the program's current name",
        unique,
        ["CI bot", "ci"],
        true,
      ],
      ["skips any key if the name of its successor is not readable", "any", unreadable, true],
      ["keeps a key without an expiry", "any", unreadable, false, { expires_at: null }],
      ["keeps a key of another owner", "ci", ["ci"], false, { user_id: "user_b" }],
      [
        "skips a key of any owner if the owner is not readable",
        "ci",
        ["ci"],
        true,
        { user_id: "user_b", ownerId: undefined },
      ],
      [
        "keeps a key of a resource that revokes it",
        "ci",
        ["ci"],
        false,
        { leavesPredecessor: false },
      ],
      [
        "skips a key that a state lists as a predecessor, whatever its current name and onDelete",
        ...["another", ["ci"], true, { leavesPredecessor: false, predecessors: [KEY.id] }],
      ],
    ] as [string, string, string[], boolean, (Partial<Key> & Partial<KnownObject>)?][]) {
      it(what, () => {
        const { user_id = KEY.user_id, expires_at = new Date(START + DAY).toISOString() } = more;
        const {
          ownerId,
          leavesPredecessor = true,
          predecessors = [],
        } = {
          ownerId: ACCOUNT.id,
          ...more,
        };
        const successor = { kind: "key", id: "secret_3", tenantId: tenant.id } as const;
        const { skipped } = find({
          keys: [{ ...KEY, name, expires_at, user_id }],
          known: [{ ...successor, names, ownerId, leavesPredecessor, predecessors }],
        });
        assert.equal(skipped.has("leftToExpire"), isLeft);
      });
    }
  });

  describe("pending:", () => {
    const both = [OLD_ACCOUNT.id, KEY.id];
    const anything = { id: undefined, names: [], roles: undefined, ownerId: undefined };
    const account = { kind: "account", names: ["ci"], roles: ["b", "a"] } as const;
    const key = { kind: "key", names: ["ci"], ownerId: OLD_ACCOUNT.id } as const;
    const unique = uniqueName("ci");
    for (const [what, pending, name, skipped] of [
      ["skips an account by unique name and roles, with its keys", account, unique, both],
      ["skips an account by name and roles", account, "ci", both],
      ["keeps an account of another name", account, "ci-prod", []],
      ["keeps an account with other roles", { ...account, roles: ["a"] }, unique, []],
      ["skips any account if nothing is readable", { kind: "account" }, "x", both],
      [
        "keeps an account with other roles, whatever its name",
        { ...account, names: [], roles: [] },
        "x",
        [],
      ],
      ["skips an account by id", { kind: "account", id: OLD_ACCOUNT.id }, "x", both],
      ["keeps an account with another id", { ...account, id: "user_b" }, unique, []],
      ["skips a key by unique name and owner, and so its account", key, unique, both],
      ["skips a key by name and owner", key, "ci", both],
      [
        "skips a key of any owner if the owner is not readable",
        { ...key, ownerId: undefined },
        unique,
        both,
      ],
      ["keeps a key of another owner", { ...key, ownerId: "user_b" }, unique, []],
      [
        "skips only the owner of a key of another prefix",
        key,
        uniqueName("cicd"),
        [OLD_ACCOUNT.id],
      ],
      ["skips any key if nothing is readable", { kind: "key" }, "x", both],
      ["skips a key by id", { kind: "key", id: KEY.id }, "x", both],
      ["keeps a key with another id", { kind: "key", id: "secret_b", names: ["x"] }, "x", []],
    ] as [string, Pick<PendingObject, "kind"> & Partial<PendingObject>, string, string[]][]) {
      it(what, () => {
        const found = find({
          accounts: [{ ...OLD_ACCOUNT, name }],
          keys: [{ ...KEY, user_id: OLD_ACCOUNT.id, name }],
          pending: [{ ...anything, ...pending }],
          now: START + 9 * DAY,
        });
        const orphans = ids([...found.keys, ...found.accounts]);
        // An account with a pending key is in use.
        const inUse = found.skipped.get("inUse") ?? 0;
        assert.equal(found.skipped.get("pending") ?? 0, 2 - orphans.length - inUse);
        assert.deepEqual(
          both.filter((id) => !orphans.includes(id)),
          skipped,
        );
      });
    }
  });

  it("skips expired keys that are young or pending", () => {
    const keys = [{ ...KEY, expires_at: new Date(START - 1).toISOString() }];
    const reasons = (criteria: Partial<OrphanCriteria>) => [
      ...find({ accounts: [], keys, expired: true, ...criteria }).skipped.keys(),
    ];
    assert.deepEqual(reasons({}), []);
    assert.deepEqual(reasons({ minimumAgeMs: 10 * DAY }), ["young"]);
    const pending = { kind: "key", id: undefined, names: [KEY.name], roles: undefined } as const;
    assert.deepEqual(reasons({ pending: [{ ...pending, ownerId: ACCOUNT.id }] }), ["pending"]);
  });

  it("lists keys and accounts oldest first", () => {
    const ids = [OLD_ACCOUNT.id.replace("93", "94"), OLD_ACCOUNT.id];
    const accounts = ids.map((id) => ({ ...OLD_ACCOUNT, id }));
    const keys = ids.map((id) => ({ ...KEY, id: id.replace("user", "secret") }));
    const found = find({ accounts, keys, now: START + 9 * DAY });
    for (const rows of [found.accounts, found.keys]) {
      assert.deepEqual(
        rows.map(({ id }) => id.replace("secret", "user")),
        [...ids].reverse(),
      );
    }
  });

  it("finds an account whose only key has expired", () => {
    const { id } = OLD_ACCOUNT;
    const keys = [{ ...KEY, user_id: id, expires_at: new Date(START - DAY).toISOString() }];
    const found = find({ accounts: [OLD_ACCOUNT], keys, now: START + 9 * DAY });
    assert.deepEqual([ids(found.accounts), found.accounts[0]?.keys], [[id], []]);
    assert.deepEqual([...found.skipped], [["expired", 1]]);
  });
});
