import assert from "node:assert/strict";
import { step, withFixture } from "../support/scenario";
import { takeTraffic } from "./consumer";
import { Example } from "./example";
import { prefixOf } from "./fixture";

describe("the example multi-environment", () => {
  it("works as its README shows", async () => {
    await withFixture(Example.open("multi-environment"), async (example) => {
      const { emulator, operator, workspace } = example.fixture;
      const production = emulator.createEnvironment(operator.tenantId, "Production");
      const productionKey = emulator.createKey(operator.userId, production, {
        name: "operator",
      }).value;
      workspace.env["SANDBOX_API_KEY"] = operator.apiKey;
      workspace.env["PRODUCTION_API_KEY"] = productionKey;
      // Only connections may be used.
      delete workspace.env["FLEXPRICE_API_KEY"];

      const keysBy = (environmentId: string) =>
        example.fixture
          .keys()
          .filter((key) => key.environmentId === environmentId)
          .map(({ name }) => prefixOf(name));

      await step("up creates account and key through each connection", async () => {
        await example.follow("Configure");
        await example.follow("Run it");
        const writes = takeTraffic(example.fixture, { production: productionKey }).filter((line) =>
          / POST \/v1\/(users|secrets\/api\/keys) /.test(line),
        );
        assert.deepEqual(writes.sort(), [
          "operator: POST /v1/secrets/api/keys 201",
          "operator: POST /v1/users 201",
          "production: POST /v1/secrets/api/keys 201",
          "production: POST /v1/users 201",
        ]);
        assert.deepEqual(keysBy(example.fixture.operator.environmentId), [
          "usage-ingestor-sandbox",
        ]);
        assert.deepEqual(keysBy(production), ["usage-ingestor-production"]);
      });

      await step("destroy leaves nothing behind in either environment", async () => {
        await example.cleanUp();
        assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
      });
    });
  });
});
