import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer } from "./answers";
import { Authentication } from "./auth";
import type { Key, KeyType, User, UserType } from "./database";
import { FaultPlan } from "./faults";
import { formatInstant, nanosOf, utc } from "./instant";
import { respond } from "./processing";
import { isWrite, parseBody, type RecordedRequest } from "./recording";
import { send, sendSpoilt, substitute } from "./sending";
import { addTenantWithAdministrator } from "./sign-in";
import { displayId, State } from "./state";
import { ulid } from "./ulid";

/** How an emulator is started. */
export interface EmulatorOptions {
  /** The address to listen on. Default "127.0.0.1". */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /**
   * Every time that the server shows or compares comes from it: ids, Date header, expiry, tokens.
   * Default: the real clock.
   */
  clock?: () => Date;
  /** From 0 to below 1; ids, the order of roles, random statuses. Default Math.random. */
  random?: () => number;
  /**
   * With 120,000 a key behaves as on a real server: loaded by its first use, it keeps answering
   * for that many milliseconds after it was loaded, even when it is revoked meanwhile. Using it
   * does not extend this. Expiry takes effect at once all the same. Default 0: so does revocation.
   */
  revocationDelayMs?: number;
  /**
   * For how long one request does not see what another has written, in milliseconds, as on a server with a read
   * replica: a key for an account that was just made is refused with 404, an account whose keys were just revoked
   * cannot be archived, lists and searches are late. What the methods of this class change is seen at once, and so
   * is by then everything before it. Default 0.
   */
  replicaLagMs?: number;
  /** Called with each request once it is answered. Default: nothing. */
  onAnswer?: (request: RecordedRequest) => void;
}

/** A tenant's first super_admin user, with what it takes to act as one. */
export interface Operator {
  /** `tenant_…` */
  tenantId: string;
  /** The environment "Sandbox", which the key is pinned to. */
  environmentId: string;
  /** `user_…` */
  userId: string;
  /** A private key of this user: for the header x-api-key. */
  apiKey: string;
  /** A JWT of this user, valid for 30 days: for the header Authorization, after "Bearer ". */
  accessToken: string;
  /** For `POST /auth/login`. */
  email: string;
  /** For `POST /auth/login`. */
  password: string;
}

/** A service account, as the database has it. A copy: changing it changes nothing. */
export interface EmulatedUser {
  /** `user_…` */
  id: string;
  /** `tenant_…` */
  tenantId: string;
  /** "" when it has none. */
  name: string;
  /** What it is; accounts that are made through the API are service accounts. */
  type: UserType;
  /** In the order given at creation, duplicates included. */
  roles: string[];
  /** What the account wrote about itself, with `PUT /users/me`. */
  metadata?: Record<string, string>;
  /** "archived" once it was deleted. */
  status: "published" | "archived";
  /** By the emulator's clock. */
  createdAt: Date;
}

/** An API key, as the database has it. A copy: changing it changes nothing. */
export interface EmulatedKey {
  /** `secret_…` */
  id: string;
  /** `tenant_…` */
  tenantId: string;
  /** The environment that the key is pinned to, `env_…`. */
  environmentId: string;
  /** Who the key acts for, `user_…`. */
  userId: string;
  /** What its owner is. */
  userType: UserType;
  /** Only private keys authenticate. */
  type: KeyType;
  /** What the dashboard shows. */
  name: string;
  /** The key itself. */
  value: string;
  /** Its first five and last two characters, as lists show it. */
  displayId: string;
  /** Those of its owner when the key was made. */
  roles: string[];
  /** "deleted" once it was revoked. Expiry does not change it. */
  status: "published" | "deleted";
  /** By the emulator's clock. */
  createdAt: Date;
  /** RFC 3339, as it was given. */
  expiresAt?: string;
}

/** Bytes that Go reads of a request line and its headers. */
const LARGEST_HEAD = 1024 * 1024;

/** What a server adds to every answer. */
const HEADERS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
  "Access-Control-Allow-Headers": "*",
  "Access-Control-Max-Age": "86400",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** Flexprice in memory, over real HTTP. */
export class Emulator {
  /** Starts one with an empty database of its own. */
  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    const host = options.host ?? "127.0.0.1";
    const server = createServer({
      keepAlive: true,
      requestTimeout: 0,
      maxHeaderSize: LARGEST_HEAD,
    });
    // A Go server keeps idle connections; closing them would race with the next request.
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, host, () => resolve());
    });
    return new Emulator(server, host, options);
  }

  /** The base URL, with /v1 and without a slash behind it. */
  readonly url: string;

  /** Every request in the order of arrival. */
  readonly requests: RecordedRequest[] = [];

  /** The faults to come, and the database outage. */
  readonly faults = new FaultPlan();

  private readonly state: State;
  private readonly authentication: Authentication;
  private readonly onAnswer: ((request: RecordedRequest) => void) | undefined;
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
    const { revocationDelayMs = 0, replicaLagMs } = options;
    this.state = new State(clock, random, () => this.faults.outage, replicaLagMs);
    this.authentication = new Authentication(this.state, revocationDelayMs);
    this.onAnswer = options.onAnswer;
    server.on("request", (request, response) => this.receive(request, response));
  }

  /** Closes the port and every connection at once. May be called again. */
  stop(): Promise<void> {
    this.stopped ??= new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
    return this.stopped;
  }

  /** Forgets the recorded requests, not what they did. */
  clearRequests(): void {
    this.requests.length = 0;
  }

  /** The recorded requests that ask for a change: not reads, searches and logins. */
  writes(): RecordedRequest[] {
    return this.requests.filter(isWrite);
  }

  /** Makes a tenant, its environment "Sandbox" and its first super_admin with a private key. */
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

  /** Adds an ordinary user with these roles, e.g. ["all_reader"]; they are not checked. */
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

  /** Adds a service account without a request. */
  createAccount(
    tenantId: string,
    account: { name?: string; roles: readonly string[] },
  ): EmulatedUser {
    const tenant = this.state.tenantOf(tenantId);
    const type = "service_account";
    return accountOf(this.state.addUser({ tenantId: tenant.id, type, ...account }));
  }

  /** Adds a key of this user or service account without a request. */
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

  /** The service accounts, archived ones too, oldest first. Default: of all tenants. */
  accounts(tenantId?: string): EmulatedUser[] {
    return [...this.state.users.values()]
      .filter((user) => user.type === "service_account")
      .filter((user) => tenantId === undefined || user.tenantId === tenantId)
      .map(accountOf);
  }

  /** All keys, publishable, expired and revoked ones too, oldest first. Default: of all tenants. */
  keys(tenantId?: string): EmulatedKey[] {
    return [...this.state.keys.values()]
      .filter((key) => tenantId === undefined || key.tenantId === tenantId)
      .map(keyOf);
  }

  /** Renames a service account. */
  renameAccount(id: string, name: string): void {
    this.state.changeUser(this.findUser(id).id, { name });
  }

  /** Changes the roles of a service account, which the API refuses; its keys keep theirs. */
  setRoles(id: string, roles: string[]): void {
    this.state.changeUser(this.findUser(id).id, { roles: [...roles] });
  }

  /** Archives a service account even when it has active keys. */
  archiveAccount(id: string): void {
    this.state.changeUser(this.findUser(id).id, { status: "archived" });
  }

  /** Revokes a key, as its deletion does: with the delay of `revocationDelayMs`. */
  revokeKey(id: string): void {
    this.state.changeKey(this.findKey(id).id, { status: "deleted" });
  }

  /** Moves the expiry of a key. Default: one second ago. */
  expireKey(id: string, at: Date = new Date(this.state.clock().getTime() - 1000)): void {
    this.state.changeKey(this.findKey(id).id, { expiresAt: utc(nanosOf(at)) });
  }

  /** From now on the tenant's writes answer 403; false ends that. */
  suspendTenant(tenantId: string, isSuspended = true): void {
    this.state.changeTenant(this.state.tenantOf(tenantId).id, { isSuspended });
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    const record: RecordedRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: flatHeaders(request),
      body: undefined,
      at: this.state.clock(),
    };
    this.requests.push(record);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      record.body = parseBody(body);
      this.answer(request, response, record, body);
      this.onAnswer?.(record);
    });
    request.on("error", () => {}); // the client left before it had said everything
  }

  private answer(
    request: IncomingMessage,
    response: ServerResponse,
    record: RecordedRequest,
    body: string,
  ): void {
    response.sendDate = false; // Node would take the real clock
    response.setHeader("Date", this.state.clock().toUTCString());
    const requestId = record.headers["x-request-id"];
    response.setHeader("X-Request-Id", requestId || this.newRequestId());
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);

    const incoming = {
      method: record.method,
      target: record.path,
      headers: firstHeaders(request),
      body,
    };
    const effect = () => respond(incoming, this.state, this.authentication);
    const fault = this.faults.take(record);
    if (!fault) {
      const answer = effect();
      send(response, answer);
      recordAnswer(record, answer);
      return;
    }
    record.fault = `${fault.kind} ${fault.when}`;
    if (fault.kind === "duplicate") effect();
    const hasEffect = fault.when === "after" || fault.kind === "duplicate";
    const offered = sendSpoilt(response, hasEffect ? effect() : substitute(fault), fault);
    if (offered) recordAnswer(record, offered);
  }

  private newRequestId(): string {
    return ulid(this.state.clock().getTime(), this.state.random);
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

function recordAnswer(record: RecordedRequest, answer: Answer): void {
  record.status = answer.status;
  const sent = answer.json ?? answer.text;
  if (sent !== undefined) record.responseBody = structuredClone(sent);
}

/** Of a header that comes twice Go gives the first. */
function firstHeaders({ headersDistinct }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headersDistinct).map(([name, [first = ""] = []]) => [name, first]),
  );
}

function flatHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
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
