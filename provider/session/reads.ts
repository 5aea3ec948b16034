import DataLoader from "dataloader";
import { type FlexpriceApi, MAX_SEARCH_IDS } from "../api/endpoints";
import { listAllConsistent } from "../api/pagination";
import type { Key, Role, User } from "../api/schemas";
import { isFailure } from "../shared/errors";
import { CachedList } from "./cached-list";

/** How long a read waits for others to share its request, in milliseconds. */
const BATCH_MS = 4;

/** For more owners than this, one list of all keys is cheaper than one list per owner. */
const MAX_OWNERS = 24;

const ACCOUNTS = "service accounts";
const KEYS = "API keys";

/** Stands in a batch for everything there is. */
const ALL = "";

/** All roles of a server, and which of them a service account can be given. */
export interface RoleCatalog {
  readonly all: readonly Role[];
  readonly assignable: readonly Role[];
}

/**
 * Reads of the server's objects. `account` and `key` are cached for the life of the process. Fresh reads share requests
 * with concurrent ones, and never return data from before the call. They are complete, or fail.
 */
export class Reads {
  private readonly accounts: CachedList<User>;
  private readonly keys: CachedList<Key>;
  private readonly revokedOwners = new Set<string>();
  private readonly accountRows: DataLoader<string, readonly User[]>;
  private readonly keyRows: DataLoader<string, readonly Key[]>;
  private readonly roleRows: DataLoader<string, RoleCatalog>;
  private readonly database: DataLoader<string, unknown>;

  constructor(api: FlexpriceApi, sleep: (ms: number) => Promise<void>) {
    const batchScheduleFn = (dispatch: () => void) => void sleep(BATCH_MS).then(dispatch);
    this.accounts = new CachedList({
      batchScheduleFn,
      what: ACCOUNTS,
      page: (page) => api.searchAccounts(page),
      query: (ids) => accountsById(api, ids),
      requestsFor: (ids) => Math.ceil(ids / MAX_SEARCH_IDS),
    });
    this.keys = new CachedList({
      batchScheduleFn,
      what: KEYS,
      page: (page) => api.listKeys(page),
      query: async (owners) =>
        (await Promise.all(owners.map((owner) => keysOf(api, owner)))).flat(),
      requestsFor: (owners) => owners,
    });
    /** Nothing is cached. A batch asks for each thing once, and each of its callers gets its own result or error. */
    const fresh = <Result>(
      send: (asked: readonly string[]) => Promise<readonly (Result | Error)[]>,
    ) =>
      new DataLoader<string, Result>(
        async (asked) => {
          const each = [...new Set(asked)];
          const results = await send(each);
          const byAsked = new Map(each.map((one, i) => [one, results[i]] as const));
          return asked.map((one) => byAsked.get(one) ?? new Error(`no result for ${one}`));
        },
        { cache: false, batchScheduleFn },
      );
    const shared = <Result>(send: (asked: readonly string[]) => Promise<Result>) =>
      fresh<Result>(async (asked) => {
        const result = await send(asked);
        return asked.map(() => result);
      });
    this.accountRows = shared((ids) =>
      ids.includes(ALL)
        ? listAllConsistent(ACCOUNTS, (page) => api.searchAccounts(page))
        : accountsById(api, ids),
    );
    this.keyRows = fresh(async (owners) => {
      const all =
        owners.includes(ALL) || owners.length > MAX_OWNERS ? await allKeys(api, owners) : undefined;
      return await Promise.all(
        owners.map((owner) => all ?? keysOf(api, owner).catch((error: Error) => error)),
      );
    });
    this.roleRows = shared(async () => {
      const [all, assignable] = await Promise.all([api.roles("all"), api.roles("assignable")]);
      return { all, assignable };
    });
    this.database = shared(() => api.listKeys({ limit: 1, offset: 0 }));
  }

  /** The account; undefined if the tenant has none with this id, or it is archived. */
  account(id: string): Promise<User | undefined> {
    return this.accounts.find(id, id);
  }

  /**
   * The key among the published private ones of the environment, as far as the credential sees them. Without an owner,
   * this reads the whole list.
   */
  key(id: string, ownerId?: string): Promise<Key | undefined> {
    return this.keys.find(id, ownerId);
  }

  /** As {@link account}, bypassing the cache. */
  async freshAccount(id: string): Promise<User | undefined> {
    return (await this.accountRows.load(id)).find((account) => account.id === id);
  }

  /** The service accounts that are not archived, newest first. */
  freshAccounts(): Promise<readonly User[]> {
    return this.accountRows.load(ALL);
  }

  /** The keys that the caller can see, newest first: of an owner, or all. Without those revoked by this process. */
  async freshKeys(ownerId?: string): Promise<readonly Key[]> {
    const keys = await this.keyRows.load(ownerId ?? ALL);
    return keys.filter(
      ({ id, user_id }) =>
        (ownerId === undefined || user_id === ownerId) && !this.keys.isCleared(id),
    );
  }

  freshRoles(): Promise<RoleCatalog> {
    return this.roleRows.load(ALL);
  }

  /** Resolves once the server's database has answered a request that is sent after this call. */
  async databaseAnswers(): Promise<void> {
    await this.database.load(ALL);
  }

  /** This process has created or renamed the account. */
  primeAccount(account: User): void {
    this.accounts.prime(account);
  }

  /** This process has archived the account. */
  clearAccount(id: string): void {
    this.accounts.clear(id);
  }

  /** This process has created the key. */
  primeKey(key: Key): void {
    this.keys.prime(key);
  }

  /** This process has revoked the key. */
  clearKey(id: string, ownerId?: string): void {
    this.keys.clear(id);
    if (ownerId !== undefined) this.revokedOwners.add(ownerId);
  }

  /** Whether this process has revoked keys of an owner: a read replica may still show them. */
  hasRevokedKeysOf(ownerId: string): boolean {
    return this.revokedOwners.has(ownerId);
  }
}

/** The accounts with these ids; missing ids are omitted. */
async function accountsById(api: FlexpriceApi, ids: readonly string[]): Promise<User[]> {
  const found: User[] = [];
  for (let from = 0; from < ids.length; from += MAX_SEARCH_IDS) {
    const some = ids.slice(from, from + MAX_SEARCH_IDS);
    found.push(...(await api.searchAccounts({ limit: some.length, offset: 0 }, some)).items);
  }
  return found;
}

/** Undefined: others revoke keys faster than the whole list can be read, and the owners' lists do as well. */
async function allKeys(
  api: FlexpriceApi,
  owners: readonly string[],
): Promise<readonly Key[] | undefined> {
  try {
    return await listAllConsistent(KEYS, (page) => api.listKeys(page));
  } catch (error) {
    if (owners.includes(ALL) || !isFailure(error, "conflict")) throw error;
    return undefined;
  }
}

function keysOf(api: FlexpriceApi, owner: string): Promise<Key[]> {
  return listAllConsistent(`${KEYS} of ${owner}`, (page) => api.listKeys(page, owner));
}
