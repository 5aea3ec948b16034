import assert from "node:assert/strict";
import { atNight } from "../support/sample";
import { step } from "../support/scenario";
import { KEY_REPLACED, keyState, takeTraffic, use, withConsumer } from "./consumer";
import { CHANGES_SEEN, changes, messages, succeeded, withStack } from "./fixture";

describe("rotation with an overlap", () => {
  it("replaces a key before its expiry, and lets the old one expire", async () => {
    let first: Record<string, string>;
    let second: Record<string, string>;
    let firstExpiry: number;
    const overlapping = 'expiresIn: "90d", rotateBefore: "14d", onDelete: "expire"';
    await withStack(withConsumer(overlapping), {}, async (fixture) => {
      await step("up creates a key whose expiry is fixed", async () => {
        const createdAt = fixture.clock.now().getTime();
        succeeded(await fixture.up());
        first = await fixture.outputs();
        const { expiresAt, expiresIn, rotateBefore, onDelete } = await keyState(fixture);
        firstExpiry = Date.parse(String(expiresAt));
        const lifetime = firstExpiry - createdAt;
        // The server's clock shows whole seconds.
        assert.ok(lifetime > 90 * 86_400_000 - 2_000 && lifetime < 90 * 86_400_000 + 60_000);
        assert.deepEqual([expiresIn, rotateBefore, onDelete], ["90d", "14d", "expire"]);
        assert.equal(first["sees"], "new 200");
        assert.equal(await use(fixture, first["apiKey"]), 200);
      });

      await step("preview shows no change before rotation is due", async () => {
        fixture.clock.advance("75d");
        const same = 'expiresIn: "2160h", rotateBefore: "2w", onDelete: "expire"';
        fixture.setSource(withConsumer(same));
        const preview = succeeded(await fixture.drift());
        assert.deepEqual([changes(preview), messages(preview, "warning")], [[], []]);
        fixture.setSource(withConsumer(overlapping));
      });

      await step("preview warns 14 days before the expiry", async () => {
        fixture.clock.advance("25h");
        fixture.takeWrites();
        const preview = await fixture.preview("--diff");
        const due = new Date(firstExpiry - 14 * 86_400_000).toISOString();
        const { keyId } = first;
        assert.deepEqual(changes(succeeded(preview)), KEY_REPLACED);
        const { name, expiresAt } = await keyState(fixture);
        assert.deepEqual(messages(preview, "warning"), [
          `API key "${name}" (${keyId}) expires at ${expiresAt}; with rotateBefore 14d, rotation has been due since ${due}: this key will be replaced.\n`,
        ]);
        assert.equal((await fixture.drift()).exitCode, CHANGES_SEEN);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up creates a key, updates dependents, and keeps the old key", async () => {
        takeTraffic(fixture);
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), KEY_REPLACED);
        second = await fixture.outputs();
        const callers = { old: first["apiKey"], new: second["apiKey"] };
        const traffic = takeTraffic(fixture, callers).filter((line) => !line.includes("/roles"));
        assert.deepEqual(
          traffic.filter(
            (line) => line.includes("POST /v1/secrets") || !line.startsWith("operator"),
          ),
          [
            "operator: POST /v1/secrets/api/keys 201",
            "old: GET /v1/users/me 200",
            "new: GET /v1/users/me 200",
          ],
        );
        assert.ok(!traffic.some((line) => line.includes("DELETE")), String(traffic));
        assert.equal(second["sees"], "old 200, new 200");
        assert.notEqual(second["keyId"], first["keyId"]);
        const { expiresAt } = await keyState(fixture);
        assert.ok(Date.parse(String(expiresAt)) > firstExpiry + 75 * 86_400_000);
      });

      await step("both keys work, and the state has no value of the old one", async () => {
        assert.equal(await use(fixture, first["apiKey"]), 200);
        assert.equal(await use(fixture, second["apiKey"]), 200);
        assert.deepEqual((await fixture.resources()).length, 2);
        const { predecessors } = await keyState(fixture);
        assert.deepEqual(predecessors, [
          {
            id: first["keyId"],
            expiresAt: fixture.keys().find(({ id }) => id === first["keyId"])?.expiresAt,
          },
        ]);
        const again = succeeded(await fixture.drift());
        assert.deepEqual([changes(again), messages(again, "warning")], [[], []]);
      });

      await step("the old key stops working at its own expiry", async () => {
        fixture.clock.advance("14d");
        assert.equal(await use(fixture, first["apiKey"]), 401);
        assert.equal(await use(fixture, second["apiKey"]), 200);
      });

      await step("destroy leaves no working key", async () => {
        fixture.clock.advance("90d");
        fixture.takeWrites();
        succeeded(await fixture.destroy());
        assert.deepEqual(await fixture.resources(), []);
        assert.deepEqual(fixture.accounts(), []);
        for (const { value } of fixture.keys()) assert.equal(await use(fixture, value), 401);
        const { keyId, accountId } = second;
        assert.deepEqual(
          fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
          [
            ...[keyId, first["keyId"]].map((id) => `DELETE /v1/secrets/api/keys/${id} 204`),
            `DELETE /v1/users/${accountId} 204`,
          ],
        );
      });
    });
  });
});

atNight(() =>
  describe("a role change after a rotation with an overlap", () => {
    it("revokes both keys with the account, as its preview warns", async () => {
      const key = 'expiresIn: "30d", rotateBefore: "10d", onDelete: "expire"';
      await withStack(withConsumer(key), {}, async (fixture) => {
        succeeded(await fixture.up());

        const first = await fixture.outputs();
        fixture.clock.advance("21d");
        succeeded(await fixture.up());
        const second = await fixture.outputs();
        assert.equal(await use(fixture, first["apiKey"]), 200);

        fixture.setSource(withConsumer(key).replace('["event_ingestor"]', '["event_reader"]'));
        const preview = succeeded(await fixture.preview());
        const { name } = await keyState(fixture);
        assert.deepEqual(messages(preview, "warning"), [
          `API key "${name}" (${second["keyId"]}) is revoked once its successor is created, although its onDelete is "expire": its service account ${second["accountId"]} is replaced, and its keys are revoked with it; so are the keys that rotations left to expire: ${first["keyId"]}.\n`,
        ]);
        assert.equal(await use(fixture, first["apiKey"]), 200);

        const up = succeeded(await fixture.up());
        assert.match(
          messages(up, "warning").join(),
          new RegExp(`API key ${first["keyId"]}, which a rotation had left .*has been revoked`),
        );
        const now = await fixture.outputs();
        assert.equal(now["sees"], "old 200, new 200");
        for (const { apiKey } of [first, second]) assert.equal(await use(fixture, apiKey), 401);
        assert.deepEqual(
          fixture.accounts().map(({ id }) => id),
          [now["accountId"]],
        );
        const again = succeeded(await fixture.drift());
        assert.deepEqual([changes(again), messages(again, "warning")], [[], []]);
      });
    });
  }),
);
