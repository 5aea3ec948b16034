import assert from "node:assert/strict";
import { use } from "../consumer";
import { CHANGES_SEEN, changes, type EngineFixture, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

const ROTATED = ["create-replacement", "replace", "delete-replaced"];

describeBoth("the rotation of keys", (frontEnd) => {
  let fixture: EngineFixture;
  let old: Record<string, string>;
  before(async () => {
    fixture = await open(
      frontEnd,
      `
import * as flexprice from "pulumi-flexprice";
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
const inputs = { serviceAccountId: account.id, expiresIn: "30d", rotateBefore: "5d" };
const revoked = new flexprice.ApiKey("revoked", inputs);
const kept = new flexprice.ApiKey("kept", { ...inputs, onDelete: "expire" });
export const [revokedKey, keptKey] = [revoked.apiKey, kept.apiKey];
export const [revokedId, keptId] = [revoked.id, kept.id];
`,
    );
    succeeded(await fixture.up());
    old = await fixture.outputs();
    fixture.takeWrites();
  });
  after(() => fixture.close());

  it("is announced by a preview, which says why", async () => {
    fixture.clock.advance("26d");
    const preview = failed(await fixture.drift());
    assert.equal(preview.exitCode, CHANGES_SEEN);
    const expected = ROTATED.flatMap((op) => [`${op} ApiKey kept`, `${op} ApiKey revoked`]);
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

  it("creates both successors first, and then revokes one key and leaves the other", async () => {
    const up = succeeded(await fixture.up());
    const writes = fixture.takeWrites().map(({ request }) => request);
    assert.deepEqual(writes, [
      "POST /v1/secrets/api/keys",
      "POST /v1/secrets/api/keys",
      `DELETE /v1/secrets/api/keys/${old["revokedId"]}`,
    ]);
    assert.match(messages(up, "warning").join(), /is not revoked, but left to expire at/);
    const now = await fixture.outputs();
    const statuses = [old, now].map(({ revokedKey, keptKey }) =>
      Promise.all([use(fixture, revokedKey), use(fixture, keptKey)]),
    );
    assert.deepEqual(await Promise.all(statuses), [
      [401, 200],
      [200, 200],
    ]);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
  });

  it("leaves nothing that works when the resources are deleted", async () => {
    const destroy = succeeded(await fixture.destroy());
    assert.match(
      messages(destroy, "warning").join(),
      new RegExp(`API key ${old["keptId"]}, .*has been revoked together with its successor`),
    );
    assert.deepEqual([fixture.keys(), fixture.accounts()], [[], []]);
  });
});
