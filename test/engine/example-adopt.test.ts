import assert from "node:assert/strict";
import { step, withFixture } from "../support/scenario";
import { use } from "./consumer";
import { Example } from "./example";

describe("the example adopt", () => {
  it("works as its README shows", async () => {
    await withFixture(Example.open("adopt"), async (example) => {
      /** The objects in Flexprice, without the operator's. */
      const present = () => [example.fixture.accounts(), example.fixture.keys()];

      await step("adopting changes nothing in Flexprice", async () => {
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

      await step("removing adopt changes nothing", async () => {
        const before = present();
        await example.follow("Remove `adopt`");
        assert.deepEqual(example.fixture.takeWrites(), []);
        assert.deepEqual(present(), before);
      });

      await step("destroy deletes both", async () => {
        const [key] = example.fixture.keys();
        assert.equal(await use(example.fixture, key?.value), 200);
        await example.cleanUp();
        assert.deepEqual(present(), [[], []]);
        assert.equal(await use(example.fixture, key?.value), 401);
      });
    });
  });
});
