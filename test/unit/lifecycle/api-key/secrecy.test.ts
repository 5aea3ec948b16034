import assert from "node:assert/strict";
import { redact } from "../../../../provider/shared/redaction";
import { createKey, failureOf, type KeyInputs, type KeyState, UnitFixture } from "../../fixture";

/** Values that do not look like keys: the first code that reads one must call rememberSecret. */
describe("lifecycle/api-key: keys are known as secrets", () => {
  const fixture = UnitFixture.forEachTest();

  const adopting = (apiKey: string): KeyInputs => ({
    name: "k",
    type: "private_key",
    adopt: { id: "secret_1", apiKey },
  });

  it("from the check of an adoption on", async () => {
    await fixture.process({ preflight: false }).keys.check({}, adopting("odd-one"));
    assert.equal(redact("an odd-one"), "an [redacted]");
  });

  it("from an adoption on, also one that is refused before the key is used", async () => {
    const process = fixture.process();
    await process.connection.caller();
    await process.keys.check(adopting("x"), adopting("x"));
    const olds = {
      tenantId: fixture.operator.tenantId,
      name: "k",
      type: "private_key",
    } as KeyState;
    await process.keys.diff("secret_1", olds, { name: "k2", type: "private_key" });
    fixture.emulator.clearRequests();
    await failureOf(process.keys.create(adopting("odd-two")), "refused");
    assert.deepEqual(fixture.log, []);
    assert.equal(redact("an odd-two"), "an [redacted]");
  });

  it("from a read on, also one that asks nothing about the key", async () => {
    const process = fixture.process();
    const { id, state } = await createKey(process, { name: "k", type: "publishable_key" });
    await process.keys.read(id, { ...state, apiKey: "odd-three" });
    assert.equal(redact("an odd-three"), "an [redacted]");
  });

  it("from a deletion on, also one that is refused before anything is asked", async () => {
    const process = fixture.process();
    const ending = { tenantId: "tenant_other", apiKey: "odd-four" } as KeyState;
    await failureOf(process.keys.delete("secret_1", ending), "wrong_tenant");
    assert.equal(redact("an odd-four"), "an [redacted]");
  });
});
