import assert from "node:assert/strict";
import { accountWithKey, Bench, changes, messages, succeeded } from "./fixture";

/** Everything that was made and is not ended, and how much was made in all. */
function remains({ emulator, operator }: Bench): unknown {
  const accounts = emulator.accounts(operator.tenantId);
  const keys = emulator.keys(operator.tenantId).filter(({ value }) => value !== operator.apiKey);
  return {
    accounts: accounts.filter(({ status }) => status !== "archived"),
    keys: keys.filter(({ status }) => status !== "deleted"),
    made: [accounts.length, keys.length],
  };
}

/** Runs an operation that has to find everything as it is. */
async function findsNothingToDo(bench: Bench, verb: "refresh" | "up"): Promise<string[]> {
  const held = await bench.held();
  bench.takeWrites();
  const result = succeeded(await bench[verb]());
  assert.deepEqual([changes(result), bench.takeWrites()], [[], []]);
  assert.deepEqual(await bench.held(), held);
  return messages(result, "warning");
}

describe("a server that shows what was done 300 ms later", () => {
  let bench: Bench;
  before(async () => {
    const more =
      'new flexprice.ServiceAccount("named", { name: "ingestor", roles: ["event_reader"] });';
    bench = await Bench.open(accountWithKey({ more }), { replicaLagMs: 300 });
  });
  after(() => bench.close());

  it("gets an account, its key, and one with a name of its own by one up", async () => {
    succeeded(await bench.up());
    const { accountId, apiKey } = await bench.outputs();
    assert.equal(bench.accounts().length, 2);
    assert.ok(bench.accounts().some(({ name }) => name === "ingestor"));
    assert.deepEqual(
      bench.keys().map(({ userId, value }) => [userId, value]),
      [[accountId, apiKey]],
    );
  });

  it("shows a refresh and a further up what is there", async () => {
    await findsNothingToDo(bench, "refresh");
    await findsNothingToDo(bench, "up");
  });

  it("keeps nothing after a destroy", async () => {
    succeeded(await bench.destroy());
    assert.deepEqual(await bench.resources(), []);
    assert.deepEqual(remains(bench), { accounts: [], keys: [], made: [2, 1] });
  });
});

describe("a server that shows what was done long after", () => {
  const LAG_SECONDS = 60;
  let bench: Bench;
  before(async () => {
    const source = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
new flexprice.ApiKey("own");
`;
    bench = await Bench.open(source, { replicaLagMs: LAG_SECONDS * 1_000 });
    succeeded(await bench.up());
  });
  after(() => bench.close());

  it("makes a refresh right after up forget nothing, and say why", async () => {
    const warnings = await findsNothingToDo(bench, "refresh");
    const about = warnings.map((warning) => warning.replace(/".*?" \(\w+\)/, "…")).sort();
    assert.deepEqual(about, [
      "API key … is not listed by the server, but it was made less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.\n",
      "Service account … is not shown by the server, but it was made less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.\n",
    ]);
    await findsNothingToDo(bench, "up");
  });

  it("keeps nothing after a destroy", async () => {
    bench.clock.advance(`${LAG_SECONDS}s`);
    succeeded(await bench.destroy());
    assert.deepEqual(remains(bench), { accounts: [], keys: [], made: [1, 1] });
  });
});
