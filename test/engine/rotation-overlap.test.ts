import assert from "node:assert/strict";
import { KEY_REPLACED, keyState, takeTraffic, use, withConsumer } from "./consumer";
import { Bench, CHANGES_SEEN, changes, messages, succeeded } from "./fixture";

describe("rotation before the expiry, with an overlap", () => {
  const overlapping = 'expiresIn: "90d", rotateBefore: "14d", onDelete: "expire"';
  let bench: Bench;
  let first: Record<string, string>;
  let second: Record<string, string>;
  let firstExpiry: number;
  before(async () => {
    bench = await Bench.open(withConsumer(overlapping));
  });
  after(() => bench.close());

  it("begins with a key whose end is fixed when it is made", async () => {
    const made = bench.clock.now().getTime();
    succeeded(await bench.up());
    first = await bench.outputs();
    const { expiresAt, expiresIn, rotateBefore, onDelete } = await keyState(bench);
    firstExpiry = Date.parse(String(expiresAt));
    const lifetime = firstExpiry - made;
    // The server's clock shows whole seconds.
    assert.ok(lifetime > 90 * 86_400_000 - 2_000 && lifetime < 90 * 86_400_000 + 60_000);
    assert.deepEqual([expiresIn, rotateBefore, onDelete], ["90d", "14d", "expire"]);
    assert.equal(first["sees"], "new 200");
    assert.equal(await use(bench, first["apiKey"]), 200);
  });

  it("shows nothing as long as it is not due, in whatever words the lifetime is given", async () => {
    bench.clock.advance("75d");
    const same = 'expiresIn: "2160h", rotateBefore: "2w", onDelete: "expire"';
    bench.setSource(withConsumer(same));
    const preview = succeeded(await bench.drift());
    assert.deepEqual([changes(preview), messages(preview, "warning")], [[], []]);
    bench.setSource(withConsumer(overlapping));
  });

  it("is due from 14 days before its end on: a preview shows it, and says when and why", async () => {
    bench.clock.advance("25h");
    bench.takeWrites();
    const preview = await bench.preview("--diff");
    const due = new Date(firstExpiry - 14 * 86_400_000).toISOString();
    const { keyId } = first;
    assert.deepEqual(changes(succeeded(preview)), KEY_REPLACED);
    const { name, expiresAt } = await keyState(bench);
    assert.deepEqual(messages(preview, "warning"), [
      `API key "${name}" (${keyId}) expires at ${expiresAt}; with rotateBefore 14d it is due for rotation since ${due}: it is to be replaced.\n`,
    ]);
    assert.equal((await bench.drift()).exitCode, CHANGES_SEEN);
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("makes the new key, updates what depends on it, and leaves the old one", async () => {
    takeTraffic(bench);
    const up = succeeded(await bench.up());
    assert.deepEqual(changes(up), KEY_REPLACED);
    second = await bench.outputs();
    const callers = { old: first["apiKey"], new: second["apiKey"] };
    const traffic = takeTraffic(bench, callers).filter((line) => !line.includes("/roles"));
    assert.deepEqual(
      traffic.filter((line) => line.includes("POST /v1/secrets") || !line.startsWith("operator")),
      [
        "operator: POST /v1/secrets/api/keys 201",
        "old: GET /v1/users/me 200",
        "new: GET /v1/users/me 200",
      ],
    );
    assert.ok(!traffic.some((line) => line.includes("DELETE")), String(traffic));
    assert.equal(second["sees"], "old 200, new 200");
    assert.notEqual(second["keyId"], first["keyId"]);
    const { expiresAt } = await keyState(bench);
    assert.ok(Date.parse(String(expiresAt)) > firstExpiry + 75 * 86_400_000);
  });

  it("leaves both keys working, and of the old one nothing but its id and its end in the state", async () => {
    assert.equal(await use(bench, first["apiKey"]), 200);
    assert.equal(await use(bench, second["apiKey"]), 200);
    assert.deepEqual((await bench.resources()).length, 2);
    const { predecessors } = await keyState(bench);
    assert.deepEqual(predecessors, [
      {
        id: first["keyId"],
        expiresAt: bench.keys().find(({ id }) => id === first["keyId"])?.expiresAt,
      },
    ]);
    const again = succeeded(await bench.drift());
    assert.deepEqual([changes(again), messages(again, "warning")], [[], []]);
  });

  it("ends the old key at its own expiry", async () => {
    bench.clock.advance("14d");
    assert.equal(await use(bench, first["apiKey"]), 401);
    assert.equal(await use(bench, second["apiKey"]), 200);
  });

  it("leaves nothing behind that works, once the last key is over too", async () => {
    bench.clock.advance("90d");
    bench.takeWrites();
    succeeded(await bench.destroy());
    assert.deepEqual(await bench.resources(), []);
    assert.deepEqual(bench.accounts(), []);
    for (const { value } of bench.keys()) assert.equal(await use(bench, value), 401);
    const { keyId, accountId } = second;
    assert.deepEqual(
      bench.takeWrites().map(({ request, status }) => `${request} ${status}`),
      [
        ...[keyId, first["keyId"]].map((id) => `DELETE /v1/secrets/api/keys/${id} 204`),
        `DELETE /v1/users/${accountId} 204`,
      ],
    );
  });
});

describe("a role change of an account with a key that a rotation has left to its expiry", () => {
  const key = 'expiresIn: "30d", rotateBefore: "10d", onDelete: "expire"';
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(withConsumer(key));
    succeeded(await bench.up());
  });
  after(() => bench.close());

  it("ends the key and the one that was left, as its preview says, and the account with them", async () => {
    const first = await bench.outputs();
    bench.clock.advance("21d");
    succeeded(await bench.up());
    const second = await bench.outputs();
    assert.equal(await use(bench, first["apiKey"]), 200);

    bench.setSource(withConsumer(key).replace('["event_ingestor"]', '["event_reader"]'));
    const preview = succeeded(await bench.preview());
    const { name } = await keyState(bench);
    assert.deepEqual(messages(preview, "warning"), [
      `API key "${name}" (${second["keyId"]}) is revoked once its successor is made, although its onDelete is "expire": its service account ${second["accountId"]} is replaced, and its keys end with it, and so do the keys that rotations have left: ${first["keyId"]}.\n`,
    ]);
    assert.equal(await use(bench, first["apiKey"]), 200);

    const up = succeeded(await bench.up());
    assert.match(
      messages(up, "warning").join(),
      new RegExp(`API key ${first["keyId"]}, which a rotation had left .*has been revoked`),
    );
    const now = await bench.outputs();
    assert.equal(now["sees"], "old 200, new 200");
    for (const { apiKey } of [first, second]) assert.equal(await use(bench, apiKey), 401);
    assert.deepEqual(
      bench.accounts().map(({ id }) => id),
      [now["accountId"]],
    );
    const again = succeeded(await bench.drift());
    assert.deepEqual([changes(again), messages(again, "warning")], [[], []]);
  });
});
