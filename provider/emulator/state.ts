import { randomBytes } from "node:crypto";
import { refuse } from "./answers";
import {
  Database,
  type Environment,
  type Key,
  type KeyType,
  type Rows,
  type Tables,
  type Tenant,
  type User,
} from "./database";
import { asStored, nanosOf } from "./instant";
import { ulid } from "./random";

export type NewUser = Pick<User, "tenantId" | "type" | "roles"> &
  Partial<Pick<User, "name" | "email" | "password">>;

export type NewKey = Omit<Key, "id" | "type" | "value" | "createdAt" | "status"> & {
  readonly type?: KeyType;
};

/** The tenant in the default configuration of the server. */
export const DEFAULT_TENANT_ID = "00000000-0000-0000-0000-000000000000";
/** A key of {@link DEFAULT_TENANT_ID} that lives in the configuration, not in the database. */
export const CONFIGURED_API_KEY = "sk_local_flexprice_test_key";

const MAX_NAME_LENGTH = 255;

/** What a server has stored, for another one that continues with it. Holds passwords and the values of keys. */
export interface Snapshot extends Rows {
  /** Signs the access tokens. In hexadecimal. */
  readonly tokenSecret: string;
}

export interface StateOptions {
  readonly clock: () => Date;
  readonly random: () => number;
  readonly isDown: () => boolean;
  readonly replicaLagMs?: number | undefined;
  /** What to start with. Default: the tenant in the default configuration of the server. */
  readonly snapshot?: Snapshot | undefined;
  readonly onChange?: ((snapshot: Snapshot) => void) | undefined;
}

/** Everything that the server stores, with its clock and its source of random numbers. */
export class State {
  readonly clock: () => Date;
  readonly random: () => number;
  /** In hexadecimal. */
  readonly tokenSecret: string;
  /** Whether the database is down. */
  readonly isDown: () => boolean;
  private readonly database: Database;
  private lastNanos = 0n;

  constructor({ clock, random, isDown, replicaLagMs = 0, snapshot, onChange }: StateOptions) {
    this.clock = clock;
    this.random = random;
    this.isDown = isDown;
    this.tokenSecret = snapshot?.tokenSecret ?? randomBytes(32).toString("hex");
    this.database = new Database(
      () => clock().getTime(),
      replicaLagMs,
      onChange && (() => onChange({ ...this.database.rows(), tokenSecret: this.tokenSecret })),
    );
    if (snapshot === undefined) this.addDefaultTenant();
    else this.restore(snapshot);
  }

  private addDefaultTenant(): void {
    this.addTenant("Default Tenant", DEFAULT_TENANT_ID);
    this.addEnvironment(DEFAULT_TENANT_ID, "Sandbox", "development", DEFAULT_TENANT_ID);
    this.addUser(
      { tenantId: DEFAULT_TENANT_ID, type: "user", roles: ["super_admin"] },
      DEFAULT_TENANT_ID,
    );
  }

  private restore({ tenants, environments, users, keys }: Snapshot): void {
    this.database.write((tables) => {
      for (const row of tenants) tables.tenants.set(row.id, row);
      for (const row of environments) tables.environments.set(row.id, row);
      for (const row of users) tables.users.set(row.id, row);
      for (const row of keys) {
        tables.keys.set(row.id, row);
        tables.keysByValue.set(row.value, row.id);
      }
    });
  }

  get environments(): Tables["environments"] {
    return this.database.tables.environments;
  }

  get users(): Tables["users"] {
    return this.database.tables.users;
  }

  get keys(): Tables["keys"] {
    return this.database.tables.keys;
  }

  keyByValue(value: string): Key | undefined {
    const { keys, keysByValue } = this.database.tables;
    return keys.get(keysByValue.get(value) ?? "");
  }

  /** Runs one request, which sees the changes of others only once the replica has them. */
  serve<Result>(request: () => Result): Result {
    return this.database.serve(request);
  }

  now(): bigint {
    return nanosOf(this.clock());
  }

  newId(prefix: string): string {
    return `${prefix}_${ulid(this.clock().getTime(), this.random)}`;
  }

  /**
   * Throws the response of a handler whose database is down, or does not accept one of the texts.
   */
  reach(
    message: string,
    details?: Record<string, unknown>,
    texts: readonly (string | null)[] = [],
  ): void {
    if (this.isDown() || texts.some((text) => text !== null && !isStorable(text))) {
      throw refuse("database_error", message, details);
    }
  }

  addTenant(name: string, id = this.newId("tenant")): Tenant {
    const tenant = { id, name, createdAt: this.creationTime(), isSuspended: false };
    this.database.write(({ tenants }) => tenants.set(id, tenant));
    return tenant;
  }

  addEnvironment(
    tenantId: string,
    name: string,
    type = "development",
    id = this.newId("env"),
  ): Environment {
    const environment = { id, tenantId, name, type, createdAt: this.creationTime() };
    this.database.write(({ environments }) => environments.set(id, environment));
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
    this.database.write(({ users }) => users.set(id, added));
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
    this.database.write(({ keys, keysByValue }) => {
      keys.set(added.id, added);
      keysByValue.set(added.value, added.id);
    });
    return added;
  }

  changeTenant(id: string, changes: Partial<Tenant>): void {
    this.database.write(({ tenants }) => change(tenants, id, changes));
  }

  /** Changes only these columns. The caller may not have seen the others of the primary. */
  changeUser(id: string, changes: Partial<User>): User {
    this.database.write(({ users }) => change(users, id, changes));
    return rowOf(this.users, id);
  }

  changeKey(id: string, changes: Partial<Key>): void {
    this.database.write(({ keys }) => change(keys, id, changes));
  }

  user(tenantId: string, id: string): User | undefined {
    const user = this.users.get(id);
    return user?.tenantId === tenantId ? user : undefined;
  }

  tenantOf(tenantId: string): Tenant {
    const tenant = this.database.tables.tenants.get(tenantId);
    if (!tenant) throw new Error(`the emulator has no tenant ${tenantId}`);
    return tenant;
  }

  /** The keys that keep an account from being archived: any type, any environment, not yet expired. */
  hasActiveKeys(userId: string): boolean {
    const now = this.now();
    for (const key of this.keys.values()) {
      const expired = key.expiresAt !== undefined && asStored(key.expiresAt).nanos <= now;
      if (key.userId === userId && key.status === "published" && !expired) return true;
    }
    return false;
  }

  /**
   * Creation times differ by at least a microsecond, even if the clock stands still. Otherwise the order of a list
   * would be random, which it is not on a real server.
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

function change<Row>(rows: Map<string, Row>, id: string, changes: Partial<Row>): void {
  rows.set(id, { ...rowOf(rows, id), ...changes });
}

function rowOf<Row>(rows: Map<string, Row>, id: string): Row {
  const row = rows.get(id);
  if (row === undefined) throw new Error(`the emulator has no row ${id}`);
  return row;
}

/** PostgreSQL accepts every text without a NUL. */
export function isStorable(text: string): boolean {
  return !text.includes("\0");
}

/** The stored name: 255 characters. PostgreSQL only cuts off spaces; undefined: it rejects the name. */
export function storedName(name: string): string | undefined {
  const characters = [...name];
  const isRefused = characters.slice(MAX_NAME_LENGTH).some((character) => character !== " ");
  if (isRefused || !isStorable(name)) return undefined;
  return characters.slice(0, MAX_NAME_LENGTH).join("");
}

/** The first five and last two characters, so not unique. */
export function displayId(value: string): string {
  return `${value.slice(0, 5)}***${value.slice(-2)}`;
}
