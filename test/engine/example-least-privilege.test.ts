import assert from "node:assert/strict";
import { step, withFixture } from "../support/scenario";
import { Example } from "./example";
import { prefixOf } from "./fixture";

describe("the example least-privilege", () => {
  it("works as its README shows", async () => {
    await withFixture(Example.open("least-privilege"), async (example) => {
      await step("up creates one identity for each service, with one role", async () => {
        await example.follow("Run it");
        const roles = (those: { name: string; roles: string[] }[]) =>
          Object.fromEntries(those.map(({ name, roles }) => [prefixOf(name), roles]));
        const expected = {
          "usage-ingestor": ["event_ingestor"],
          "usage-dashboard": ["event_reader"],
        };
        assert.deepEqual(roles(example.fixture.accounts()), expected);
        assert.deepEqual(roles(example.fixture.keys()), expected);
      });

      await step("each key can do only what its role allows", async () => {
        await example.follow("What each key can do");
      });

      await step("destroy leaves nothing behind", async () => {
        await example.cleanUp();
        assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
      });
    });
  });
});
