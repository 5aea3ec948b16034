import assert from "node:assert/strict";
import type { Key, User } from "../../../provider/api/schemas";
import { findOrphans, type OrphanCriteria } from "../../../provider/cli/orphans-search";
import type { KnownObject, PendingObject } from "../../../provider/cli/stack-export";
import { uniqueName } from "../../../provider/session/auto-name";
import { DAY, START } from "../fixture";

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
  const find = (evidence: Partial<OrphanCriteria>) =>
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
    assert.deepEqual(find({}).skipped, new Map([["young", 1]]));
    const keys = [{ ...KEY, created_at: "yesterday" }];
    assert.deepEqual(
      find({ keys }).skipped,
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

  describe("leaves to its expiry", () => {
    const expires_at = new Date(START + DAY).toISOString();
    /** A key of this name, and what is known of the resource that made its successor. */
    const isLeft = (name: string, successor: Partial<KnownObject>, more: Partial<Key> = {}) => {
      const known: KnownObject = {
        kind: "key",
        id: "secret_3",
        tenantId: tenant.id,
        name: undefined,
        autoName: undefined,
        namePrefix: undefined,
        ownerId: ACCOUNT.id,
        isLeftToExpire: true,
        ...successor,
      };
      const { skipped } = find({ keys: [{ ...KEY, name, expires_at, ...more }], known: [known] });
      return skipped.has("leftToExpire");
    };
    const [one, other] = [uniqueName("ci"), uniqueName("ci")];

    it("a key of the same name", () => {
      assert(isLeft("ci", { name: "ci", namePrefix: "logical" }));
      assert(!isLeft("another", { name: "ci", namePrefix: "logical" }));
    });

    it("a key with another unique name of the same prefix", () => {
      const auto = { name: other, autoName: other, namePrefix: "ci" };
      assert(isLeft(one, auto));
      assert(!isLeft(uniqueName("cicd"), auto));
      assert(!isLeft("ci-prod", auto));
    });

    it("a key that an older release has named as the prefix is now", () => {
      assert(isLeft("ci", { name: other, autoName: other, namePrefix: "ci" }));
    });

    it("a key with a unique name from before the program gave one", () => {
      assert(isLeft(one, { name: "CI bot", namePrefix: "ci" }));
      assert(isLeft(one, { name: "ci", namePrefix: "logical" }));
    });

    it("a key of the prefix that the program had before", () => {
      assert(isLeft(one, { name: other, autoName: other, namePrefix: "later" }));
    });

    it("any that expires, where its successor's name is not readable", () => {
      assert(isLeft("any", {}));
      assert(!isLeft("any", {}, { expires_at: null }));
    });

    it("only keys of the same owner, and of a resource that leaves them", () => {
      assert(!isLeft("ci", { name: "ci" }, { user_id: "user_b" }));
      assert(isLeft("ci", { name: "ci", ownerId: undefined }, { user_id: "user_b" }));
      assert(!isLeft("ci", { name: "ci", isLeftToExpire: false }));
    });
  });

  describe("spares what a pending operation may have made:", () => {
    const account = { ...ACCOUNT, id: "user_01M86938Z859W94MHA3429NM3G", roles: ["a", "b"] };
    const key = { ...KEY, user_id: account.id };
    const anything = { id: undefined, name: undefined, roles: undefined, ownerId: undefined };
    /** The ids that are spared of an account and a key of it with these names. */
    const spared = (
      pending: Partial<PendingObject> & Pick<PendingObject, "kind">,
      names: { account?: string; key?: string } = {},
    ) => {
      const { keys, accounts, skipped } = find({
        accounts: [{ ...account, name: names.account ?? "a" }],
        keys: [{ ...key, name: names.key ?? "k" }],
        pending: [{ ...anything, ...pending }],
        now: START + 9 * DAY,
      });
      const orphans = ids([...keys, ...accounts]);
      assert.equal(skipped.get("pending") ?? 0, 2 - orphans.length - (skipped.get("inUse") ?? 0));
      return [account.id, key.id].filter((id) => !orphans.includes(id));
    };

    it("an account by prefix or name and roles, with its keys", () => {
      const both = [account.id, key.id];
      const roles = ["b", "a"];
      assert.deepEqual(
        spared({ kind: "account", name: "ci", roles }, { account: uniqueName("ci") }),
        both,
      );
      assert.deepEqual(spared({ kind: "account", name: "ci", roles }, { account: "ci" }), both);
      assert.deepEqual(spared({ kind: "account", name: "ci", roles }, { account: "ci-prod" }), []);
      assert.deepEqual(
        spared({ kind: "account", name: "ci", roles: ["a"] }, { account: uniqueName("ci") }),
        [],
      );
    });

    it("a key by prefix or name and owner, and so its account", () => {
      const both = [account.id, key.id];
      const of = (ownerId: string | undefined) => ({ kind: "key", name: "ci", ownerId }) as const;
      assert.deepEqual(spared(of(account.id), { key: uniqueName("ci") }), both);
      assert.deepEqual(spared(of(account.id), { key: "ci" }), both);
      assert.deepEqual(spared(of(undefined), { key: uniqueName("ci") }), both);
      assert.deepEqual(spared(of("user_b"), { key: uniqueName("ci") }), []);
      assert.deepEqual(spared(of(account.id), { key: uniqueName("cicd") }), [account.id]);
    });

    it("all of its kind, where nothing is readable", () => {
      assert.deepEqual(spared({ kind: "account" }), [account.id, key.id]);
      assert.deepEqual(spared({ kind: "key" }), [account.id, key.id]);
      assert.deepEqual(spared({ kind: "account", roles: ["a"] }), []);
    });

    it("what it adopts, and no other", () => {
      assert.deepEqual(spared({ kind: "account", id: account.id }), [account.id, key.id]);
      assert.deepEqual(spared({ kind: "account", id: "user_b" }), []);
      assert.deepEqual(spared({ kind: "key", id: key.id }), [account.id, key.id]);
      assert.deepEqual(spared({ kind: "key", id: "secret_b" }), []);
    });
  });

  it("spares young and pending keys that have expired, too", () => {
    const keys = [{ ...KEY, expires_at: new Date(START - 1).toISOString() }];
    const excuses = (evidence: Partial<OrphanCriteria>) => [
      ...find({ accounts: [], keys, expired: true, ...evidence }).skipped.keys(),
    ];
    assert.deepEqual(excuses({}), []);
    assert.deepEqual(excuses({ minimumAgeMs: 10 * DAY }), ["young"]);
    const pending: PendingObject = {
      kind: "key",
      id: undefined,
      name: KEY.name,
      roles: undefined,
      ownerId: ACCOUNT.id,
    };
    assert.deepEqual(excuses({ pending: [pending] }), ["pending"]);
  });

  it("does not keep an account for a key that has expired", () => {
    const id = "user_01M86938Z859W94MHA3429NM3G";
    const accounts = [{ ...ACCOUNT, id }];
    const keys = [{ ...KEY, user_id: id, expires_at: new Date(START - DAY).toISOString() }];
    const { accounts: found, skipped } = find({ accounts, keys, now: START + 9 * DAY });
    assert.deepEqual([ids(found), found[0]?.keys], [[id], []]);
    assert.deepEqual(skipped, new Map([["expired", 1]]));
  });
});
