import assert from "node:assert/strict";
import { z } from "zod";
import { unlessUnknown } from "../../../provider/lifecycle/inputs";
import { containsUnknown, isUnknown } from "../../../provider/shared/unknowns";
import { UNKNOWN } from "../fixture";

describe("isUnknown", () => {
  it("recognizes only Pulumi's placeholder for an unknown value", () => {
    assert.equal(isUnknown(UNKNOWN), true);
    for (const value of [undefined, null, "", "unknown", UNKNOWN.toUpperCase(), [UNKNOWN], {}]) {
      assert.equal(isUnknown(value), false, JSON.stringify(value));
    }
  });
});

describe("containsUnknown", () => {
  it("finds Pulumi's placeholder at any depth", () => {
    for (const value of [
      UNKNOWN,
      [UNKNOWN],
      ["a", UNKNOWN],
      { a: UNKNOWN },
      { a: [{ b: [UNKNOWN] }] },
    ]) {
      assert.equal(containsUnknown(value), true, JSON.stringify(value));
    }
    for (const value of [undefined, null, 7, true, "a", [], ["a"], {}, { a: null }]) {
      assert.equal(containsUnknown(value), false, JSON.stringify(value));
    }
    assert.equal(containsUnknown({ [UNKNOWN]: "a" }), false);
  });
});

describe("unlessUnknown", () => {
  const schema = unlessUnknown(z.array(unlessUnknown(z.string("no text"))).min(2, "too few"));
  const issues = (value: unknown) =>
    (schema.safeParse(value).error?.issues ?? []).map(({ path, message }) => ({ path, message }));

  it("accepts values that are unknown, whole or in part", () => {
    assert.deepEqual(issues(UNKNOWN), []);
    assert.deepEqual(issues([UNKNOWN, "a"]), []);
    assert.deepEqual(issues([UNKNOWN, UNKNOWN]), []);
  });

  it("checks known values, also beside unknown ones", () => {
    assert.deepEqual(issues(["a"]), [{ path: [], message: "too few" }]);
    assert.deepEqual(issues([UNKNOWN, 7]), [{ path: [1], message: "no text" }]);
  });

  it("does not change the value", () => {
    assert.deepEqual(schema.parse(["a", UNKNOWN]), ["a", UNKNOWN]);
  });
});
