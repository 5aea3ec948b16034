import assert from "node:assert/strict";
import { use } from "./consumer";
import { Example } from "./example";

describe("the example adopt", () => {
  let example: Example;
  before(async () => {
    example = await Example.open("adopt");
  });
  after(() => example.close());

  /** The objects in Flexprice, without the operator's. */
  const present = () => [example.fixture.accounts(), example.fixture.keys()];

  it("takes an account and a key over without a change in Flexprice", async () => {
    await example.follow("Prepare");
    const before = present();
    assert.deepEqual(
      before.map(({ length }) => length),
      [1, 1],
    );
    example.fixture.takeWrites();
    await example.follow("Adopt");
    assert.deepEqual(example.fixture.takeWrites(), []);
    assert.deepEqual(present(), before);
  });

  it("does nothing when adopt is removed", async () => {
    const before = present();
    await example.follow("Remove `adopt`");
    assert.deepEqual(example.fixture.takeWrites(), []);
    assert.deepEqual(present(), before);
  });

  it("owns both from then on: destroy ends them", async () => {
    const [key] = example.fixture.keys();
    assert.equal(await use(example.fixture, key?.value), 200);
    await example.cleanUp();
    assert.deepEqual(present(), [[], []]);
    assert.equal(await use(example.fixture, key?.value), 401);
  });
});
