import assert from "node:assert/strict";
import { ensureLanguage, type Language } from "../../scripts/pulumi-cli/languages";
import { atNight } from "../support/sample";
import { step, withFixture } from "../support/scenario";
import { Example } from "./example";

/** The first time, a machine without a genuine CLI builds what runs programs in this language, and packages are fetched. */
const FIRST_TIME_MS = 30 * 60_000;

followExample("yaml", () => Example.open("yaml"));

atNight(() => {
  followExample("python", () => Example.open("python"));
  followExample("go", () => Example.open("go"));
});

function followExample(language: Language, open: () => Promise<Example>): void {
  describe(`the example ${language}`, function () {
    this.timeout(FIRST_TIME_MS);
    it("works as its README shows", async () => {
      await ensureLanguage(language);
      await withFixture(open(), async (example) => {
        if (language !== "yaml") {
          await step("its classes are generated from the plugin", async () => {
            await example.follow("Prepare");
          });
        }

        await step("preview rejects an invalid role, up creates an account", async () => {
          await example.follow("Run it");
          assert.deepEqual(requests(example), ["POST /v1/users", "POST /v1/secrets/api/keys"]);
        });

        await step("preview shows no drift", async () => {
          await example.follow("Detect drift");
          assert.deepEqual(requests(example), []);
        });

        await step("up rotates the key, new before old", async () => {
          const [old] = example.fixture.keys();
          await example.follow("Rotate the key");
          assert.deepEqual(requests(example), [
            "POST /v1/secrets/api/keys",
            `DELETE /v1/secrets/api/keys/${old?.id}`,
          ]);
        });

        await step("destroy leaves nothing behind", async () => {
          await example.cleanUp();
          assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
        });
      });
    });
  });
}

function requests({ fixture }: Example): string[] {
  return fixture.takeWrites().map(({ request }) => request);
}
