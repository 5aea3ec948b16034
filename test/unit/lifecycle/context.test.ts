import assert from "node:assert/strict";
import { z } from "zod";
import { type ChangeTable, diffByTable, toDiffResult } from "../../../provider/lifecycle/diff";
import { checkFailure, toCheckFailures } from "../../../provider/lifecycle/validation";
import { UNKNOWN } from "../fixture";

const TABLE: ChangeTable<"label" | "size" | "flag" | "any"> = {
  label: { change: "update" },
  size: { change: "replace" },
  flag: { change: "update", same: (before, now) => (before ?? false) === (now ?? false) },
  any: { change: "replace", same: () => true },
};

describe("lifecycle/context", () => {
  describe("diffByTable", () => {
    const before = { label: "a", size: 1 };
    const cases: Record<string, [now: object, changed: string[], replaced: string[]]> = {
      nothing: [{ label: "a", size: 1 }, [], []],
      "an update": [{ label: "b", size: 1 }, ["label"], []],
      "a replacement": [{ label: "a", size: 2 }, ["size"], ["size"]],
      both: [{ label: "b", size: 2 }, ["label", "size"], ["size"]],
      "a value that goes": [{ size: 1 }, ["label"], []],
      "the same in other words": [{ label: "a", size: 1, flag: false }, [], []],
      "what is not in the table": [{ label: "a", size: 1, other: 1 }, [], []],
      "an unknown update": [{ label: UNKNOWN, size: 1 }, ["label"], []],
      "an unknown replacement": [{ label: "a", size: UNKNOWN }, ["size"], ["size"]],
      "an unknown value of a field that takes every value for the same": [
        { label: "a", size: 1, any: UNKNOWN },
        ["any"],
        ["any"],
      ],
      "an unknown value of a field with a comparison of its own": [
        { label: "a", size: 1, flag: UNKNOWN },
        ["flag"],
        [],
      ],
    };
    for (const [what, [now, changed, replaced]] of Object.entries(cases)) {
      it(what, () => assert.deepEqual(diffByTable(TABLE, before, now), { changed, replaced }));
    }
  });

  it("gives the engine a diff that makes the new before it deletes the old", () => {
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

  it("names the property in the reason: Pulumi prints the value of a property named apart", () => {
    assert.deepEqual(checkFailure("roles", "are wrong"), {
      property: "",
      reason: "roles: are wrong",
    });
    assert.deepEqual(checkFailure("", "all wrong"), { property: "", reason: "all wrong" });
  });

  it("turns a schema's issues into failures", () => {
    const schema = z.strictObject({
      roles: z.array(z.string("no text")),
      adopt: z.strictObject({ id: z.string("no id") }).optional(),
    });
    const parsed = schema.safeParse({ roles: ["a", 7], adopt: {}, nme: 1, rols: 2 });
    assert.deepEqual(toCheckFailures(parsed.error), [
      { property: "", reason: "roles[1]: no text" },
      { property: "", reason: "adopt.id: no id" },
      { property: "", reason: "unknown property nme, rols" },
    ]);
    assert.deepEqual(toCheckFailures(undefined), []);
  });
});
