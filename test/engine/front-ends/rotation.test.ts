import assert from "node:assert/strict";
import { step, withFixture } from "../../support/scenario";
import { use } from "../consumer";
import { CHANGES_SEEN, changes, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

const ROTATED = ["create-replacement", "replace", "delete-replaced"];

/** Two keys: a rotation revokes one, and lets the other expire. */
const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
const inputs = { serviceAccountId: account.id, expiresIn: "30d", rotateBefore: "5d" };
const revoked = new flexprice.ApiKey("revoked", inputs);
const expiring = new flexprice.ApiKey("expiring", { ...inputs, onDelete: "expire" });
export const [revokedKey, expiringKey] = [revoked.apiKey, expiring.apiKey];
export const [revokedId, expiringId] = [revoked.id, expiring.id];
`;

describeBoth("the rotation of keys", (frontEnd) => {
  it("creates successors, and revokes the old keys or lets them expire", async () => {
    await withFixture(open(frontEnd, PROGRAM), async (fixture) => {
      succeeded(await fixture.up());
      const old = await fixture.outputs();
      fixture.takeWrites();

      await step("preview announces it, and says why", async () => {
        fixture.clock.advance("26d");
        const preview = failed(await fixture.drift());
        assert.equal(preview.exitCode, CHANGES_SEEN);
        const expected = ROTATED.flatMap((op) => [`${op} ApiKey expiring`, `${op} ApiKey revoked`]);
        assert.deepEqual(changes(preview).sort(), expected.sort());
        const warnings = messages(preview, "warning");
        assert.equal(warnings.length, 2);
        for (const warning of warnings) {
          assert.match(
            warning,
            /with rotateBefore 5d, rotation has been due since .* will be replaced/,
          );
        }
        for (const { replaceKeys } of preview.steps.filter(({ op }) => op === "replace")) {
          assert.deepEqual(replaceKeys, ["expiresAt"]);
        }
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up creates both successors, then revokes one of the old keys", async () => {
        const up = succeeded(await fixture.up());
        const writes = fixture.takeWrites().map(({ request }) => request);
        assert.deepEqual(writes, [
          "POST /v1/secrets/api/keys",
          "POST /v1/secrets/api/keys",
          `DELETE /v1/secrets/api/keys/${old["revokedId"]}`,
        ]);
        assert.match(messages(up, "warning").join(), /is not revoked, but left to expire at/);
        const now = await fixture.outputs();
        const statuses = [old, now].map(({ revokedKey, expiringKey }) =>
          Promise.all([use(fixture, revokedKey), use(fixture, expiringKey)]),
        );
        assert.deepEqual(await Promise.all(statuses), [
          [401, 200],
          [200, 200],
        ]);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("destroy leaves nothing that works", async () => {
        const destroy = succeeded(await fixture.destroy());
        assert.match(
          messages(destroy, "warning").join(),
          new RegExp(
            `API key ${old["expiringId"]}, .*has been revoked together with its successor`,
          ),
        );
        assert.deepEqual([fixture.keys(), fixture.accounts()], [[], []]);
      });
    });
  });
});
