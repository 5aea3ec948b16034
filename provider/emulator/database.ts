import type { Instant } from "./instant";

/** A person, or an account that only has keys. */
export type UserType = "user" | "service_account";
/** `private_key`: authenticates with the header x-api-key. `publishable_key`: never authenticates. */
export type KeyType = "private_key" | "publishable_key";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: bigint;
  readonly isSuspended: boolean;
}

export interface Environment {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly type: string;
  readonly createdAt: bigint;
}

export interface User {
  readonly id: string;
  readonly tenantId: string;
  readonly type: UserType;
  readonly email: string;
  readonly password: string;
  readonly createdAt: bigint;
  readonly name: string;
  readonly roles: readonly string[];
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly status: "published" | "archived";
}

export interface Key {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly userId: string;
  readonly userType: UserType;
  readonly type: KeyType;
  readonly name: string;
  readonly value: string;
  readonly roles: readonly string[];
  readonly createdAt: bigint;
  readonly expiresAt?: Instant | undefined;
  readonly status: "published" | "deleted";
}

/** Rows are never changed, only replaced, so that two databases can share them. */
export class Tables {
  readonly tenants = new Map<string, Tenant>();
  readonly environments = new Map<string, Environment>();
  readonly users = new Map<string, User>();
  readonly keys = new Map<string, Key>();
  /** Ids of keys. */
  readonly keysByValue = new Map<string, string>();
}

/** The rows of all tables, oldest first. */
export interface Rows {
  readonly tenants: readonly Tenant[];
  readonly environments: readonly Environment[];
  readonly users: readonly User[];
  readonly keys: readonly Key[];
}

type Write = (tables: Tables) => void;

/** A database with a read replica, which shows changes this many milliseconds later. */
export class Database {
  private readonly primary = new Tables();
  private readonly replica: Tables;
  private readonly underWay: { readonly arrivesAt: number; readonly write: Write }[] = [];
  private serving: "from replica" | "from primary" | undefined;
  private hasChanged = false;

  /** @param onChange - Called after each request with changes, before its response, and after each other change. */
  constructor(
    private readonly now: () => number,
    private readonly lagMs: number,
    private readonly onChange: () => void = () => {},
  ) {
    this.replica = lagMs > 0 ? new Tables() : this.primary;
  }

  /** A request sees the replica until it writes. Everything else sees the primary. */
  get tables(): Tables {
    return this.serving === "from replica" ? this.replica : this.primary;
  }

  /** Runs one request. */
  serve<Result>(request: () => Result): Result {
    this.catchUp(this.now());
    this.serving = "from replica";
    try {
      return request();
    } finally {
      this.serving = undefined;
      this.announceChange();
    }
  }

  /** Changes by a test, without a request, are on the replica at once, with everything before them. */
  write(write: Write): void {
    write(this.primary);
    this.hasChanged = true;
    if (this.replica !== this.primary) {
      this.underWay.push({ arrivesAt: this.now() + this.lagMs, write });
      if (this.serving === undefined) this.catchUp(Number.POSITIVE_INFINITY);
    }
    if (this.serving === undefined) this.announceChange();
    else this.serving = "from primary";
  }

  /** The rows of the primary. */
  rows(): Rows {
    const { tenants, environments, users, keys } = this.primary;
    return {
      tenants: [...tenants.values()],
      environments: [...environments.values()],
      users: [...users.values()],
      keys: [...keys.values()],
    };
  }

  private announceChange(): void {
    if (!this.hasChanged) return;
    this.hasChanged = false;
    this.onChange();
  }

  private catchUp(now: number): void {
    for (let [next] = this.underWay; next && next.arrivesAt <= now; [next] = this.underWay) {
      this.underWay.shift();
      next.write(this.replica);
    }
  }
}
