import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { accountWithKey, changes, EngineFixture, succeeded } from "./fixture";
import { importReleasedState, RELEASED_STATE } from "./released-state";

function program(name?: string): string {
  const key = 'expiresAt: "2099-06-01T12:00:00Z"';
  return accountWithKey({ key, ...(name === undefined ? {} : { name }) });
}

describe("a state written by release 0.1.0", () => {
  let fixture: EngineFixture;
  let accountId: string;
  let keyId: string;

  before(async () => {
    fixture = await EngineFixture.open(program());
    ({ accountId, keyId } = await importReleasedState(fixture));
  });
  after(() => fixture.close());

  /** The ids and outputs of the two resources in the state. */
  async function outputs() {
    return Object.values(await fixture.held()).map(({ id, outputs }) => ({ id, outputs }));
  }

  it("names code that this release still has", () => {
    for (const text of ["serviceAccount", "apiKey"]) {
      assert.ok(
        RELEASED_STATE.includes(
          `"__provider": "exports.handler = () => require(\\"pulumi-flexprice/runtime\\").${text}"`,
        ),
      );
    }
  });

  for (const [what, name] of sample([
    ["a program without names", undefined],
    ["a program that says the name", "ci"],
  ] as const)) {
    it(`has no drift and needs no change by ${what}`, async () => {
      fixture.setSource(program(name));
      const before = await outputs();
      assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      assert.deepEqual(changes(succeeded(await fixture.up())), []);
      assert.deepEqual(await outputs(), before);
      assert.deepEqual(fixture.takeWrites(), []);
    });
  }

  it("is taken to its end, without the program", async () => {
    fixture.setSource("throw new Error('destroy runs no program')");
    assert.deepEqual(changes(succeeded(await fixture.destroy())), [
      "delete ApiKey ci",
      "delete ServiceAccount ci",
    ]);
    assert.deepEqual(
      fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
      [`DELETE /v1/secrets/api/keys/${keyId} 204`, `DELETE /v1/users/${accountId} 204`],
    );
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  });
});
