import { FlexpriceError } from "../shared/errors";
import type { Page, PageRequest } from "./endpoints";

/** Rows of one page. The server has no cap; this keeps an answer at about half a megabyte. */
const PAGE_SIZE = 1_000;

/** Of a list with so many rows. */
export function pageCount(rows: number): number {
  return Math.ceil(rows / PAGE_SIZE);
}

/** How often a list is read that loses rows meanwhile, before that is an error. */
const MAX_FETCHES = 5;

interface Pages<Row> {
  readonly rows: Row[];
  /** Rows went while it was read: those behind them moved up, maybe from a page to come to one already read. */
  readonly shrank: boolean;
}

type Ask<Row> = (page: PageRequest) => Promise<Page<Row>>;

/** All pages. Rows that turn up twice count once. */
export async function listAll<Row extends { readonly id: string }>(
  ask: Ask<Row>,
  operation: string,
): Promise<Row[]> {
  return (await fetchPages(ask, operation)).rows;
}

/**
 * As {@link listAll}, and sure to miss none: reads anew where rows went in between.
 * @throws FlexpriceError of kind `conflict` when they do so every time.
 */
export async function listAllConsistent<Row extends { readonly id: string }>(
  ask: Ask<Row>,
  operation: string,
): Promise<Row[]> {
  for (let time = 1; time <= MAX_FETCHES; time++) {
    const { rows, shrank } = await fetchPages(ask, operation);
    if (!shrank) return rows;
  }
  throw new FlexpriceError({
    kind: "conflict",
    operation,
    reason: `the list was read ${MAX_FETCHES} times, and each time rows went from it meanwhile: none of the results is sure to be whole`,
    fix: "run the command again when less is being deleted.",
  });
}

/** More pages than any list has: a million rows. */
const MAX_PAGES = 1_000;

/** Pages in a row without a new row. Others who make much meanwhile can shift a list by a page, not by so many. */
const MAX_STALE_PAGES = 5;

async function fetchPages<Row extends { readonly id: string }>(
  ask: Ask<Row>,
  operation: string,
): Promise<Pages<Row>> {
  const rows = new Map<string, Row>();
  let shrank = false;
  let total = 0;
  let offset = 0;
  let stalePages = 0;
  for (let pages = 1; pages <= MAX_PAGES; pages++) {
    const page = await ask({ limit: PAGE_SIZE, offset });
    shrank ||= page.total < total || (page.items.length === 0 && offset < page.total);
    total = page.total;
    const known = rows.size;
    for (const row of page.items) rows.set(row.id, row);
    offset += page.items.length;
    if (page.items.length === 0 || offset >= page.total)
      return { rows: [...rows.values()], shrank };
    stalePages = rows.size === known ? stalePages + 1 : 0;
    if (stalePages >= MAX_STALE_PAGES) break;
  }
  throw new FlexpriceError({
    kind: "malformed_answer",
    operation,
    reason: `the list has ${total} rows by its own count, but its pages bring nothing new after ${rows.size}`,
    fix: "look whether a gateway caches or rewrites the server's answers: each page has to be another one.",
  });
}
