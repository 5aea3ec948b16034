import DataLoader from "dataloader";
import type { Page, PageRequest } from "../api/endpoints";
import { listAll, pageCount } from "../api/pagination";
import { lazyAsync } from "../shared/lazy";

/** With up to this many requests, it does not pay to find out how long the whole list is. */
const MAX_SINGLE_REQUESTS = 2;

/** A row that a caller waits for. */
interface Wanted {
  readonly id: string;
  /** The query that finds it; absent: only the whole list can show it. */
  readonly query: string | undefined;
}

interface ListSource<Row> {
  /** Names the rows in errors. */
  readonly what: string;
  readonly page: (page: PageRequest) => Promise<Page<Row>>;
  /** The rows behind these queries: ids of accounts, owners of keys. */
  readonly query: (queries: readonly string[]) => Promise<readonly Row[]>;
  /** How many requests this many queries take together. */
  readonly requestsFor: (queries: number) => number;
  readonly batchScheduleFn: (dispatch: () => void) => void;
}

/**
 * A list of the server, read with as few requests as possible: concurrent finds share one, and once single
 * requests would outnumber the pages of the list, it reads the whole list. Rows are cached for the life of the
 * process. Rows that the whole list does not show are requested individually before they count as absent: rows move
 * between pages while others write.
 */
export class CachedList<Row extends { readonly id: string }> {
  private readonly cache = new Map<string, Promise<Row | undefined>>();
  private readonly loader: DataLoader<Wanted, Row | undefined, string>;
  /** What this process wrote is newer than what the server shows. Undefined: deleted. */
  private readonly written = new Map<string, Row | undefined>();
  private requests = 0;
  /** A read of the whole list, under way or done. */
  private all: Promise<ReadonlyMap<string, Row>> | undefined;
  private readonly total = lazyAsync(
    async () => (await this.source.page({ limit: 1, offset: 0 })).total,
  );

  constructor(private readonly source: ListSource<Row>) {
    this.loader = new DataLoader((wanted) => this.load(wanted), {
      cacheKeyFn: ({ id }) => id,
      cacheMap: this.cache,
      batchScheduleFn: source.batchScheduleFn,
    });
  }

  /** The row with this id; `query` finds it on the server if it is not cached. */
  async find(id: string, query?: string): Promise<Row | undefined> {
    // DataLoader alone would let a cached row wait for the current batch.
    const row = this.written.has(id)
      ? undefined
      : await (this.cache.get(id) ?? this.loader.load({ id, query }));
    return this.written.has(id) ? this.written.get(id) : row;
  }

  /** This process has written the row. */
  prime(row: Row): void {
    this.written.set(row.id, row);
  }

  /** This process has deleted the row. */
  clear(id: string): void {
    this.written.set(id, undefined);
  }

  isCleared(id: string): boolean {
    return this.written.has(id) && this.written.get(id) === undefined;
  }

  private async load(wanted: readonly Wanted[]): Promise<(Row | undefined)[]> {
    const isAllNeeded = wanted.some(({ query }) => query === undefined);
    const listed = isAllNeeded || (await this.isAllDue(wanted)) ? await this.readAll() : undefined;
    const missing = wanted.filter(({ id }) => listed?.has(id) !== true);
    const found = await this.readSome(queriesOf(missing));
    return wanted.map((one) => {
      const row = found.get(one.id) ?? listed?.get(one.id);
      if (row === undefined) this.loader.clear(one);
      return row;
    });
  }

  private async isAllDue(wanted: readonly Wanted[]): Promise<boolean> {
    if (this.all !== undefined) return true;
    const requests = this.requests + this.source.requestsFor(queriesOf(wanted).length);
    return requests > MAX_SINGLE_REQUESTS && requests >= pageCount(await this.total());
  }

  private readAll(): Promise<ReadonlyMap<string, Row>> {
    this.all ??= listAll(this.source.what, this.source.page).then(
      (rows) => this.primeAll(rows),
      (error) => {
        // Queries may work where the whole list does not.
        this.all = undefined;
        throw error;
      },
    );
    return this.all;
  }

  private async readSome(queries: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    if (queries.length === 0) return new Map();
    this.requests += this.source.requestsFor(queries.length);
    return this.primeAll(await this.source.query(queries));
  }

  /** Caches rows from the server, except rows that are already cached or being requested: those are newer. */
  private primeAll(rows: readonly Row[]): ReadonlyMap<string, Row> {
    for (const row of rows) this.loader.prime({ id: row.id, query: undefined }, row);
    return new Map(rows.map((row) => [row.id, row]));
  }
}

function queriesOf(wanted: readonly Wanted[]): string[] {
  return [...new Set(wanted.flatMap(({ query }) => query ?? []))];
}
