import assert from "node:assert/strict";
import { type ChangeTable, diffByTable, toDiffResult } from "../../../provider/lifecycle/diff";
import { UNKNOWN } from "../fixture";

const TABLE: ChangeTable<"label" | "size" | "flag" | "any"> = {
  label: { change: "update" },
  size: { change: "replace" },
  flag: { change: "update", same: (before, now) => (before ?? false) === (now ?? false) },
  any: { change: "replace", same: () => true },
};

describe("diffByTable", () => {
  const olds = { label: "a", size: 1 };
  const cases: Record<string, [news: object, changed: string[], replaced: string[]]> = {
    "reports nothing for equal properties": [olds, [], []],
    "reports a property that updates": [{ ...olds, label: "b" }, ["label"], []],
    "reports a property that replaces": [{ ...olds, size: 2 }, ["size"], ["size"]],
    "reports properties of both kinds": [{ label: "b", size: 2 }, ["label", "size"], ["size"]],
    "reports a property that is removed": [{ size: 1 }, ["label"], []],
    "reports nothing if the property's own comparison finds the same": [
      { ...olds, flag: false },
      [],
      [],
    ],
    "ignores properties that are not in the table": [{ ...olds, other: 1 }, [], []],
    "reports an unknown value that updates": [{ ...olds, label: UNKNOWN }, ["label"], []],
    "reports an unknown value that replaces": [{ ...olds, size: UNKNOWN }, ["size"], ["size"]],
    "reports an unknown value without the property's own comparison": [
      { ...olds, any: UNKNOWN, flag: UNKNOWN },
      ["flag", "any"],
      ["any"],
    ],
  };
  for (const [title, [news, changed, replaced]] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(diffByTable(TABLE, olds, news), { changed, replaced }));
  }
});

describe("toDiffResult", () => {
  it("asks the engine to create the replacement before it deletes the old object", () => {
    assert.deepEqual(toDiffResult({ changed: [], replaced: [] }), {
      changes: false,
      changed: [],
      replaces: [],
      deleteBeforeReplace: false,
    });
    assert.deepEqual(toDiffResult({ changed: ["a", "b"], replaced: ["b"] }), {
      changes: true,
      changed: ["a", "b"],
      replaces: ["b"],
      deleteBeforeReplace: false,
    });
  });
});
