import assert from "node:assert/strict";
import { tableLines } from "../../../../provider/cli/keys/table";

const COLUMNS = [
  { title: "KEY", isFlexible: true },
  { title: "AGE" },
  { title: "OWNER", isFlexible: true },
];
const ROWS = [
  ["usage-ingestor-7k3d9x2m4p", "12d", "usage-ingestor"],
  ["ci", "3h", "ci"],
];

describe("cli/keys/table", () => {
  it("aligns its columns and cuts nothing without a width", () => {
    assert.deepEqual(tableLines(COLUMNS, ROWS), [
      "KEY                        AGE  OWNER",
      "usage-ingestor-7k3d9x2m4p  12d  usage-ingestor",
      "ci                         3h   ci",
    ]);
  });

  it("cuts the widest flexible column first", () => {
    assert.deepEqual(tableLines(COLUMNS, ROWS, 40), [
      "KEY                  AGE  OWNER",
      "usage-ingestor-7k3…  12d  usage-ingestor",
      "ci                   3h   ci",
    ]);
    assert.deepEqual(tableLines(COLUMNS, ROWS, 24), [
      "KEY        AGE  OWNER",
      "usage-in…  12d  usage-i…",
      "ci         3h   ci",
    ]);
  });

  it("keeps columns readable if nothing fits", () => {
    assert.equal(tableLines(COLUMNS, ROWS, 5)[1], "usage…  12d  usage…");
  });

  it("counts the terminal cells of a character", () => {
    const rows = [
      ["日本語のキー", "1d", "x"],
      ["e\u0301a", "1d", "x"],
      ["👍", "1d", "x"],
      ["￥", "1d", "x"],
    ];
    assert.deepEqual(tableLines(COLUMNS, rows, 20), [
      "KEY       AGE  OWNER",
      "日本語…   1d   x",
      "e\u0301a        1d   x",
      "👍        1d   x",
      "￥        1d   x",
    ]);
  });
});
