import assert from "node:assert/strict";
import {
  accountPerService,
  flexpricePolicies,
  keyOutputs,
  keysExpire,
  noSuperAdmin,
} from "../../../provider/policies";

describe("policies", () => {
  function defaults(options: Parameters<typeof flexpricePolicies>[0] = {}) {
    return flexpricePolicies(options).flatMap(({ configSchema }) =>
      Object.entries(configSchema?.properties ?? {}).map(([name, schema]) => [
        name,
        schema.default,
      ]),
    );
  }

  it("are all in the pack", () => {
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

  it("pass options to each policy", () => {
    assert.deepEqual(defaults(), [
      ["maxDays", 90],
      ["allowedOutputs", undefined],
    ]);
    assert.deepEqual(defaults({ maxDays: 7, allowedOutputs: [] }), [
      ["maxDays", 7],
      ["allowedOutputs", []],
    ]);
  });

  it("take an enforcement level", () => {
    for (const policy of [noSuperAdmin, keysExpire, accountPerService, keyOutputs]) {
      assert.equal(policy({ enforcementLevel: "advisory" }).enforcementLevel, "advisory");
    }
  });
});
