import assert from "node:assert/strict";
import { Example } from "./example";
import { prefixOf } from "./fixture";

describe("the example least-privilege", () => {
  let example: Example;
  before(async () => {
    example = await Example.open("least-privilege");
  });
  after(() => example.close());

  it("makes an identity for each service, with one role", async () => {
    await example.follow("Run it");
    const roles = (those: { name: string; roles: string[] }[]) =>
      Object.fromEntries(those.map(({ name, roles }) => [prefixOf(name), roles]));
    const expected = { "usage-ingestor": ["event_ingestor"], "usage-dashboard": ["event_reader"] };
    assert.deepEqual(roles(example.fixture.accounts()), expected);
    assert.deepEqual(roles(example.fixture.keys()), expected);
  });

  it("lets each key do the one and not the other", async () => {
    await example.follow("What each key can do");
  });

  it("leaves nothing behind", async () => {
    await example.cleanUp();
    assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
  });
});
