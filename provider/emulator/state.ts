import { refuse } from "./answers";
import { asStored, type Instant, nanosOf } from "./instant";
import { ulid } from "./ulid";

/** A person, or an account that only has keys. */
export type UserType = "user" | "service_account";
/** What the header x-api-key takes, or a key that never authenticates. */
export type KeyType = "private_key" | "publishable_key";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: bigint;
  isSuspended: boolean;
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
  name: string;
  roles: string[];
  metadata?: Record<string, string>;
  status: "published" | "archived";
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
  expiresAt?: Instant;
  status: "published" | "deleted";
}

export interface NewUser {
  tenantId: string;
  type: UserType;
  roles: readonly string[];
  name?: string;
  email?: string;
  password?: string;
}

export interface NewKey {
  tenantId: string;
  environmentId: string;
  userId: string;
  userType: UserType;
  roles: readonly string[];
  name: string;
  type?: KeyType;
  expiresAt?: Instant | undefined;
}

/** The tenant that the default configuration of the server brings along. */
export const DEFAULT_TENANT_ID = "00000000-0000-0000-0000-000000000000";
/** A key of {@link DEFAULT_TENANT_ID} that lives in the configuration, not in the database. */
export const CONFIGURED_API_KEY = "sk_local_flexprice_test_key";

const LONGEST_NAME = 255;

/** The database: everything the server would keep, and the clock and chance it works by. */
export class State {
  readonly tenants = new Map<string, Tenant>();
  readonly environments = new Map<string, Environment>();
  readonly users = new Map<string, User>();
  readonly keys = new Map<string, Key>();
  readonly keysByValue = new Map<string, Key>();
  private lastNanos = 0n;

  constructor(
    readonly clock: () => Date,
    readonly random: () => number,
    private readonly isDown: () => boolean,
  ) {
    this.addTenant("Default Tenant", DEFAULT_TENANT_ID);
    this.addEnvironment(DEFAULT_TENANT_ID, "Sandbox", "development", DEFAULT_TENANT_ID);
    this.addUser(
      { tenantId: DEFAULT_TENANT_ID, type: "user", roles: ["super_admin"] },
      DEFAULT_TENANT_ID,
    );
  }

  now(): bigint {
    return nanosOf(this.clock());
  }

  newId(prefix: string): string {
    return `${prefix}_${ulid(this.clock().getTime(), this.random)}`;
  }

  /** Throws what a handler answers when it reaches for the database during an outage. */
  reach(message: string, details?: Record<string, unknown>): void {
    if (this.isDown()) throw refuse("database_error", message, details);
  }

  get down(): boolean {
    return this.isDown();
  }

  addTenant(name: string, id = this.newId("tenant")): Tenant {
    const tenant = { id, name, createdAt: this.creationTime(), isSuspended: false };
    this.tenants.set(id, tenant);
    return tenant;
  }

  addEnvironment(
    tenantId: string,
    name: string,
    type = "development",
    id = this.newId("env"),
  ): Environment {
    const environment = { id, tenantId, name, type, createdAt: this.creationTime() };
    this.environments.set(id, environment);
    return environment;
  }

  addUser(user: NewUser, id = this.newId("user")): User {
    const added: User = {
      id,
      tenantId: user.tenantId,
      type: user.type,
      email: user.email ?? "",
      password: user.password ?? "",
      createdAt: this.creationTime(),
      name: user.name ?? "",
      roles: [...user.roles],
      status: "published",
    };
    this.users.set(id, added);
    return added;
  }

  addKey(key: NewKey): Key {
    const type = key.type ?? "private_key";
    const added: Key = {
      id: this.newId("secret"),
      tenantId: key.tenantId,
      environmentId: key.environmentId,
      userId: key.userId,
      userType: key.userType,
      type,
      name: key.name,
      value: this.newId(type === "private_key" ? "sk" : "pk"),
      roles: [...key.roles],
      createdAt: this.creationTime(),
      ...(key.expiresAt && { expiresAt: key.expiresAt }),
      status: "published",
    };
    this.keys.set(added.id, added);
    this.keysByValue.set(added.value, added);
    return added;
  }

  user(tenantId: string, id: string): User | undefined {
    const user = this.users.get(id);
    return user?.tenantId === tenantId ? user : undefined;
  }

  tenantOf(tenantId: string): Tenant {
    const tenant = this.tenants.get(tenantId);
    if (!tenant) throw new Error(`the emulator has no tenant ${tenantId}`);
    return tenant;
  }

  /** What counts when an account is archived: any type, any environment, not yet expired. */
  hasActiveKeys(userId: string): boolean {
    const now = this.now();
    for (const key of this.keys.values()) {
      const expired = key.expiresAt !== undefined && asStored(key.expiresAt).nanos <= now;
      if (key.userId === userId && key.status === "published" && !expired) return true;
    }
    return false;
  }

  /**
   * Creation times never repeat within a microsecond, even when the clock stands still: the order
   * of a list would otherwise depend on chance, which it does not on a real server.
   */
  private creationTime(): bigint {
    const withinMillisecond = BigInt(Math.floor(this.random() * 1_000_000));
    const candidate = this.now() + withinMillisecond;
    const behind = this.lastNanos - candidate;
    const wouldRepeat = behind > -1000n && behind < 1_000_000_000n;
    this.lastNanos = wouldRepeat ? this.lastNanos + 1000n + (withinMillisecond % 1000n) : candidate;
    return this.lastNanos;
  }
}

/** True for what the name column refuses: more than 255 characters, or a NUL. */
export function isUnstorableName(name: string): boolean {
  return name.includes("\0") || [...name].length > LONGEST_NAME;
}

/** The first five and last two characters, so not unique. */
export function displayId(value: string): string {
  return `${value.slice(0, 5)}***${value.slice(-2)}`;
}
