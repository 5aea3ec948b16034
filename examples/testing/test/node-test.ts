import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { startFlexprice } from "pulumi-flexprice/testing";

test("the program creates one account, and rotates its key", async () => {
  await using flexprice = await startFlexprice();
  const stack = await flexprice.stack(resolve(__dirname, ".."));
  await stack.up();
  flexprice.advance("77d");
  await stack.up();
  assert.equal(flexprice.accounts().length, 1);
  const keys = flexprice.keys().filter(({ name }) => name.startsWith("usage-ingestor-"));
  assert.deepEqual(
    keys.map(({ status }) => status),
    ["deleted", "published"],
  );
});
