import assert from "node:assert/strict";
import { redact } from "../../../../provider/shared/redaction";
import { createKey, failureOf, type KeyInputs, type KeyState, Stage } from "../../fixture";

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
    await process.connection.caller();
    await process.keys.check(adopting("x"), adopting("x"));
    const olds = { tenantId: stage.operator.tenantId, name: "k", type: "private_key" } as KeyState;
    await process.keys.diff("secret_1", olds, { name: "k2", type: "private_key" });
    stage.emulator.clearRequests();
    await failureOf(process.keys.create(adopting("odd-two")), "refused");
    assert.deepEqual(stage.log, []);
    assert.equal(redact("an odd-two"), "an [redacted]");
  });

  it("from a read on, also one that asks nothing about the key", async () => {
    const process = stage.process();
    const { id, state } = await createKey(process, { name: "k", type: "publishable_key" });
    await process.keys.read(id, { ...state, apiKey: "odd-three" });
    assert.equal(redact("an odd-three"), "an [redacted]");
  });

  it("from a deletion on, also one that is refused before anything is asked", async () => {
    const process = stage.process();
    const ending = { tenantId: "tenant_other", apiKey: "odd-four" } as KeyState;
    await failureOf(process.keys.delete("secret_1", ending), "wrong_tenant");
    assert.equal(redact("an odd-four"), "an [redacted]");
  });
});
