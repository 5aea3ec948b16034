import assert from "node:assert/strict";
import { takeTraffic } from "./consumer";
import { Example } from "./example";
import { prefixOf } from "./fixture";

describe("the example multi-environment", () => {
  let example: Example;
  let production: string;
  let productionKey: string;
  before(async () => {
    example = await Example.open("multi-environment");
    const { emulator, operator, workspace } = example.fixture;
    production = emulator.createEnvironment(operator.tenantId, "Production");
    productionKey = emulator.createKey(operator.userId, production, { name: "operator" }).value;
    workspace.env["SANDBOX_API_KEY"] = operator.apiKey;
    workspace.env["PRODUCTION_API_KEY"] = productionKey;
    // Only connections may be used.
    delete workspace.env["FLEXPRICE_API_KEY"];
  });
  after(() => example.close());

  const keysBy = (environmentId: string) =>
    example.fixture
      .keys()
      .filter((key) => key.environmentId === environmentId)
      .map(({ name }) => prefixOf(name));

  it("makes an account and a key through each connection, in its environment", async () => {
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
    assert.deepEqual(keysBy(example.fixture.operator.environmentId), ["usage-ingestor-sandbox"]);
    assert.deepEqual(keysBy(production), ["usage-ingestor-production"]);
  });

  it("leaves nothing behind in either of them", async () => {
    await example.cleanUp();
    assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
  });
});
