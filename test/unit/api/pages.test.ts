import assert from "node:assert/strict";
import { everyRow, everyRowForSure } from "../../../provider/api/pages";
import type { PageRequest } from "../../../provider/api/routes";
import { failureOf } from "../harness";

interface Row {
  readonly id: string;
}

/** A list that others change: each page after the first comes once `between` has done so. */
class List {
  readonly pages: string[] = [];
  constructor(
    readonly rows: Row[],
    private readonly between: (rows: Row[], page: number) => void = () => {},
  ) {}

  readonly ask = async ({ limit, offset }: PageRequest) => {
    if (offset > 0) this.between(this.rows, this.pages.length);
    this.pages.push(`${limit} from ${offset}`);
    return { items: this.rows.slice(offset, offset + limit), total: this.rows.length };
  };
}

const rows = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ id: `row ${i}` }));
const WALK = ["1000 from 0", "1000 from 1000"];

describe("api/pages", () => {
  it("reads all pages", async () => {
    for (const [count, pages] of [
      [0, WALK.slice(0, 1)],
      [1_000, WALK.slice(0, 1)],
      [1_001, WALK],
    ] as const) {
      const list = new List(rows(count));
      assert.deepEqual(await everyRow(list.ask), rows(count));
      assert.deepEqual(list.pages, pages);
    }
  });

  it("counts a row once that moves to the next page meanwhile, and needs no second walk for it", async () => {
    const list = new List(rows(1_500), (some) => some.unshift({ id: "new" }));
    assert.deepEqual(await everyRowForSure(list.ask, "list"), rows(1_500));
    assert.deepEqual(list.pages, WALK);
  });

  it("reads anew when rows went meanwhile: one may have moved to a page already read", async () => {
    const list = new List(rows(1_500), (some, page) => {
      if (page === 1) some.shift();
    });
    assert.deepEqual(await everyRowForSure(list.ask, "list"), rows(1_500).slice(1));
    assert.deepEqual(list.pages, [...WALK, ...WALK]);
  });

  it("reads anew when a page is empty that should not be", async () => {
    let calls = 0;
    const cut = await everyRowForSure(async ({ offset }) => {
      calls++;
      return { items: calls === 2 ? [] : rows(1_500).slice(offset, offset + 1_000), total: 1_500 };
    }, "list");
    assert.deepEqual(cut, rows(1_500));
  });

  it("gives up on a list that loses rows all the time", async () => {
    const list = new List(rows(2_500), (some) => some.shift());
    const error = await failureOf(everyRowForSure(list.ask, "list the rows"), "conflict");
    assert.equal(
      error.message,
      "Could not list the rows.\n  Reason: the list was read 5 times, and each time rows went from it meanwhile: none of the results is sure to be whole\n  What to do: run the command again when less is being deleted.",
    );
  });
});
