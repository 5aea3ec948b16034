import assert from "node:assert/strict";
import { type Measurement, ProviderUnderTest } from "../../benchmark/provider-under-test";
import { sample } from "../support/sample";

/** Enough to see effects of size. The benchmark tests thousands. */
const SIZE = 40;
const RESOURCES = 2 * SIZE;

/** Requests that do not belong to any one resource, in any operation: a slow machine shares fewer of them. */
const FEW = 15;

describe(`${SIZE} accounts with a key each, on the engine`, () => {
  let stack: ProviderUnderTest;
  before(async () => {
    stack = await ProviderUnderTest.open("pulumi-flexprice", SIZE, { checkpoints: false });
  });
  after(() => stack.close());

  const others = ({ requests }: Measurement) => requests.all - requests.writes;

  it("take a request each to be made, and little state", async () => {
    const up = await stack.measure("up");
    assert.equal(up.requests.writes, RESOURCES);
    assert(others(up) <= FEW, `${others(up)} requests more`);
    const bytes = up.stateBytes / RESOURCES;
    assert(bytes <= 3_000, `${bytes} bytes of state a resource`);
  });

  it("take hardly a request while nothing changes", async () => {
    for (const operation of sample(["up, no change", "preview"] as const)) {
      const { requests } = await stack.measure(operation);
      assert.equal(requests.writes, 0, operation);
      assert(requests.all <= 5, `${operation}: ${requests.all} requests`);
    }
  });

  it("take few requests to be read", async () => {
    const { requests } = await stack.measure("refresh");
    assert.equal(requests.writes, 0);
    assert(requests.all <= FEW, `${requests.all} requests`);
  });

  it("take a request each to go", async () => {
    const destroy = await stack.measure("destroy");
    assert.equal(destroy.requests.writes, RESOURCES);
    assert(others(destroy) <= FEW, `${others(destroy)} requests more`);
  });
});
