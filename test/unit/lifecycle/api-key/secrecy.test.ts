import assert from "node:assert/strict";
import { redact } from "../../../../provider/shared/redaction";
import { createKey, failureOf, type KeyInputs, type KeyState, UnitFixture } from "../../fixture";

/** The values do not look like keys: only the code that reads one can register it as a secret. */
describe("ApiKeyProvider registers the value of a key as a secret", () => {
  const fixture = UnitFixture.forEachTest();

  const adoptionOf = (apiKey: string): KeyInputs => ({
    name: "k",
    type: "private_key",
    adopt: { id: "secret_1", apiKey },
  });
  const assertRedacted = (apiKey: string) => assert.equal(redact(`an ${apiKey}`), "an [redacted]");

  it("in the check of an adoption", async () => {
    await fixture.process({ preflight: false }).keys.check({}, adoptionOf("odd-one"));
    assertRedacted("odd-one");
  });

  it("in an adoption that is rejected before the key is used", async () => {
    const provider = fixture.process();
    await provider.connection.caller();
    await provider.keys.check(adoptionOf("x"), adoptionOf("x"));
    const inputs = { name: "k", type: "private_key" };
    const olds = { ...inputs, tenantId: fixture.operator.tenantId } as KeyState;
    await provider.keys.diff("secret_1", olds, { ...inputs, name: "k2" });
    fixture.emulator.clearRequests();
    await failureOf(provider.keys.create(adoptionOf("odd-two")), "refused");
    assert.deepEqual(fixture.log, []);
    assertRedacted("odd-two");
  });

  it("in a read that does not use the key", async () => {
    const provider = fixture.process();
    const { id, state } = await createKey(provider, { name: "k", type: "publishable_key" });
    await provider.keys.read(id, { ...state, apiKey: "odd-three" });
    assertRedacted("odd-three");
  });

  it("in a deletion that is rejected before any other request", async () => {
    const state = { tenantId: "tenant_other", apiKey: "odd-four" } as KeyState;
    await failureOf(fixture.process().keys.delete("secret_1", state), "wrong_tenant");
    assertRedacted("odd-four");
  });
});
