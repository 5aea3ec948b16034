import { FlexpriceError } from "../shared/errors";
import type { Page, PageRequest } from "./endpoints";

/** Rows per page. The server has no limit; this keeps a response at about half a megabyte. */
const PAGE_SIZE = 1_000;

/** The number of pages of a list with this many rows. */
export function pageCount(rows: number): number {
  return Math.ceil(rows / PAGE_SIZE);
}

/** How often to read a list that loses rows during each read, before this is an error. */
const MAX_FETCHES = 5;

interface Pages<Row> {
  readonly rows: Row[];
  /** Rows disappeared during the read, so others may have moved from an unread page to one already read. */
  readonly shrank: boolean;
}

type FetchPage<Row> = (page: PageRequest) => Promise<Page<Row>>;

/** All rows of all pages. Rows that appear twice count once. `what` names the rows in errors. */
export async function listAll<Row extends { readonly id: string }>(
  what: string,
  fetchPage: FetchPage<Row>,
): Promise<Row[]> {
  return (await fetchPages(what, fetchPage)).rows;
}

/**
 * As {@link listAll}, without missing any row: reads the list again if rows disappeared during the read.
 * @throws FlexpriceError of kind `conflict` if that happens every time.
 */
export async function listAllConsistent<Row extends { readonly id: string }>(
  what: string,
  fetchPage: FetchPage<Row>,
): Promise<Row[]> {
  for (let time = 1; time <= MAX_FETCHES; time++) {
    const { rows, shrank } = await fetchPages(what, fetchPage);
    if (!shrank) return rows;
  }
  throw new FlexpriceError({
    kind: "conflict",
    defaultOperation: `list the ${what}`,
    reason: `the list of ${what} was read ${MAX_FETCHES} times, and rows disappeared from it each time, so it may be incomplete`,
    fix: "run the command again when less is being deleted.",
  });
}

/** More pages than any real list has: a million rows. */
const MAX_PAGES = 1_000;

/** Consecutive pages without a new row. Concurrent creates can shift a list by a page, but not by this many. */
const MAX_STALE_PAGES = 5;

async function fetchPages<Row extends { readonly id: string }>(
  what: string,
  fetchPage: FetchPage<Row>,
): Promise<Pages<Row>> {
  const rows = new Map<string, Row>();
  let shrank = false;
  let total = 0;
  let offset = 0;
  let stalePages = 0;
  for (let pages = 1; pages <= MAX_PAGES; pages++) {
    const page = await fetchPage({ limit: PAGE_SIZE, offset });
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
    kind: "malformed_response",
    defaultOperation: `list the ${what}`,
    reason: `the list of ${what} has ${total} rows by its own count, but its pages contain no new ones after ${rows.size}`,
    fix: "check whether a gateway caches or rewrites the server's responses: each page must be different.",
  });
}
