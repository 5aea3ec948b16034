import assert from "node:assert/strict";
import {
  accountPerService,
  flexpricePolicies,
  keyOutputs,
  keysExpire,
  noSuperAdmin,
} from "../../../provider/policies";

describe("flexpricePolicies", () => {
  function configDefaults(options: Parameters<typeof flexpricePolicies>[0] = {}) {
    return flexpricePolicies(options).flatMap(({ configSchema }) =>
      Object.entries(configSchema?.properties ?? {}).map(([name, schema]) => [
        name,
        schema.default,
      ]),
    );
  }

  it("returns all policies", () => {
    assert.deepEqual(
      flexpricePolicies().map(({ name, enforcementLevel }) => [name, enforcementLevel]),
      [
        ["flexprice-no-super-admin", undefined],
        ["flexprice-keys-expire", undefined],
        ["flexprice-account-per-service", undefined],
        ["flexprice-key-outputs", undefined],
      ],
    );
  });

  it("passes its options to each policy", () => {
    assert.deepEqual(configDefaults(), [
      ["maxDays", 90],
      ["allowedOutputs", undefined],
    ]);
    assert.deepEqual(configDefaults({ maxDays: 7, allowedOutputs: [] }), [
      ["maxDays", 7],
      ["allowedOutputs", []],
    ]);
  });
});

describe("each policy", () => {
  it("accepts an enforcement level", () => {
    for (const policy of [noSuperAdmin, keysExpire, accountPerService, keyOutputs]) {
      assert.equal(policy({ enforcementLevel: "advisory" }).enforcementLevel, "advisory");
    }
  });
});
