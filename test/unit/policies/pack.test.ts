import assert from "node:assert/strict";
import { flexpricePolicies } from "../../../provider/policies";

describe("policies/pack", () => {
  function defaults(options: Parameters<typeof flexpricePolicies>[0] = {}) {
    return flexpricePolicies(options).flatMap(({ configSchema }) =>
      Object.entries(configSchema?.properties ?? {}).map(([name, schema]) => [
        name,
        schema.default,
      ]),
    );
  }

  it("holds all policies", () => {
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

  it("hands its options on", () => {
    assert.deepEqual(defaults(), [
      ["maxDays", 90],
      ["allowedOutputs", undefined],
    ]);
    assert.deepEqual(defaults({ maxDays: 7, allowedOutputs: [] }), [
      ["maxDays", 7],
      ["allowedOutputs", []],
    ]);
  });
});
