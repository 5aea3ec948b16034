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
      example.bench
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

  it("leaves nothing behind", async () => {
    await example.cleanUp();
    assert.deepEqual([example.bench.keys(), example.bench.accounts()], [[], []]);
  });
});
