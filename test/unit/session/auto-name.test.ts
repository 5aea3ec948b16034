import assert from "node:assert/strict";
import { isUniqueNameOf, uniqueName } from "../../../provider/session/auto-name";

describe("session/auto-name", () => {
  it("adds ten unambiguous characters to the prefix", () => {
    assert.match(uniqueName("ci"), /^ci-[0-9abcdefghjkmnpqrstvwxyz]{10}$/);
  });

  it("returns another name each time, and uses every character", () => {
    const names = Array.from({ length: 1_000 }, () => uniqueName(""));
    assert.equal(new Set(names).size, 1_000);
    assert.equal(new Set(names.join("")).size, 33);
  });

  it("cuts a long prefix to a name of 255 characters, never within a character", () => {
    for (const [prefix, used] of [
      ["x".repeat(244), "x".repeat(244)],
      ["x".repeat(245), "x".repeat(244)],
      ["🔑".repeat(300), "🔑".repeat(244)],
    ] as const) {
      const name = uniqueName(prefix);
      assert.equal([...name].length, 255);
      assert.equal(name.slice(0, -11), used);
    }
  });

  it("recognizes only its own names", () => {
    for (const prefix of ["ci", "", "a-b", "🔑".repeat(300), "a.*(b"]) {
      assert(isUniqueNameOf(prefix, uniqueName(prefix)), prefix);
    }
    for (const name of [
      "ci",
      "ci-",
      "ci-0123456789a",
      "ci-012345678",
      "ci-012345678i",
      "ci-012345678U",
      "ci-0123456789\n",
      "ci_0123456789",
      "ci-x-0123456789",
      "xci-0123456789",
    ]) {
      assert(!isUniqueNameOf("ci", name), name);
    }
  });
});
