import assert from "node:assert/strict";
import { KEY_REPLACED, keyState, takeTraffic, use, withConsumer } from "./consumer";
import { Bench, CHANGES_SEEN, changes, failed, messages, succeeded } from "./fixture";

describe("rotation without an overlap", () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(withConsumer('expiresIn: "30d"'));
    succeeded(await bench.up());
  });
  after(() => bench.close());

  /** Runs an `up` that rotates; `oldAnswers` is what the old key's consumer is answered meanwhile. */
  async function rotate(oldAnswers = 200): Promise<void> {
    const old = await bench.outputs();
    takeTraffic(bench);
    assert.deepEqual(changes(succeeded(await bench.up())), KEY_REPLACED);
    const now = await bench.outputs();
    const callers = { old: old["apiKey"], new: now["apiKey"] };
    const inOrder = takeTraffic(bench, callers).filter(
      (line) => !line.startsWith("operator: GET") && !line.includes("/search"),
    );
    assert.deepEqual(inOrder, [
      "operator: POST /v1/secrets/api/keys 201",
      `old: GET /v1/users/me ${oldAnswers}`,
      "new: GET /v1/users/me 200",
      `operator: DELETE /v1/secrets/api/keys/${old["keyId"]} 204`,
    ]);
    assert.equal(await use(bench, old["apiKey"]), 401);
    assert.equal(await use(bench, now["apiKey"]), 200);
    assert.deepEqual(changes(succeeded(await bench.drift())), []);
  }

  it("is due once the key has expired: a preview says so", async () => {
    bench.clock.advance("31d");
    const { keyId, apiKey } = await bench.outputs();
    assert.equal(await use(bench, apiKey), 401);
    const preview = await bench.preview();
    assert.deepEqual(changes(succeeded(preview)), KEY_REPLACED);
    const { name, expiresAt } = await keyState(bench);
    assert.deepEqual(messages(preview, "warning"), [
      `API key "${name}" (${keyId}) expired at ${expiresAt}: it is to be replaced.\n`,
    ]);
    const drift = await bench.drift();
    assert.equal(drift.exitCode, CHANGES_SEEN);
  });

  it("replaces the expired key, and removes it", async () => {
    await rotate(401);
  });

  it("takes up triggers without a rotation, and rotates when one changes", async () => {
    bench.setSource(withConsumer('expiresIn: "30d", rotationTriggers: { release: "1" }'));
    bench.takeWrites();
    assert.deepEqual(changes(succeeded(await bench.up())), ["update ApiKey ci"]);
    assert.deepEqual(bench.takeWrites(), []);

    bench.setSource(withConsumer('expiresIn: "30d", rotationTriggers: { release: "2" }'));
    const preview = succeeded(await bench.preview("--diff"));
    assert.deepEqual(changes(preview), KEY_REPLACED);
    assert.match(preview.output, /~ rotationTriggers: \{\n +~ release: "1" => "2"/);
    await rotate();
    assert.deepEqual((await keyState(bench))["rotationTriggers"], { release: "2" });
  });

  it("comes by --replace, with what depends on the key", async () => {
    const old = await bench.outputs();
    takeTraffic(bench);
    const replaced = await bench.up("--replace", "**ApiKey::ci");
    assert.deepEqual(changes(succeeded(replaced)), KEY_REPLACED);
    const now = await bench.outputs();
    assert.equal(now["sees"], "old 200, new 200");
    assert.equal(await use(bench, old["apiKey"]), 401);
    assert.equal(await use(bench, now["apiKey"]), 200);
    assert.deepEqual(changes(succeeded(await bench.drift())), []);
  });

  it("leaves what depends on the key behind with --target-replace, until the next up", async () => {
    const old = await bench.outputs();
    const replaced = succeeded(await bench.up("--target-replace", "**ApiKey::ci"));
    assert.deepEqual(changes(replaced), KEY_REPLACED);
    const now = await bench.outputs();
    assert.equal(now["sees"], old["sees"]);
    assert.equal(await use(bench, old["apiKey"]), 401);
    succeeded(await bench.up());
    assert.equal((await bench.outputs())["sees"], "old 401, new 200");
  });

  it("comes earlier when the program asks for it, and not because the lifetime is reckoned anew", async () => {
    const triggers = 'rotationTriggers: { release: "2" }';
    bench.clock.advance("20d");
    bench.setSource(withConsumer(`expiresIn: "30d", rotateBefore: "5d", ${triggers}`));
    assert.deepEqual(changes(succeeded(await bench.up())), ["update ApiKey ci"]);
    bench.setSource(withConsumer(`expiresIn: "30d", rotateBefore: "11d", ${triggers}`));
    const preview = succeeded(await bench.preview());
    assert.match(
      messages(preview, "warning").join(),
      /with rotateBefore 11d it is due for rotation/,
    );
    await rotate();
    bench.setSource(withConsumer(`expiresIn: "60d", rotateBefore: "11d", ${triggers}`));
    const longer = succeeded(await bench.preview());
    assert.deepEqual(longer.steps.find(({ op }) => op === "replace")?.replaceKeys, ["expiresIn"]);
    await rotate();
  });

  it("is refused by a preview when it could never end, or never come", async () => {
    bench.takeWrites();
    const refused: [key: string, reason: string][] = [
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
        'onDelete: "expire" needs an expiry, or the key would live on for ever: set expiresIn or expiresAt',
      ],
      ['expiresIn: "soon"', 'expiresIn: must be a number and a unit, e.g. "90d", "12h" or "30m"'],
      [
        'expiresIn: "9d", expiresAt: "2099-01-01T00:00:00Z"',
        "expiresIn: cannot be combined with expiresAt: give one of them",
      ],
    ];
    for (const [key, reason] of refused) {
      bench.setSource(withConsumer(key));
      assert.ok(failed(await bench.preview()).output.includes(`has a problem: ${reason}`), reason);
    }
    assert.deepEqual(bench.takeWrites(), []);
  });
});
