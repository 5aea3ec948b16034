import { type FlexpriceApi, MAX_SEARCH_IDS, type Page, type PageRequest } from "../api/endpoints";
import { listAll, pageCount } from "../api/pagination";
import type { Key, User } from "../api/schemas";
import { Gathering } from "./gathering";

/** What the database is asked for: any at all. */
const ANSWER = "answer";

/** Up to so many requests it is not worth to find out how long the whole list is. */
const MAX_SINGLE_REQUESTS = 2;

/**
 * What the server holds, asked with as few requests as possible: questions that come together share one, and where
 * they would take more requests than the whole list has pages, the list is walked, once a process. What was found is
 * kept as long as this process lives and corrected by its own writes. What a walk does not show is asked for by
 * itself before it counts as absent: rows move between pages while others write.
 */
export class Directory {
  private readonly accounts: Listing<User>;
  private readonly keys: Listing<Key>;
  private readonly database: Gathering<typeof ANSWER, unknown>;
  private readonly revoked = new Set<string>();
  private readonly revokedOwners = new Set<string>();

  constructor(
    private readonly api: FlexpriceApi,
    sleep: (ms: number) => Promise<void>,
  ) {
    this.accounts = new Listing({
      sleep,
      operation: "list the service accounts",
      list: (page) => api.searchAccounts(page, "list the service accounts"),
      ask: (ids) => accountsById(api, ids),
      requestsFor: (ids) => Math.ceil(ids / MAX_SEARCH_IDS),
    });
    this.keys = new Listing({
      sleep,
      operation: "list the API keys",
      list: (page) => api.listKeys(page, "list the API keys"),
      ask: (owners) => keysOf(api, owners),
      requestsFor: (owners) => owners,
    });
    this.database = new Gathering(sleep, () =>
      api.listKeys({ limit: 1, offset: 0 }, "see whether the server's database answers"),
    );
  }

  /** The account, or undefined when the tenant has none with this id that is not archived. */
  async account(id: string): Promise<User | undefined> {
    return await this.accounts.find(id, id);
  }

  /** The key among the published private ones of the environment, as far as the credential sees them. */
  async key(id: string, ownerId: string): Promise<Key | undefined> {
    return await this.keys.find(id, ownerId);
  }

  /** The visible keys of an owner, asked for anew; those left out that this process has revoked. */
  async freshKeysOf(ownerId: string): Promise<readonly Key[]> {
    return (await keysOf(this.api, [ownerId])).filter(({ id }) => !this.revoked.has(id));
  }

  /** The account, asked for anew. */
  async freshAccount(id: string): Promise<User | undefined> {
    return (await accountsById(this.api, [id]))[0];
  }

  /** Resolves once the server's database has answered a question that was asked from now on. */
  async databaseAnswers(): Promise<void> {
    await this.database.ask(ANSWER);
  }

  /** Any visible key, by id alone. */
  async keyOfAnyone(id: string): Promise<Key | undefined> {
    return (await this.keys.all()).find((key) => key.id === id);
  }

  primeAccount(account: User): void {
    this.accounts.note(account);
  }

  clearAccount(id: string): void {
    this.accounts.drop(id);
  }

  primeKey(key: Key): void {
    this.keys.note(key);
  }

  /** This process has revoked it. */
  clearKey(id: string, ownerId?: string): void {
    this.keys.drop(id);
    this.revoked.add(id);
    if (ownerId !== undefined) this.revokedOwners.add(ownerId);
  }

  /** Whether this process has revoked keys of an owner: a read replica may still show them. */
  hasRevokedKeysOf(ownerId: string): boolean {
    return this.revokedOwners.has(ownerId);
  }
}

interface ListingSource<Row> {
  /** What a walk is for, in the infinitive. */
  readonly operation: string;
  readonly sleep: (ms: number) => Promise<void>;
  readonly list: (page: PageRequest) => Promise<Page<Row>>;
  /** The rows behind these questions: ids of accounts, owners of keys. */
  readonly ask: (questions: readonly string[]) => Promise<readonly Row[]>;
  /** How many requests so many questions take that are asked together. */
  readonly requestsFor: (questions: number) => number;
}

class Listing<Row extends { readonly id: string }> {
  private readonly known = new Map<string, Row>();
  private readonly dropped = new Set<string>();
  /** What the server is asked to find an id. */
  private readonly questions = new Map<string, string>();
  private readonly gathering: Gathering<string, void>;
  /** Requests for single questions so far. */
  private spent = 0;
  private pluralize: Promise<number> | undefined;
  private walked: Promise<void> | undefined;

  constructor(private readonly source: ListingSource<Row>) {
    this.gathering = new Gathering(source.sleep, (ids) => this.callFunction(ids));
  }

  /** The row with this id; `question` is what the server is asked where nothing kept shows it. */
  async find(id: string, question: string): Promise<Row | undefined> {
    if (!this.isSettled(id)) {
      this.questions.set(id, question);
      await this.gathering.ask(id);
    }
    return this.known.get(id);
  }

  async all(): Promise<Row[]> {
    await this.walk();
    return [...this.known.values()];
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

  private isSettled(id: string): boolean {
    return this.known.has(id) || this.dropped.has(id);
  }

  private async callFunction(ids: readonly string[]): Promise<void> {
    if (await this.isWalkDue(this.questionsFor(ids).length)) await this.walk();
    const questions = this.questionsFor(ids);
    if (questions.length === 0) return;
    this.spent += this.source.requestsFor(questions.length);
    this.keep(await this.source.ask(questions));
  }

  private questionsFor(ids: readonly string[]): string[] {
    const open = ids.filter((id) => !this.isSettled(id));
    return [...new Set(open.map((id) => this.questions.get(id) ?? id))];
  }

  private async isWalkDue(questions: number): Promise<boolean> {
    if (this.walked !== undefined) return true;
    const requests = this.spent + this.source.requestsFor(questions);
    return requests > MAX_SINGLE_REQUESTS && requests >= pageCount(await this.count());
  }

  private count(): Promise<number> {
    this.pluralize ??= this.source
      .list({ limit: 1, offset: 0 })
      .then(({ total }) => total)
      .catch((error) => {
        this.pluralize = undefined;
        throw error;
      });
    return this.pluralize;
  }

  private walk(): Promise<void> {
    this.walked ??= listAll(this.source.list, this.source.operation).then(
      // What single questions and our own writes have told is newer.
      (rows) => this.keep(rows.filter(({ id }) => !this.known.has(id))),
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
export async function accountsById(api: FlexpriceApi, ids: readonly string[]): Promise<User[]> {
  const found: User[] = [];
  for (let from = 0; from < ids.length; from += MAX_SEARCH_IDS) {
    const some = ids.slice(from, from + MAX_SEARCH_IDS);
    const what =
      some.length === 1 ? `service account ${some[0]}` : `${some.length} service accounts`;
    const page = await api.searchAccounts(
      { limit: some.length, offset: 0 },
      `look up ${what}`,
      some,
    );
    found.push(...page.items);
  }
  return found;
}

async function keysOf(api: FlexpriceApi, owners: readonly string[]): Promise<Key[]> {
  const lists = await Promise.all(
    owners.map((owner) => {
      const operation = `list the API keys of ${owner}`;
      return listAll((page) => api.listKeys(page, operation, owner), operation);
    }),
  );
  return lists.flat();
}
