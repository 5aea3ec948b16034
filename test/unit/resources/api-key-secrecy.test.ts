import assert from "node:assert/strict";
import { redact } from "../../../provider/redaction";
import { createKey, failureOf, type KeyInputs, type KeyState, Stage } from "../harness";

/** Values without the shape of a key: whoever meets one first has to make it known. */
describe("resources/api-key: keys are known as secrets", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  const adopting = (apiKey: string): KeyInputs => ({
    name: "k",
    type: "private_key",
    adopt: { id: "secret_1", apiKey },
  });

  it("from the check of an adoption on", async () => {
    await stage.process({ preflight: false }).keys.check({}, adopting("odd-one"));
    assert.equal(redact("an odd-one"), "an [redacted]");
  });

  it("from an adoption on, also one that is refused before the key is used", async () => {
    const process = stage.process();
    process.managed.add("secret_1");
    await failureOf(process.keys.create(adopting("odd-two")), "refused");
    assert.equal(redact("an odd-two"), "an [redacted]");
  });

  it("from a read on, also one that asks nothing about the key", async () => {
    const process = stage.process();
    const { id, state } = await createKey(process, { name: "k", type: "publishable_key" });
    await process.keys.read(id, { ...state, apiKey: "odd-three" });
    assert.equal(redact("an odd-three"), "an [redacted]");
  });

  it("from a deletion on, also one that asks nothing at all", async () => {
    const process = stage.process();
    const ending = { onDelete: "expire", expiresAt: "2030-06-01T12:00:00Z", apiKey: "odd-four" };
    await process.keys.delete("secret_1", ending as KeyState);
    assert.equal(redact("an odd-four"), "an [redacted]");
    assert.deepEqual(stage.log, []);
  });
});
