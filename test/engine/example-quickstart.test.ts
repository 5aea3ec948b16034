import assert from "node:assert/strict";
import { step, withFixture } from "../support/scenario";
import { Example } from "./example";

describe("the example quickstart", () => {
  it("works as its README shows", async () => {
    await withFixture(Example.open("quickstart"), async (example) => {
      await step("preview rejects an invalid role, up creates two accounts", async () => {
        await example.follow("Run it");
        assert.deepEqual(
          example.fixture
            .takeWrites()
            .map(({ request, status }) => `${request} ${status}`)
            .sort(),
          [
            "POST /v1/secrets/api/keys 201",
            "POST /v1/secrets/api/keys 201",
            "POST /v1/users 201",
            "POST /v1/users 201",
          ],
        );
        await example.assertSettled();
      });

      await step("a key can send events", async () => {
        await example.follow("Use a key");
      });

      await step("the program that sends events accepts a base URL without /v1", async () => {
        const { fixture, folder } = example;
        const [send = ""] = example.commands("Use a key");
        const server = fixture.emulator.url.replace(/\/v1$/, "");
        const { exitCode, output } = await fixture.shell(
          `FLEXPRICE_BASE_URL=${server}/ ${send}`,
          folder,
        );
        assert.equal(exitCode, 0, output);
      });

      await step("destroy leaves nothing behind", async () => {
        await example.cleanUp();
        assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
      });
    });
  });
});
