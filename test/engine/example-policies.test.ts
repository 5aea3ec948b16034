import { atNight } from "../support/sample";
import { Example } from "./example";

// policies.test.ts tests what the pack rejects and accepts.
atNight(() =>
  describe("the example policies", () => {
    let example: Example;
    before(async () => {
      example = await Example.open("policies");
    });
    after(() => example.close());

    it("refuses the quickstart, or warns of it", async () => {
      await example.follow("Run it");
    });

    it("leaves nothing behind", async () => {
      await example.cleanUp();
    });
  }),
);
