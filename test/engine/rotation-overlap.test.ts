import assert from "node:assert/strict";
import { KEY_REPLACED, keyState, takeTraffic, use, withConsumer } from "./consumer";
import { Bench, CHANGES_SEEN, changes, failed, messages, succeeded } from "./harness";

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

  it("leaves both keys working, and no trace of the old one in the state", async () => {
    assert.equal(await use(bench, first["apiKey"]), 200);
    assert.equal(await use(bench, second["apiKey"]), 200);
    assert.deepEqual((await bench.resources()).length, 2);
    assert.ok(!JSON.stringify(await bench.held()).includes(String(first["keyId"])));
    const again = succeeded(await bench.drift());
    assert.deepEqual([changes(again), messages(again, "warning")], [[], []]);
  });

  it("keeps the account from being archived while the old key lives, and says until when", async () => {
    const destroy = failed(await bench.destroy());
    const [error = ""] = messages(destroy, "error");
    const left = bench.keys().find(({ id }) => id === first["keyId"]);
    assert.ok(error.includes(`"${left?.name}" (${left?.id}, `), error);
    assert.ok(error.includes(", until 20"), error);
    assert.match(error, /What to do: revoke them, wait for their expiry, or set forceDestroy/);
    succeeded(await bench.up());
    second = await bench.outputs();
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
      [`DELETE /v1/secrets/api/keys/${keyId} 204`, `DELETE /v1/users/${accountId} 204`],
    );
  });
});

describe("a role change of an account whose key is left to its expiry", () => {
  const key = 'expiresIn: "30d", onDelete: "expire"';
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(withConsumer(key));
    succeeded(await bench.up());
  });
  after(() => bench.close());

  const reader = (account?: string) =>
    withConsumer(key, account).replace('["event_ingestor"]', '["event_reader"]');

  it("is announced as one that cannot be finished yet, and goes as far as it can", async () => {
    const old = await bench.outputs();
    bench.setSource(reader());
    const preview = succeeded(await bench.preview());
    const { name, expiresAt } = await keyState(bench);
    assert.deepEqual(messages(preview, "warning"), [
      `API key "${name}" (${old["keyId"]}) goes on working until ${expiresAt} (onDelete: "expire"): service account ${old["accountId"]} cannot be archived before then, unless it has forceDestroy, which revokes the key.\n`,
    ]);
    const up = failed(await bench.up());
    assert.match(
      messages(up, "error").join(),
      new RegExp(`Could not archive service account "ci-\\w{10}" \\(${old["accountId"]}\\)`),
    );
    const now = await bench.outputs();
    assert.equal(now["sees"], "old 200, new 200");
    assert.equal(await use(bench, old["apiKey"]), 200);
    // The engine keeps the old account as one that is still to be deleted.
    assert.deepEqual(
      (await bench.resources()).filter((resource) => resource.delete).map(({ id }) => id),
      [old["accountId"]],
    );
  });

  it("is finished by the first up after the expiry", async () => {
    bench.clock.advance("29d");
    failed(await bench.up());
    bench.clock.advance("2d");
    succeeded(await bench.up());
    const { accountId } = await bench.outputs();
    assert.deepEqual(
      bench.accounts().map(({ id }) => id),
      [accountId],
    );
    assert.deepEqual((await bench.resources()).length, 2);
  });

  it("is finished at once with forceDestroy, which revokes the key that was left", async () => {
    bench.setSource(reader("forceDestroy: true"));
    succeeded(await bench.up());
    const old = await bench.outputs();
    bench.setSource(withConsumer(key, "forceDestroy: true"));
    succeeded(await bench.up());
    const now = await bench.outputs();
    assert.equal(now["sees"], "old 200, new 200");
    assert.equal(await use(bench, old["apiKey"]), 401);
    assert.deepEqual(
      bench.accounts().map(({ id }) => id),
      [now["accountId"]],
    );
  });
});
