import assert from "node:assert/strict";
import type { PageRequest } from "../../../provider/api/endpoints";
import { listAll, listAllConsistent } from "../../../provider/api/pagination";
import { failureOf } from "../fixture";

interface Row {
  readonly id: string;
}

/** A list that others change: `between` runs before each page after the first. */
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
const PAGES = ["1000 from 0", "1000 from 1000"];

describe("api/pagination", () => {
  it("reads all pages", async () => {
    for (const [count, pages] of [
      [0, PAGES.slice(0, 1)],
      [1_000, PAGES.slice(0, 1)],
      [1_001, PAGES],
    ] as const) {
      const list = new List(rows(count));
      assert.deepEqual(await listAll("rows", list.ask), rows(count));
      assert.deepEqual(list.pages, pages);
    }
  });

  it("counts a row once that moves to the next page meanwhile, without a second read", async () => {
    const list = new List(rows(1_500), (list) => list.unshift({ id: "new" }));
    assert.deepEqual(await listAllConsistent("rows", list.ask), rows(1_500));
    assert.deepEqual(list.pages, PAGES);
  });

  it("reads the list again if rows disappeared, because others may have moved to a page already read", async () => {
    const list = new List(rows(1_500), (list, page) => {
      if (page === 1) list.shift();
    });
    assert.deepEqual(await listAllConsistent("rows", list.ask), rows(1_500).slice(1));
    assert.deepEqual(list.pages, [...PAGES, ...PAGES]);
  });

  it("reads the list again if a page is unexpectedly empty", async () => {
    let calls = 0;
    const read = await listAllConsistent("rows", async ({ offset }) => {
      calls++;
      return { items: calls === 2 ? [] : rows(1_500).slice(offset, offset + 1_000), total: 1_500 };
    });
    assert.deepEqual(read, rows(1_500));
  });

  it("gives up on a list that loses rows on every read", async () => {
    const list = new List(rows(2_500), (list) => list.shift());
    const error = await failureOf(listAllConsistent("rows", list.ask), "conflict");
    assert.equal(
      error.message,
      "Could not list the rows.\n  Reason: the list of rows was read 5 times, and rows disappeared from it each time, so it may be incomplete\n  What to do: run the command again when less is being deleted.",
    );
  });

  describe("with a list whose count is wrong", () => {
    const endless = async (page: (offset: number) => Row[]) => {
      let requests = 0;
      const ask = async ({ offset }: PageRequest) => {
        requests++;
        return { items: page(offset), total: 1_000_000_000 };
      };
      const error = await failureOf(listAll("rows", ask), "malformed_response");
      return { requests, error };
    };

    it("gives up soon if the pages contain no new rows", async () => {
      const { requests, error } = await endless(() => rows(1_000));
      assert.equal(requests, 6);
      assert.equal(
        error.message,
        "Could not list the rows.\n  Reason: the list of rows has 1000000000 rows by its own count, but its pages contain no new ones after 1000\n  What to do: check whether a gateway caches or rewrites the server's responses: each page must be different.",
      );
    });

    it("gives up finally although each page contains a new row", async () => {
      const { requests } = await endless((offset) => [{ id: String(offset) }]);
      assert.equal(requests, 1_000);
    });

    it("stops at an empty page", async () => {
      const ask = async ({ offset }: PageRequest) => ({
        items: rows(1_500).slice(offset, offset + 1_000),
        total: 1_000_000_000,
      });
      assert.equal((await listAll("rows", ask)).length, 1_500);
    });

    // Continuous creates push known rows to the next page.
    it("reads a list that grows meanwhile", async () => {
      const list = new List(rows(4_500), (list, page) => {
        if (page <= 3) for (let i = 0; i < 1_000; i++) list.unshift({ id: `new ${page} ${i}` });
      });
      const read = await listAll("rows", list.ask);
      assert(rows(4_500).every(({ id }) => read.some((row) => row.id === id)));
    });
  });
});
