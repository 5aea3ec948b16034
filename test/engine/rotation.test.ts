import assert from "node:assert/strict";
import { nightlyStep, step } from "../support/scenario";
import { KEY_REPLACED, keyState, takeTraffic, use, withConsumer } from "./consumer";
import { CHANGES_SEEN, changes, failed, messages, succeeded, withStack } from "./fixture";

describe("rotation without an overlap", () => {
  it("replaces a key, new before old", async () => {
    await withStack(withConsumer('expiresIn: "30d"'), {}, async (fixture) => {
      succeeded(await fixture.up());

      /** Runs an `up` that rotates. `oldAnswers` is the status that a consumer with the old key gets during it. */
      async function rotate(oldAnswers = 200): Promise<void> {
        const old = await fixture.outputs();
        takeTraffic(fixture);
        assert.deepEqual(changes(succeeded(await fixture.up())), KEY_REPLACED);
        const now = await fixture.outputs();
        const callers = { old: old["apiKey"], new: now["apiKey"] };
        const inOrder = takeTraffic(fixture, callers).filter(
          (line) => !line.startsWith("operator: GET") && !line.includes("/search"),
        );
        assert.deepEqual(inOrder, [
          "operator: POST /v1/secrets/api/keys 201",
          `old: GET /v1/users/me ${oldAnswers}`,
          "new: GET /v1/users/me 200",
          `operator: DELETE /v1/secrets/api/keys/${old["keyId"]} 204`,
        ]);
        assert.equal(await use(fixture, old["apiKey"]), 401);
        assert.equal(await use(fixture, now["apiKey"]), 200);
      }

      await step("preview warns that the key has expired", async () => {
        fixture.clock.advance("31d");
        const { keyId, apiKey } = await fixture.outputs();
        assert.equal(await use(fixture, apiKey), 401);
        const preview = await fixture.preview();
        assert.deepEqual(changes(succeeded(preview)), KEY_REPLACED);
        const { name, expiresAt } = await keyState(fixture);
        assert.deepEqual(messages(preview, "warning"), [
          `API key "${name}" (${keyId}) expired at ${expiresAt}: this key will be replaced.\n`,
        ]);
        const drift = await fixture.drift();
        assert.equal(drift.exitCode, CHANGES_SEEN);
      });

      await step("up replaces the expired key, and revokes it", async () => {
        await rotate(401);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("adding triggers is an update, changing one rotates", async () => {
        fixture.setSource(withConsumer('expiresIn: "30d", rotationTriggers: { release: "1" }'));
        fixture.takeWrites();
        assert.deepEqual(changes(succeeded(await fixture.up())), ["update ApiKey ci"]);
        assert.deepEqual(fixture.takeWrites(), []);

        fixture.setSource(withConsumer('expiresIn: "30d", rotationTriggers: { release: "2" }'));
        const preview = succeeded(await fixture.preview("--diff"));
        assert.deepEqual(changes(preview), KEY_REPLACED);
        assert.match(preview.output, /~ rotationTriggers: \{\n +~ release: "1" => "2"/);
        await rotate();
        assert.deepEqual((await keyState(fixture))["rotationTriggers"], { release: "2" });
      });

      await step("--replace rotates, and updates what depends on the key", async () => {
        const old = await fixture.outputs();
        takeTraffic(fixture);
        const replaced = await fixture.up("--replace", "**ApiKey::ci");
        assert.deepEqual(changes(succeeded(replaced)), KEY_REPLACED);
        const now = await fixture.outputs();
        assert.equal(now["sees"], "old 200, new 200");
        assert.equal(await use(fixture, old["apiKey"]), 401);
        assert.equal(await use(fixture, now["apiKey"]), 200);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await nightlyStep("--target-replace does not update what depends on the key", async () => {
        const old = await fixture.outputs();
        const replaced = succeeded(await fixture.up("--target-replace", "**ApiKey::ci"));
        assert.deepEqual(changes(replaced), KEY_REPLACED);
        const now = await fixture.outputs();
        assert.equal(now["sees"], old["sees"]);
        assert.equal(await use(fixture, old["apiKey"]), 401);
        succeeded(await fixture.up());
        assert.equal((await fixture.outputs())["sees"], "old 401, new 200");
      });

      await nightlyStep("a longer rotateBefore rotates earlier", async () => {
        const triggers = 'rotationTriggers: { release: "2" }';
        fixture.clock.advance("20d");
        fixture.setSource(withConsumer(`expiresIn: "30d", rotateBefore: "5d", ${triggers}`));
        assert.deepEqual(changes(succeeded(await fixture.up())), ["update ApiKey ci"]);
        fixture.setSource(withConsumer(`expiresIn: "30d", rotateBefore: "11d", ${triggers}`));
        const preview = succeeded(await fixture.preview());
        assert.match(
          messages(preview, "warning").join(),
          /with rotateBefore 11d, rotation has been due since/,
        );
        await rotate();
        fixture.setSource(withConsumer(`expiresIn: "60d", rotateBefore: "11d", ${triggers}`));
        const longer = succeeded(await fixture.preview());
        assert.deepEqual(longer.steps.find(({ op }) => op === "replace")?.replaceKeys, [
          "expiresIn",
        ]);
        await rotate();
      });

      await nightlyStep("preview rejects settings that never rotate, or on every up", async () => {
        fixture.takeWrites();
        const rejected: [key: string, reason: string][] = [
          [
            'expiresIn: "14d", rotateBefore: "2w"',
            "rotateBefore: must be shorter than the key's lifetime, or every up would rotate it",
          ],
          [
            'rotateBefore: "14d"',
            "rotateBefore: needs an expiry to count back from: set expiresIn or expiresAt",
          ],
          [
            'onDelete: "expire"',
            'onDelete: "expire" needs an expiry, or the key would never expire: set expiresIn or expiresAt',
          ],
          [
            'expiresIn: "soon"',
            'expiresIn: must be a number and a unit, e.g. "90d", "12h" or "30m"',
          ],
          [
            'expiresIn: "9d", expiresAt: "2099-01-01T00:00:00Z"',
            "expiresIn: cannot be combined with expiresAt: set one of them",
          ],
        ];
        for (const [key, reason] of rejected) {
          fixture.setSource(withConsumer(key));
          assert.ok(
            failed(await fixture.preview()).output.includes(`has a problem: ${reason}`),
            reason,
          );
        }
        assert.deepEqual(fixture.takeWrites(), []);
      });
    });
  });
});
