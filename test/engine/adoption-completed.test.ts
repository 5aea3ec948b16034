import assert from "node:assert/strict";
import ms from "ms";
import { nightlyStep, step } from "../support/scenario";
import { KEY_REPLACED, use } from "./consumer";
import {
  accountWithKey,
  changes,
  failed,
  KEY_TYPE,
  messages,
  succeeded,
  withStack,
} from "./fixture";

const KEY = "**ApiKey::ci";
const URN = `urn:pulumi:test::test::${KEY_TYPE}::ci`;
const ITSELF =
  /it should be replaced, but the program still has "adopt" for it, and adopted it again/;

describe("adopt for a key that rotates", () => {
  it("applies once: later keys are created, and the adopted one is never lost", async () => {
    await withStack("", {}, async (fixture) => {
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "by hand",
        roles: ["event_ingestor"],
      });
      const adopted = fixture.emulator.createKey(account.id, environmentId, {
        name: "by hand",
        expiresAt: new Date(fixture.clock.now().getTime() + ms("30d")),
      });
      await fixture.workspace.setConfig({ adopted: { value: adopted.value, secret: true } });

      function program(isAdopting: boolean): string {
        const adopt = `adopt: { id: "${adopted.id}", apiKey: new pulumi.Config().requireSecret("adopted") }, `;
        const source = accountWithKey({
          account: `adopt: "${adopted.userId}"`,
          key: `${isAdopting ? adopt : ""}expiresIn: "30d", rotateBefore: "10d", onDelete: "expire"`,
        });
        return `import * as pulumi from "@pulumi/pulumi";${source}`;
      }

      /** Asserts that the adopted key is the only one and works, and that the state is right. */
      async function assertAdoptedKeyIsUnchanged(): Promise<void> {
        assert.deepEqual(
          fixture.keys().map(({ id }) => id),
          [adopted.id],
        );
        assert.equal(await use(fixture, adopted.value), 200);
        assert.deepEqual(
          (await fixture.resources()).map(({ id, delete: isPending }) => [id, isPending]),
          [
            [adopted.userId, undefined],
            [adopted.id, undefined],
          ],
        );
      }

      fixture.setSource(program(true));
      succeeded(await fixture.up());
      assert.equal((await fixture.outputs())["keyId"], adopted.id);

      await step("--replace of the adopted key fails, and leaves it unchanged", async () => {
        const replaced = failed(await fixture.up("--replace", KEY));
        assert.match(messages(replaced, "error").join(), ITSELF);
        const again = succeeded(await fixture.up());
        await assertAdoptedKeyIsUnchanged();
        const [warning = "", ...others] = messages(again, "warning");
        assert.match(warning, /^API key "by hand" .* is not deleted: the program still has it\./);
        assert.deepEqual(others, []);
      });

      await nightlyStep("up after a taint fails for the same reason", async () => {
        assert.equal((await fixture.workspace.run(["state", "taint", URN, "--yes"])).exitCode, 0);
        assert.match(messages(failed(await fixture.up()), "error").join(), ITSELF);
        succeeded(await fixture.up());
        await assertAdoptedKeyIsUnchanged();
      });

      await step("a rotation creates another key, and lets the adopted one expire", async () => {
        fixture.clock.advance("21d");
        assert.deepEqual(changes(succeeded(await fixture.up())), KEY_REPLACED);
        const { keyId, apiKey } = await fixture.outputs();
        assert.notEqual(keyId, adopted.id);
        assert.deepEqual(
          [await use(fixture, apiKey), await use(fixture, adopted.value)],
          [200, 200],
        );
        const again = succeeded(await fixture.preview("--expect-no-changes"));
        assert.deepEqual(messages(again, "warning"), []);
      });

      await step("--replace does not bring the adopted key back", async () => {
        const { keyId } = await fixture.outputs();
        const error = messages(failed(await fixture.up("--replace", KEY)), "error").join();
        assert.ok(
          error.includes(`"adopt" for API key ${adopted.id}, which this key had replaced`),
          error,
        );
        assert.match(error, /What to do: remove "adopt" .* "pulumi up --replace"/);
        assert.deepEqual(
          fixture
            .keys()
            .map(({ id }) => id)
            .sort(),
          [adopted.id, keyId].sort(),
        );
      });

      await step("--replace without adopt creates a key, and revokes the adopted one", async () => {
        fixture.setSource(program(false));
        succeeded(await fixture.up("--replace", KEY));
        const { apiKey } = await fixture.outputs();
        assert.deepEqual(
          [await use(fixture, apiKey), await use(fixture, adopted.value)],
          [200, 401],
        );
        assert.equal((await fixture.resources()).length, 2);
      });
    });
  });
});
