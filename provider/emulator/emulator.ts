import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Authentication } from "./auth";
import type { Key, KeyType, User, UserType } from "./database";
import { FaultPlan } from "./faults";
import { formatInstant, nanosOf, utc } from "./instant";
import { isWrite, type RecordedRequest } from "./recording";
import { RequestHandler } from "./server";
import { addTenantWithAdministrator } from "./sign-in";
import { displayId, type Snapshot, State } from "./state";

/** Options of {@link Emulator.start}. */
export interface EmulatorOptions {
  /** The address to listen on. Default: "127.0.0.1". */
  host?: string;
  /** Default: 0, any free port. */
  port?: number;
  /**
   * The clock for ids, the Date header, expiry and tokens.
   * Default: the real clock.
   */
  clock?: () => Date;
  /** Random numbers from 0 to below 1, for ids, the order of roles and random statuses. Default: Math.random. */
  random?: () => number;
  /**
   * How long a key keeps working after its first use, even if it is revoked in the meantime, in milliseconds. On a
   * real server, this is 120,000. Using the key again does not extend it, and expiry takes effect at once.
   * Default: 0, so revocation takes effect at once too.
   */
  revocationDelayMs?: number;
  /**
   * How long the changes of one request stay invisible to others, in milliseconds, as on a server with a read replica:
   * creating a key for a new account returns 404, an account whose keys were just revoked cannot be archived, and
   * lists and searches lag behind. Changes by the methods of this class, and all earlier ones, are visible at once.
   * Default: 0.
   */
  replicaLagMs?: number;
  /** Called with each request after its response. */
  onResponse?: (request: RecordedRequest) => void;
  /** What an earlier emulator had stored. Default: an empty database. */
  snapshot?: Snapshot | undefined;
  /** Called with all data after each change. A change by a request calls it before the response. */
  onChange?: (snapshot: Snapshot) => void;
}

/** A tenant's first super_admin user, with its credentials. */
export interface Operator {
  /** `tenant_…` */
  tenantId: string;
  /** The environment "Sandbox", to which the key belongs. */
  environmentId: string;
  /** `user_…` */
  userId: string;
  /** A private key of this user, for the header x-api-key. */
  apiKey: string;
  /** A JWT of this user, valid for 30 days, for the header `Authorization: Bearer …`. */
  accessToken: string;
  /** For `POST /auth/login`. */
  email: string;
  /** For `POST /auth/login`. */
  password: string;
}

/** A copy of a user or service account in the database. */
export interface EmulatedUser {
  /** `user_…` */
  id: string;
  /** `tenant_…` */
  tenantId: string;
  /** "" if it has none. */
  name: string;
  /** `user` or `service_account`. */
  type: UserType;
  /** In the order given at creation, duplicates included. */
  roles: string[];
  /** Set by the account itself, with `PUT /users/me`. */
  metadata?: Record<string, string>;
  /** "archived" after deletion. */
  status: "published" | "archived";
  /** By the emulator's clock. */
  createdAt: Date;
}

/** A copy of an API key in the database. */
export interface EmulatedKey {
  /** `secret_…` */
  id: string;
  /** `tenant_…` */
  tenantId: string;
  /** The key's environment, `env_…`. */
  environmentId: string;
  /** The user or service account that the key acts for, `user_…`. */
  userId: string;
  /** The type of its owner. */
  userType: UserType;
  /** Only private keys authenticate. */
  type: KeyType;
  /** The name that the dashboard shows. */
  name: string;
  /** The value of the key. */
  value: string;
  /** Its first five and last two characters, as lists show it. */
  displayId: string;
  /** The roles of its owner when the key was created. */
  roles: string[];
  /** "deleted" after revocation. Expiry does not change the status. */
  status: "published" | "deleted";
  /** By the emulator's clock. */
  createdAt: Date;
  /** RFC 3339, verbatim from the request. */
  expiresAt?: string;
}

/** Bytes that Go reads of a request line and its headers. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** Flexprice in memory, over real HTTP. */
export class Emulator {
  /** Starts an emulator, by default with an empty database. */
  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    const host = options.host ?? "127.0.0.1";
    const server = createServer({
      keepAlive: true,
      requestTimeout: 0,
      maxHeaderSize: MAX_HEAD_BYTES,
    });
    // A Go server keeps idle connections; closing them would race with the next request.
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, host, () => resolve());
    });
    return new Emulator(server, host, options);
  }

  /** The base URL, with /v1 and without a slash at the end. */
  readonly url: string;

  /** All requests, in order of arrival. */
  readonly requests: RecordedRequest[];

  /** Faults for the next requests, and the database outage. */
  readonly faults = new FaultPlan();

  private readonly state: State;
  private readonly authentication: Authentication;
  private stopped: Promise<void> | undefined;
  private tenantCount = 0;

  private constructor(
    private readonly server: Server,
    host: string,
    options: EmulatorOptions,
  ) {
    const { port } = server.address() as AddressInfo;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/v1`;
    const { clock = () => new Date(), random = Math.random } = options;
    const { revocationDelayMs = 0, replicaLagMs, snapshot, onChange } = options;
    const isDown = () => this.faults.outage;
    this.state = new State({ clock, random, isDown, replicaLagMs, snapshot, onChange });
    this.authentication = new Authentication(this.state, revocationDelayMs);
    const handler = new RequestHandler(
      this.state,
      this.authentication,
      this.faults,
      options.onResponse,
    );
    this.requests = handler.requests;
    server.on("request", (request, response) => handler.receive(request, response));
  }

  /** Closes the port and all connections at once. You can call it more than once. */
  stop(): Promise<void> {
    this.stopped ??= new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
    return this.stopped;
  }

  /** Clears the list of recorded requests. Their effects stay. */
  clearRequests(): void {
    this.requests.length = 0;
  }

  /** The recorded requests that request a change, without reads, searches and logins. */
  writes(): RecordedRequest[] {
    return this.requests.filter(isWrite);
  }

  /** Creates a tenant, its environment "Sandbox" and its first super_admin with a private key. */
  createTenant(input: { name?: string; email?: string } = {}): Operator {
    this.tenantCount++;
    const suffix = this.tenantCount === 1 ? "" : String(this.tenantCount);
    const { name = `Example${suffix && ` ${suffix}`}`, email = `admin${suffix}@example.com` } =
      input;
    const password = "correct horse battery staple";
    const user = addTenantWithAdministrator(this.state, name, email, password);
    const { id: userId, tenantId } = user;
    const [environmentId = ""] = this.environments(tenantId);
    const { value } = this.createKey(userId, environmentId, { name: "admin key" });
    const accessToken = this.authentication.issueToken(userId, tenantId);
    return { tenantId, environmentId, userId, apiKey: value, accessToken, email, password };
  }

  /** Adds a development environment and returns its id. */
  createEnvironment(tenantId: string, name: string): string {
    return this.state.addEnvironment(this.state.tenantOf(tenantId).id, name).id;
  }

  /** The ids of a tenant's environments, oldest first. */
  environments(tenantId: string): string[] {
    return [...this.state.environments.values()]
      .filter((environment) => environment.tenantId === tenantId)
      .map(({ id }) => id);
  }

  /** Adds a user with these roles, e.g. ["all_reader"]. Roles are not checked. */
  createUser(tenantId: string, roles: string[]): Pick<Operator, "userId" | "accessToken"> {
    const email = `user${this.state.users.size}@example.com`;
    const user = this.state.addUser({
      tenantId: this.state.tenantOf(tenantId).id,
      type: "user",
      roles,
      email,
    });
    return { userId: user.id, accessToken: this.authentication.issueToken(user.id, tenantId) };
  }

  /** Adds a service account, without a request. */
  createAccount(
    tenantId: string,
    account: { name?: string; roles: readonly string[] },
  ): EmulatedUser {
    const tenant = this.state.tenantOf(tenantId);
    const type = "service_account";
    return accountOf(this.state.addUser({ tenantId: tenant.id, type, ...account }));
  }

  /** Adds a key of this user or service account, without a request. */
  createKey(
    userId: string,
    environmentId: string,
    key: { name: string; type?: KeyType; expiresAt?: Date },
  ): EmulatedKey {
    const { tenantId, type: userType, roles } = this.findUser(userId);
    const { expiresAt, ...rest } = key;
    const added = this.state.addKey({
      ...rest,
      tenantId,
      environmentId,
      userId,
      userType,
      roles,
      expiresAt: expiresAt && utc(nanosOf(expiresAt)),
    });
    return keyOf(added);
  }

  /** The service accounts, including archived ones, oldest first. Default: of all tenants. */
  accounts(tenantId?: string): EmulatedUser[] {
    return [...this.state.users.values()]
      .filter((user) => user.type === "service_account")
      .filter((user) => tenantId === undefined || user.tenantId === tenantId)
      .map(accountOf);
  }

  /** All keys, including publishable, expired and revoked ones, oldest first. Default: of all tenants. */
  keys(tenantId?: string): EmulatedKey[] {
    return [...this.state.keys.values()]
      .filter((key) => tenantId === undefined || key.tenantId === tenantId)
      .map(keyOf);
  }

  /** Renames a service account. */
  renameAccount(id: string, name: string): void {
    this.state.changeUser(this.findUser(id).id, { name });
  }

  /** Changes the roles of a service account, which the API cannot do. Its keys keep their roles. */
  setRoles(id: string, roles: string[]): void {
    this.state.changeUser(this.findUser(id).id, { roles: [...roles] });
  }

  /** Archives a service account, even if it has active keys. */
  archiveAccount(id: string): void {
    this.state.changeUser(this.findUser(id).id, { status: "archived" });
  }

  /** Revokes a key, as a DELETE request does, with the delay of `revocationDelayMs`. */
  revokeKey(id: string): void {
    this.state.changeKey(this.findKey(id).id, { status: "deleted" });
  }

  /** Changes the expiry of a key. Default: one second ago. */
  expireKey(id: string, at: Date = new Date(this.state.clock().getTime() - 1000)): void {
    this.state.changeKey(this.findKey(id).id, { expiresAt: utc(nanosOf(at)) });
  }

  /** Makes all writes of the tenant return 403; `false` ends this. */
  suspendTenant(tenantId: string, isSuspended = true): void {
    this.state.changeTenant(this.state.tenantOf(tenantId).id, { isSuspended });
  }

  private findUser(id: string): User {
    const user = this.state.users.get(id);
    if (!user) throw new Error(`the emulator has no user ${id}`);
    return user;
  }

  private findKey(id: string): Key {
    const key = this.state.keys.get(id);
    if (!key) throw new Error(`the emulator has no key ${id}`);
    return key;
  }
}

function accountOf(user: User): EmulatedUser {
  const { id, tenantId, name, type, roles, metadata, status, createdAt } = user;
  return {
    id,
    tenantId,
    name,
    type,
    roles: [...roles],
    ...(metadata && { metadata: { ...metadata } }),
    status,
    createdAt: toDate(createdAt),
  };
}

function keyOf(key: Key): EmulatedKey {
  const { createdAt, expiresAt, value, roles, ...rest } = key;
  return {
    ...rest,
    value,
    displayId: displayId(value),
    roles: [...roles],
    createdAt: toDate(createdAt),
    ...(expiresAt && { expiresAt: formatInstant(expiresAt) }),
  };
}

function toDate(nanos: bigint): Date {
  return new Date(Number(nanos / 1_000_000n));
}
