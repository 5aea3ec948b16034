import assert from "node:assert/strict";
import {
  type AccountInputs,
  type AccountState,
  createAccount,
  createKey,
  type KeyState,
  type ProviderProcess,
  reasons,
  UnitFixture,
} from "../fixture";

const COUNT = 1_000;
/** How many resources the engine works on at once with four cores. */
const PARALLEL = 16;
const ROLES = ["event_ingestor"];

interface Pair {
  readonly namePrefix: string;
  readonly account: { readonly id: string; readonly state: AccountState };
  readonly key: { readonly id: string; readonly state: KeyState };
}

/** As the engine does: this many at a time, the next one as soon as one is done. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const todo = items.entries();
  const worker = async () => {
    for (const [i, item] of todo) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return results;
}

describe("a thousand accounts with one key each", function () {
  this.timeout(60_000);
  let fixture: UnitFixture;
  let pairs: readonly Pair[];
  let requestsOfCreates: { readonly creates: number; readonly others: number };

  before(async () => {
    fixture = await UnitFixture.start();
    const provider = fixture.process();
    const prefixes = Array.from({ length: COUNT }, (_, i) => `service-${i}`);
    pairs = await inParallel(prefixes, async (namePrefix) => {
      const account = await createAccount(provider, { namePrefix, roles: ROLES });
      const key = await createKey(provider, { namePrefix, serviceAccountId: account.id });
      return { namePrefix, account, key };
    });
    const creates = fixture.log.filter(
      (line) => line.startsWith("POST") && !line.includes("search"),
    ).length;
    requestsOfCreates = { creates, others: fixture.log.length - creates };
  });
  beforeEach(() => fixture.emulator.clearRequests());
  after(() => fixture.stop());

  const readAll = (provider: ProviderProcess) =>
    inParallel(pairs, async ({ account, key }) => ({
      account: await provider.accounts.read(account.id, account.state),
      key: await provider.keys.read(key.id, key.state),
    }));

  it("are created with one request for each object, and two others", () => {
    assert.deepEqual(requestsOfCreates, { creates: 2 * COUNT, others: 2 });
  });

  it("have different names", () => {
    const names = pairs.flatMap(({ account, key }) => [account.state.name, key.state.name]);
    assert.equal(new Set(names).size, 2 * COUNT);
  });

  it("cost two requests in a preview without changes", async () => {
    const provider = fixture.process();
    await inParallel(pairs, async ({ namePrefix, account, key }) => {
      const inputs: AccountInputs = { namePrefix, roles: ROLES };
      assert.deepEqual(reasons(await provider.accounts.check(inputs, inputs)), []);
      const ofAccount = await provider.accounts.diff(account.id, account.state, inputs);
      assert.equal(ofAccount.changes, false);
      const keyInputs = { namePrefix, type: "private_key", serviceAccountId: account.id };
      assert.deepEqual(reasons(await provider.keys.check(keyInputs, keyInputs)), []);
      const ofKey = await provider.keys.diff(key.id, key.state, keyInputs);
      assert.equal(ofKey.changes, false);
    });
    assert.equal(fixture.log.length, 2);
  });

  it("are all read with at most ten requests", async () => {
    const read = await readAll(fixture.process());
    assert.deepEqual(
      read.map(({ account, key }) => [account.id, key.id]),
      pairs.map(({ account, key }) => [account.id, key.id]),
    );
    assert(fixture.log.length <= 10, fixture.log.join("\n"));
    assert.deepEqual(fixture.writes, []);
  });

  it("cost four more requests in a refresh for each key that was revoked elsewhere, as its proof needs", async () => {
    const revoked = new Set(pairs.filter((_, i) => i % 2 === 0).map(({ key }) => key.id));
    for (const id of revoked) fixture.emulator.revokeKey(id);
    fixture.passReplicaLag();
    const read = await readAll(fixture.process());
    assert.deepEqual(
      read.map(({ key }) => key.id),
      pairs.map(({ key }) => (revoked.has(key.id) ? "" : key.id)),
    );
    const counts = new Map<string, number>();
    for (const line of fixture.log) {
      const kind = line.replace(/user_id=\w+/, "user_id=").replace(/limit=1&.*/, "limit=1");
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    // Listed before and after, and used twice. One request to the database serves several.
    const { size } = revoked;
    const ofOwner = "GET /secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc&user_id=";
    assert.equal(counts.get(ofOwner), 2 * size);
    assert.equal(counts.get("GET /users/me"), 1 + 2 * size);
    const ofDatabase = counts.get("GET /secrets/api/keys?limit=1") ?? 0;
    assert(ofDatabase > 0 && ofDatabase < size, String(ofDatabase));
    assert(fixture.log.length <= 4 * size + ofDatabase + 10, JSON.stringify([...counts]));
  });

  it("are deleted with one request for each object, and one other", async () => {
    const provider = fixture.process();
    await inParallel(pairs, ({ key }) => provider.keys.delete(key.id, key.state));
    await inParallel(pairs, ({ account }) => provider.accounts.delete(account.id, account.state));
    assert.equal(fixture.writes.length, 2 * COUNT);
    assert.equal(fixture.log.length, 2 * COUNT + 1);
    const statuses = fixture.emulator.accounts().map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)], ["archived"]);
  });
});
