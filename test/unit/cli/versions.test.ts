import assert from "node:assert/strict";
import { atLeast, isWithin } from "../../../provider/cli/versions";

describe("cli/versions", () => {
  it("compares numbers, not texts", () => {
    assert(atLeast("3.200.0", "3.200.0"));
    assert(atLeast("3.1000.0", "3.200.9"));
    assert(atLeast("v4.0.0", "3.200.0"));
    assert(atLeast("3.271.0-alpha.5", "3.271.0"));
    assert(!atLeast("3.199.9", "3.200.0"));
    assert(!atLeast("20.9.0", "20.19"));
    assert(!atLeast("2.300.0", "3.200.0"));
  });

  it("reads the ranges of the manifest", () => {
    assert(isWithin("3.270.0", ">=3.200.0 <4"));
    assert(!isWithin("3.199.0", ">=3.200.0 <4"));
    assert(!isWithin("4.0.0", ">=3.200.0 <4"));
    assert(isWithin("24.0.0", ">=20.19"));
  });
});
