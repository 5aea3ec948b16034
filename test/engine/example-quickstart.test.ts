import assert from "node:assert/strict";
import { Example } from "./example";

describe("the example quickstart", () => {
  let example: Example;
  before(async () => {
    example = await Example.open("quickstart");
  });
  after(() => example.close());

  it("refuses a bad role before anything is sent that changes something, then makes two accounts and keys", async () => {
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

  it("gives a key that may send events", async () => {
    await example.follow("Use a key");
  });

  it("sends events to an address without /v1 as well, as the provider does", async () => {
    const { fixture, folder } = example;
    const [send = ""] = example.commands("Use a key");
    const server = fixture.emulator.url.replace(/\/v1$/, "");
    const { exitCode, output } = await fixture.shell(
      `FLEXPRICE_BASE_URL=${server}/ ${send}`,
      folder,
    );
    assert.equal(exitCode, 0, output);
  });

  it("leaves nothing behind", async () => {
    await example.cleanUp();
    assert.deepEqual([example.fixture.keys(), example.fixture.accounts()], [[], []]);
  });
});
