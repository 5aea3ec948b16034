import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import { accountWithKey, CHANGES_SEEN, changes, failed, succeeded, withStack } from "./fixture";
import { importReleasedState, RELEASED_STATE } from "./released-state";

function program(name?: string): string {
  const key = 'expiresAt: "2099-06-01T12:00:00Z"';
  return accountWithKey({ key, ...(name === undefined ? {} : { name }) });
}

describe("a state written by release 0.1.0", () => {
  it("works with this release", async () => {
    await withStack(program(), {}, async (fixture) => {
      const { accountId, keyId } = await importReleasedState(fixture);

      /** The ids and outputs of the two resources in the state. */
      async function outputs() {
        return Object.values(await fixture.held()).map(({ id, outputs }) => ({ id, outputs }));
      }

      await step("names exports of the runtime that still exist", () => {
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
        ["a program with the same name", "ci"],
      ] as const)) {
        await step(`has no drift and needs no change with ${what}`, async () => {
          fixture.setSource(program(name));
          const before = await outputs();
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
          assert.deepEqual(changes(succeeded(await fixture.up())), []);
          assert.deepEqual(await outputs(), before);
          assert.deepEqual(fixture.takeWrites(), []);
        });
      }

      await nightlyStep("up gives an account its name back after a rename", async () => {
        fixture.setSource(program());
        assert.deepEqual(changes(succeeded(await fixture.up("--refresh"))), []);
        assert.deepEqual(fixture.takeWrites(), []);
        fixture.emulator.renameAccount(accountId, "in the dashboard");
        const preview = failed(await fixture.drift());
        assert.equal(preview.exitCode, CHANGES_SEEN);
        assert.deepEqual(changes(preview), ["update ServiceAccount ci"]);
        assert.match(preview.output, /name *: "ci" => "in the dashboard"/);
        succeeded(await fixture.up("--refresh"));
        assert.deepEqual(
          [...fixture.accounts(), ...fixture.keys()].map(({ name }) => name),
          ["ci", "ci"],
        );
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
        fixture.takeWrites();
      });

      await step("destroy deletes everything, without running the program", async () => {
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
  });
});
