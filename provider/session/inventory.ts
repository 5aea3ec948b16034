import type { FlexpriceApi } from "../api/endpoints";
import { listAllConsistent } from "../api/pagination";
import type { Key, Role, User } from "../api/schemas";
import { accountsById } from "./directory";
import { Gathering } from "./gathering";

/** From this many owners on, one list of all keys costs less than one of each. */
const MAX_OWNERS = 24;

/** What a question asks for that names no id or owner. */
const ALL = undefined;

/** All roles of a server, and which of them a service account can be given. */
export interface RoleCatalogue {
  readonly all: readonly Role[];
  readonly assignable: readonly Role[];
}

/**
 * What the server holds at the moment of the question, whole or an error. Questions that come together share
 * requests; nothing is kept.
 */
export class Inventory {
  private readonly accountRows: Gathering<string | typeof ALL, readonly User[]>;
  private readonly keyRows: Gathering<string | typeof ALL, readonly Key[]>;
  private readonly roleRows: Gathering<typeof ALL, RoleCatalogue>;

  constructor(api: FlexpriceApi, sleep: (ms: number) => Promise<void>) {
    this.accountRows = new Gathering(sleep, (asked) => {
      const ids = asked.filter((id) => id !== ALL);
      return ids.length === asked.length ? accountsById(api, ids) : allAccounts(api);
    });
    this.keyRows = new Gathering(sleep, async (asked) => {
      const owners = asked.includes(ALL) || asked.length > MAX_OWNERS ? [ALL] : asked;
      return (await Promise.all(owners.map((owner) => keysOf(api, owner)))).flat();
    });
    this.roleRows = new Gathering(sleep, async () => {
      const [all, assignable] = await Promise.all([api.roles("all"), api.roles("assignable")]);
      return { all, assignable };
    });
  }

  /** The account, unless the tenant has none with this id that is not archived. */
  async account(id: string): Promise<User | undefined> {
    return (await this.accountRows.ask(id)).find((account) => account.id === id);
  }

  /** The service accounts that are not archived, newest first. */
  accounts(): Promise<readonly User[]> {
    return this.accountRows.ask(ALL);
  }

  /** The keys that the list shows the caller, newest first: of an owner, or all. */
  async keys(ownerId?: string): Promise<readonly Key[]> {
    const keys = await this.keyRows.ask(ownerId);
    return ownerId === undefined ? keys : keys.filter((key) => key.user_id === ownerId);
  }

  roles(): Promise<RoleCatalogue> {
    return this.roleRows.ask(ALL);
  }
}

function allAccounts(api: FlexpriceApi): Promise<User[]> {
  const operation = "list the service accounts";
  return listAllConsistent((page) => api.searchAccounts(page, operation), operation);
}

function keysOf(api: FlexpriceApi, owner: string | undefined): Promise<Key[]> {
  const operation = `list the API keys${owner === undefined ? "" : ` of ${owner}`}`;
  return listAllConsistent((page) => api.listKeys(page, operation, owner), operation);
}
