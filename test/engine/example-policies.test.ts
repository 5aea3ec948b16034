import { atNight } from "../support/sample";
import { step, withFixture } from "../support/scenario";
import { Example } from "./example";

// policies.test.ts tests what the pack rejects and accepts.
atNight(() =>
  describe("the example policies", () => {
    it("works as its README shows", async () => {
      await withFixture(Example.open("policies"), async (example) => {
        await step("the pack rejects the quickstart, or warns of it", async () => {
          await example.follow("Run it");
        });

        await step("the clean-up leaves nothing behind", async () => {
          await example.cleanUp();
        });
      });
    });
  }),
);
