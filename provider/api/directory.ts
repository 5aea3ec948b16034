import { Gathering } from "./gathering";
import { everyRow } from "./pages";
import { MOST_SEARCH_IDS, type Routes } from "./routes";
import type { Key, User } from "./wire";

/** From this many single questions on, one walk of the whole list costs less than asking on. */
export const WALK_FROM = 24;

/**
 * What the server holds, asked with as few requests as possible: questions that come together share one, and
 * many switch to one walk of the whole list, kept as long as this process lives and corrected by its own writes.
 * Something that such a kept list does not show is asked for by itself before it counts as absent: rows move
 * between pages while others write.
 */
export class Directory {
  private readonly accounts: Listing<User>;
  private readonly keys: Listing<Key>;

  constructor(
    private readonly routes: Routes,
    sleep: (ms: number) => Promise<void>,
  ) {
    this.accounts = new Listing({
      sleep,
      walk: () => everyRow((page) => routes.searchAccounts(page, "list the service accounts")),
      ask: (ids) => accountsById(routes, ids),
    });
    this.keys = new Listing({
      sleep,
      walk: () => everyRow((page) => routes.listKeys(page, "list the API keys")),
      ask: (owners) => keysOf(routes, owners),
    });
  }

  /** The account, or undefined when the tenant has none with this id that is not archived. */
  async account(id: string): Promise<User | undefined> {
    return await this.accounts.find(id, id);
  }

  /** The key among the published private ones of the environment, as far as the credential sees them. */
  async key(id: string, ownerId: string): Promise<Key | undefined> {
    return await this.keys.find(id, ownerId);
  }

  /** The visible keys of an owner, asked for anew. */
  async freshKeysOf(ownerId: string): Promise<readonly Key[]> {
    return await keysOf(this.routes, [ownerId]);
  }

  /** The account, asked for anew. */
  async freshAccount(id: string): Promise<User | undefined> {
    return (await accountsById(this.routes, [id]))[0];
  }

  /** The accounts made at or after a moment, asked for anew; newest first. */
  async accountsSince(isSince: (account: User) => boolean): Promise<readonly User[]> {
    const rows = await everyRow(
      (page) => this.routes.searchAccounts(page, "look for the service account"),
      isSince,
    );
    this.accounts.keep(rows);
    return rows;
  }

  /** Any visible key, by id alone. */
  async keyOfAnyone(id: string): Promise<Key | undefined> {
    return (await this.keys.all()).find((key) => key.id === id);
  }

  noteAccount(account: User): void {
    this.accounts.note(account);
  }

  dropAccount(id: string): void {
    this.accounts.drop(id);
  }

  noteKey(key: Key): void {
    this.keys.note(key);
  }

  dropKey(id: string): void {
    this.keys.drop(id);
  }
}

interface ListingSource<Row> {
  readonly sleep: (ms: number) => Promise<void>;
  readonly walk: () => Promise<readonly Row[]>;
  /** The rows behind these questions: ids of accounts, owners of keys. */
  readonly ask: (questions: readonly string[]) => Promise<readonly Row[]>;
}

class Listing<Row extends { readonly id: string }> {
  private readonly known = new Map<string, Row>();
  private readonly dropped = new Set<string>();
  private readonly asked = new Set<string>();
  private walked: Promise<Map<string, Row>> | undefined;
  private readonly gathering: Gathering<string, void>;

  constructor(private readonly source: ListingSource<Row>) {
    this.gathering = new Gathering(source.sleep, async (questions) =>
      this.keep(await source.ask(questions)),
    );
  }

  /** The row with this id; `question` is what the server is asked where nothing kept shows it. */
  async find(id: string, question: string): Promise<Row | undefined> {
    if (this.dropped.has(id)) return undefined;
    const known = this.known.get(id);
    if (known !== undefined) return known;
    this.asked.add(question);
    if (this.asked.size > WALK_FROM) {
      const kept = (await this.walkOnce()).get(id);
      if (kept !== undefined) return kept;
    }
    await this.gathering.ask(question);
    return this.known.get(id);
  }

  async all(): Promise<Row[]> {
    const rows = new Map(await this.walkOnce());
    for (const [id, row] of this.known) rows.set(id, row);
    for (const id of this.dropped) rows.delete(id);
    return [...rows.values()];
  }

  /** What the server has just shown; our own deletions are newer. */
  keep(rows: readonly Row[]): void {
    for (const row of rows) {
      if (!this.dropped.has(row.id)) this.known.set(row.id, row);
    }
  }

  note(row: Row): void {
    this.dropped.delete(row.id);
    this.known.set(row.id, row);
  }

  drop(id: string): void {
    this.known.delete(id);
    this.dropped.add(id);
  }

  private walkOnce(): Promise<Map<string, Row>> {
    this.walked ??= this.source.walk().then(
      (rows) => new Map(rows.map((row) => [row.id, row])),
      (error) => {
        // A walk that failed must not answer every later question.
        this.walked = undefined;
        throw error;
      },
    );
    return this.walked;
  }
}

/** Those of the accounts that are there, asked for anew. */
export async function accountsById(routes: Routes, ids: readonly string[]): Promise<User[]> {
  const found: User[] = [];
  for (let from = 0; from < ids.length; from += MOST_SEARCH_IDS) {
    const some = ids.slice(from, from + MOST_SEARCH_IDS);
    const what =
      some.length === 1 ? `service account ${some[0]}` : `${some.length} service accounts`;
    const page = await routes.searchAccounts(
      { limit: some.length, offset: 0 },
      `look up ${what}`,
      some,
    );
    found.push(...page.items);
  }
  return found;
}

async function keysOf(routes: Routes, owners: readonly string[]): Promise<Key[]> {
  const lists = await Promise.all(
    owners.map((owner) =>
      everyRow((page) => routes.listKeys(page, `list the API keys of ${owner}`, owner)),
    ),
  );
  return lists.flat();
}
