import assert from "node:assert/strict";
import { type Measurement, ProviderUnderTest } from "../../benchmark/provider-under-test";
import { sample } from "../support/sample";
import { step, withFixture } from "../support/scenario";

/** Enough to see effects of size. The benchmark tests thousands. */
const SIZE = 40;
const RESOURCES = 2 * SIZE;

/** Requests that do not belong to any one resource, in any operation: a slow machine shares fewer of them. */
const FEW = 15;

describe(`${SIZE} accounts with a key each`, () => {
  it("take one request each to create and delete, and few to check", async () => {
    const opening = ProviderUnderTest.open("pulumi-flexprice", SIZE, { checkpoints: false });
    await withFixture(opening, async (stack) => {
      const others = ({ requests }: Measurement) => requests.all - requests.writes;

      await step("up sends one request for each resource, and stores little", async () => {
        const up = await stack.measure("up");
        assert.equal(up.requests.writes, RESOURCES);
        assert(others(up) <= FEW, `${others(up)} requests more`);
        const bytes = up.stateBytes / RESOURCES;
        assert(bytes <= 3_000, `${bytes} bytes of state a resource`);
      });

      await step("an up or preview without changes sends hardly any request", async () => {
        for (const operation of sample(["up, no change", "preview"] as const)) {
          const { requests } = await stack.measure(operation);
          assert.equal(requests.writes, 0, operation);
          assert(requests.all <= 5, `${operation}: ${requests.all} requests`);
        }
      });

      await step("refresh sends few requests", async () => {
        const { requests } = await stack.measure("refresh");
        assert.equal(requests.writes, 0);
        assert(requests.all <= FEW, `${requests.all} requests`);
      });

      await step("destroy sends one request for each resource", async () => {
        const destroy = await stack.measure("destroy");
        assert.equal(destroy.requests.writes, RESOURCES);
        assert(others(destroy) <= FEW, `${others(destroy)} requests more`);
      });
    });
  });
});
