import assert from "node:assert/strict";
import {
  type AccountInputs,
  type AccountState,
  createAccount,
  createKey,
  type KeyInputs,
  type KeyState,
  MINUTE,
  type ProviderProcess,
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

/** As the engine does: this many at a time, the next as soon as one is done. */
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

describe("a thousand accounts with a key each", function () {
  this.timeout(60_000);
  let fixture: UnitFixture;
  let pairs: readonly Pair[];
  let making: { readonly posts: number; readonly others: number };

  before(async () => {
    fixture = await UnitFixture.start();
    const process = fixture.process();
    const prefixes = Array.from({ length: COUNT }, (_, i) => `service-${i}`);
    pairs = await inParallel(prefixes, async (namePrefix) => {
      const account = await createAccount(process, { namePrefix, roles: ROLES });
      const key = await createKey(process, { namePrefix, serviceAccountId: account.id });
      return { namePrefix, account, key };
    });
    const posts = fixture.log.filter((line) => line.startsWith("POST") && !line.includes("search"));
    making = { posts: posts.length, others: fixture.log.length - posts.length };
  });
  beforeEach(() => fixture.emulator.clearRequests());
  after(() => fixture.stop());

  const readAll = (process: ProviderProcess) =>
    inParallel(pairs, async ({ account, key }) => ({
      account: await process.accounts.read(account.id, account.state),
      key: await process.keys.read(key.id, key.state),
    }));

  it("take a request each to be made, and two more", () => {
    assert.deepEqual(making, { posts: 2 * COUNT, others: 2 });
  });

  it("have a name each", () => {
    const names = pairs.flatMap(({ account, key }) => [account.state.name, key.state.name]);
    assert.equal(new Set(names).size, 2 * COUNT);
  });

  it("take two requests for a preview that finds them unchanged", async () => {
    const process = fixture.process();
    await inParallel(pairs, async ({ namePrefix, account, key }) => {
      const inputs: AccountInputs = { namePrefix, roles: ROLES };
      const accounts = await process.accounts.check(inputs, inputs);
      assert.deepEqual(accounts.failures, []);
      const made = await process.accounts.diff(account.id, account.state, inputs);
      assert.equal(made.changes, false);
      const given: KeyInputs = { namePrefix, type: "private_key", serviceAccountId: account.id };
      const keys = await process.keys.check(given, given);
      assert.deepEqual(keys.failures, []);
      assert.equal((await process.keys.diff(key.id, key.state, given)).changes, false);
    });
    assert.equal(fixture.log.length, 2);
  });

  it("take at most ten requests to be read, and are all there", async () => {
    const read = await readAll(fixture.process());
    assert.deepEqual(
      read.map(({ account, key }) => [account.id, key.id]),
      pairs.map(({ account, key }) => [account.id, key.id]),
    );
    assert(fixture.log.length <= 10, fixture.log.join("\n"));
    assert.deepEqual(fixture.writes, []);
  });

  it("take four requests more for each key that others have revoked: what its proof needs", async () => {
    const revoked = new Set(pairs.filter((_, i) => i % 2 === 0).map(({ key }) => key.id));
    for (const id of revoked) fixture.emulator.revokeKey(id);
    // Younger objects never count as gone.
    fixture.clock.now += 11 * MINUTE;
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

  it("take no more than their deletions to go, whatever is left of them", async () => {
    const process = fixture.process();
    await inParallel(pairs, ({ key }) => process.keys.delete(key.id, key.state));
    await inParallel(pairs, ({ account }) => process.accounts.delete(account.id, account.state));
    assert.equal(fixture.writes.length, 2 * COUNT);
    assert.equal(fixture.log.length, 2 * COUNT + 1);
    const left = fixture.emulator.accounts().filter(({ status }) => status === "published");
    assert.deepEqual(left, []);
  });
});
