import assert from "node:assert/strict";
import ms from "ms";
import { nightlyStep, step } from "../support/scenario";
import { KEY_REPLACED, keyState, use, withConsumer } from "./consumer";
import { changes, failed, messages, succeeded, withStack } from "./fixture";

describe("a key with a fixed expiresAt", () => {
  it("rotates only if its expiresAt moves to a later instant", async () => {
    await withStack("", {}, async (fixture) => {
      const inDays = (days: number) =>
        new Date(fixture.clock.now().getTime() + days * ms("1d")).toISOString();
      const until = (expiresAt: string) =>
        withConsumer(`expiresAt: "${expiresAt}", rotateBefore: "14d"`);
      /** A new instant with each run, as a program computes it that asks to ignore changes of it. */
      const compute = () =>
        fixture.setSource(
          withConsumer(
            `expiresAt: "${inDays(30)}", rotateBefore: "14d" }, { ignoreChanges: ["expiresAt"]`,
          ),
        );

      await step("warns once rotateBefore is reached, and stays unchanged", async () => {
        fixture.setSource(until(inDays(30)));
        succeeded(await fixture.up());
        fixture.clock.advance("20d");
        const { keyId } = await fixture.outputs();
        const { name, expiresAt } = await keyState(fixture);
        for (const run of [await fixture.up(), await fixture.preview("--expect-no-changes")]) {
          assert.deepEqual(changes(succeeded(run)), []);
          const [warning = "", ...others] = messages(run, "warning");
          assert.deepEqual(others, []);
          assert.ok(
            warning.startsWith(`API key "${name}" (${keyId}) expires at ${expiresAt}; `),
            warning,
          );
          assert.match(
            warning,
            /Its successor would expire at the same time: set expiresAt to a later instant, or use expiresIn, to replace this key\.\n$/,
          );
        }
      });

      await step("is replaced if expiresAt is later, new before old", async () => {
        const { apiKey } = await fixture.outputs();
        fixture.setSource(until(inDays(40)));
        const up = succeeded(await fixture.up());
        assert.deepEqual([changes(up), messages(up, "warning")], [KEY_REPLACED, []]);
        assert.equal((await fixture.outputs())["sees"], "old 200, new 200");
        assert.equal(await use(fixture, apiKey), 401);
      });

      await step("preview rejects an expiresAt closer than rotateBefore", async () => {
        fixture.setSource(until(inDays(13)));
        assert.match(
          failed(await fixture.preview()).output,
          /expiresAt: is closer than rotateBefore/,
        );
      });

      await nightlyStep("with ignoreChanges, is replaced only once it has expired", async () => {
        const { keyId } = await fixture.outputs();
        compute();
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        fixture.clock.advance("41d");
        compute();
        assert.deepEqual(changes(succeeded(await fixture.up())), KEY_REPLACED);
        const now = await fixture.outputs();
        assert.notEqual(now["keyId"], keyId);
        assert.equal(await use(fixture, now["apiKey"]), 200);
        compute();
        const again = succeeded(await fixture.preview("--expect-no-changes"));
        assert.deepEqual(messages(again, "warning"), []);
      });
    });
  });
});
