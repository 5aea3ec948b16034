import assert from "node:assert/strict";
import { z } from "zod";
import { unlessUnknown } from "../../../provider/lifecycle/inputs";
import { containsUnknown, isUnknown } from "../../../provider/shared/unknowns";
import { UNKNOWN } from "../fixture";

describe("lifecycle/inputs", () => {
  it("knows the text that Pulumi sends in place of a value", () => {
    assert.equal(isUnknown(UNKNOWN), true);
    for (const value of [undefined, null, "", "unknown", UNKNOWN.toUpperCase(), [UNKNOWN], {}]) {
      assert.equal(isUnknown(value), false, JSON.stringify(value));
    }
  });

  it("finds it at any depth", () => {
    const with_ = [UNKNOWN, [UNKNOWN], ["a", UNKNOWN], { a: UNKNOWN }, { a: [{ b: [UNKNOWN] }] }];
    const without = [undefined, null, 7, true, "a", [], ["a"], {}, { a: null }, { [UNKNOWN]: "a" }];
    for (const value of with_) assert.equal(containsUnknown(value), true, JSON.stringify(value));
    for (const value of without) assert.equal(containsUnknown(value), false, JSON.stringify(value));
  });

  describe("onceKnown", () => {
    const schema = unlessUnknown(z.array(unlessUnknown(z.string("no text"))).min(2, "too few"));
    const issues = (value: unknown) =>
      (schema.safeParse(value).error?.issues ?? []).map(({ path, message }) => ({ path, message }));

    it("passes what is unknown, whole or in parts", () => {
      assert.deepEqual(issues(UNKNOWN), []);
      assert.deepEqual(issues([UNKNOWN, "a"]), []);
      assert.deepEqual(issues([UNKNOWN, UNKNOWN]), []);
    });

    it("checks what is known, beside what is not", () => {
      assert.deepEqual(issues(["a"]), [{ path: [], message: "too few" }]);
      assert.deepEqual(issues([UNKNOWN, 7]), [{ path: [1], message: "no text" }]);
    });

    it("passes a value on unchanged", () => {
      assert.deepEqual(schema.parse(["a", UNKNOWN]), ["a", UNKNOWN]);
    });
  });
});
