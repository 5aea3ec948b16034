import assert from "node:assert/strict";
import ms from "ms";
import { KEY_REPLACED, keyState, use, withConsumer } from "./consumer";
import { Bench, changes, failed, messages, succeeded } from "./fixture";

describe("a key with a fixed expiresAt", () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.open("");
  });
  after(() => bench.close());

  const inDays = (days: number) =>
    new Date(bench.clock.now().getTime() + days * ms("1d")).toISOString();
  const until = (expiresAt: string) =>
    withConsumer(`expiresAt: "${expiresAt}", rotateBefore: "14d"`);
  /** A new instant with each run, which the program asks to ignore. */
  const COMPUTED = withConsumer(
    `expiresAt: new Date(Date.now() + ${ms("30d")}).toISOString(), rotateBefore: "14d" }, { ignoreChanges: ["expiresAt"]`,
  );

  it("is left as it is once rotateBefore has come: a warning asks for a later instant", async () => {
    bench.setSource(until(inDays(30)));
    succeeded(await bench.up());
    bench.clock.advance("20d");
    const { keyId } = await bench.outputs();
    const { name, expiresAt } = await keyState(bench);
    for (const run of [await bench.up(), await bench.preview("--expect-no-changes")]) {
      assert.deepEqual(changes(succeeded(run)), []);
      const [warning = "", ...others] = messages(run, "warning");
      assert.deepEqual(others, []);
      assert.ok(
        warning.startsWith(`API key "${name}" (${keyId}) expires at ${expiresAt}; `),
        warning,
      );
      assert.match(
        warning,
        /Its successor would expire at the same time: set expiresAt to a later instant, or use expiresIn, and this key is replaced\.\n$/,
      );
    }
  });

  it("is replaced by one with a later instant, new before old", async () => {
    const { apiKey } = await bench.outputs();
    bench.setSource(until(inDays(40)));
    const up = succeeded(await bench.up());
    assert.deepEqual([changes(up), messages(up, "warning")], [KEY_REPLACED, []]);
    assert.equal((await bench.outputs())["sees"], "old 200, new 200");
    assert.equal(await use(bench, apiKey), 401);
  });

  it("is not replaced by one that would be due at once: a preview refuses that", async () => {
    bench.setSource(until(inDays(13)));
    assert.match(failed(await bench.preview()).output, /expiresAt: is nearer than rotateBefore/);
  });

  it("stays with ignoreChanges and a computed instant until it has expired, and is then replaced by one with a later instant", async () => {
    const { keyId } = await bench.outputs();
    bench.setSource(COMPUTED);
    assert.deepEqual(changes(succeeded(await bench.up())), []);
    bench.clock.advance("41d");
    assert.deepEqual(changes(succeeded(await bench.up())), KEY_REPLACED);
    const now = await bench.outputs();
    assert.notEqual(now["keyId"], keyId);
    assert.equal(await use(bench, now["apiKey"]), 200);
    const again = succeeded(await bench.preview("--expect-no-changes"));
    assert.deepEqual(messages(again, "warning"), []);
  });
});
