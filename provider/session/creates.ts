import { createHash } from "node:crypto";
import type { Attempt, Platform } from "../api/client";
import type { FlexpriceApi, NewKey } from "../api/endpoints";
import { MAX_SILENT_MS, type Outcome, retryDelay, waitNotice } from "../api/retry";
import type { CreatedKey, Key, User } from "../api/schemas";
import type { Credential } from "../config/read";
import { FlexpriceError, isFailure, operation } from "../shared/errors";
import { quoted } from "../shared/redaction";
import { uniqueName } from "./auto-name";
import { archiveAccount } from "./key-verification";
import type { ManagedIds } from "./managed-ids";
import type { Reads } from "./reads";
import type { Journal, Note, PendingCreate } from "./recovery/journal";
import { isYoung, retryDespiteLag, waitForReplica } from "./replica-lag";

/** How many POSTs of one create may end with an unknown outcome before the create fails. */
const MAX_UNKNOWN = 3;

/** Pauses before each search for what a POST without a response has created, in milliseconds. */
const LOOKUP_DELAYS_MS: readonly number[] = [250, 1_500, 4_000];

/** How often an object is created again because its note was claimed, before the create continues without notes. */
const MAX_NOTES_LOST = 3;

/** How often to create a key again because its expiry is wrong. */
const MAX_WRONG_EXPIRIES = 2;

/** How far a lifetime may be off, in milliseconds: the time of a request plus one percent, up to a minute. */
const MIN_EXPIRY_TOLERANCE_MS = 5_000;
const MAX_EXPIRY_TOLERANCE_MS = 60_000;

export interface AccountSpec {
  /** Absent: the account gets a unique name. */
  readonly name?: string | undefined;
  /** What a unique name begins with. */
  readonly namePrefix: string;
  readonly roles: readonly string[];
}

export interface KeySpec {
  /** Absent: the key gets a unique name. */
  readonly name?: string | undefined;
  /** What a unique name begins with. */
  readonly namePrefix: string;
  readonly type: string;
  /** RFC 3339. */
  readonly expiresAt?: string | undefined;
  /** The lifetime in milliseconds, instead of `expiresAt`. */
  readonly lifetimeMs?: number | undefined;
  /** The account that the key acts for; absent: the caller. */
  readonly accountId?: string | undefined;
}

/** The account was created and stays, but it could not be given the requested name. */
export class UnnamedAccount extends Error {
  constructor(
    readonly account: User,
    readonly failure: FlexpriceError,
  ) {
    super(failure.message);
  }
}

/** Which server and credential a request belongs to, as notes record it. */
export type CreateOrigin = Pick<PendingCreate, "server" | "credential" | "environmentId">;

/** Identifies a credential without revealing it. */
export function hashOf({ value }: Credential): string {
  return createHash("sha256").update(`pulumi-flexprice ${value}`).digest("hex").slice(0, 16);
}

/** How to create one kind of object, for the loop around its POSTs. */
interface Plan<Created> {
  readonly nextName: () => string;
  readonly pending: (name: string) => PendingCreate;
  readonly post: (name: string) => Promise<Attempt<Created>>;
  /**
   * Searches once for what a POST without a response has created. `removed`: it was unusable, and is gone.
   * @throws FlexpriceError where nothing may be sent again.
   */
  readonly findCreated: (
    name: string,
    lost: FlexpriceError,
  ) => Promise<Created | "removed" | "nothing">;
  /** The last steps before the object is returned. Undefined: the object was unusable, and has been removed. */
  readonly finish: (created: Created, note: Note) => Promise<Finished<Created> | undefined>;
  /** Whether the error can come from a replica that does not know yet what this process has just done. */
  readonly isLag?: (error: FlexpriceError) => boolean;
  readonly idOf: (created: Created) => string;
  readonly remove: (created: Created) => Promise<void>;
}

interface Finished<Created> {
  readonly created: Created;
  /** Thrown after the note is removed. */
  readonly failure?: UnnamedAccount;
}

/** The POSTs of one create so far. */
interface Attempts {
  /** POSTs whose outcome stayed unknown. */
  unknown: number;
  /** POSTs since the last of those. */
  attempt: number;
  startedAt: number;
}

/**
 * Creates exactly one object per call. Flexprice has no idempotency key, and names are not unique. So each POST,
 * repeats included, carries a unique name, and a note on disk records the name before the POST is sent. Whatever has
 * this name was created by this POST, whenever it is found. A key that the program names is the exception: nothing is
 * sent again for it, and nothing is removed.
 */
export class Creates {
  constructor(
    readonly api: FlexpriceApi,
    private readonly reads: Reads,
    private readonly platform: Pick<Platform, "sleep" | "now" | "random" | "notify">,
    private readonly managed: ManagedIds,
    private readonly journal: Journal,
    private readonly origin: CreateOrigin,
  ) {}

  /**
   * POST /users with a unique name. If the program sets a name, PUT /users/{id} follows.
   * @throws FlexpriceError of kind `outcome_unknown` when the server keeps failing; UnnamedAccount.
   */
  async account(spec: AccountSpec, caller: User): Promise<User> {
    const { name: wanted, roles } = spec;
    const account = await this.create<User>({
      nextName: () => uniqueName(wanted ?? spec.namePrefix),
      pending: (name) => ({
        ...this.origin,
        tenantId: caller.tenant.id,
        kind: "account",
        name,
        settle: "remove",
      }),
      post: (name) => this.api.createAccount({ name, roles }),
      findCreated: (name) => this.findAccount(name),
      finish: async (created, note) => {
        if (wanted === undefined) return { created };
        // After the PUT, only the id connects the account with its note.
        this.journal.identify(note, created.id);
        return await this.giveName(created, wanted);
      },
      idOf: ({ id }) => id,
      remove: (created) => this.archive(created.id),
    });
    this.reads.primeAccount(account);
    return account;
  }

  /**
   * POST /secrets/api/keys. If the response is lost, the key's value is lost with it: the key is revoked, and another
   * one is created with another name. This needs a unique name, and a list that shows the key.
   * @throws FlexpriceError of kind `outcome_unknown` when the server keeps failing. Keys named by the program and
   *   publishable keys fail at the first lost response.
   */
  async key(spec: KeySpec, caller: User): Promise<CreatedKey> {
    const ownerId = spec.accountId ?? caller.id;
    const isUniquelyNamed = spec.name === undefined && spec.type === "private_key";
    /** How far the server's clock is ahead, once a created key has shown it. */
    let serverAheadMs: number | undefined;
    let wrongExpiries = 0;
    const created = await this.create<CreatedKey>({
      nextName: () => spec.name ?? uniqueName(spec.namePrefix),
      pending: (name) => ({
        ...this.origin,
        tenantId: caller.tenant.id,
        kind: "key",
        name,
        ownerId,
        keyType: spec.type,
        settle: isUniquelyNamed ? "remove" : "report",
      }),
      post: (name) => {
        const now =
          serverAheadMs === undefined ? this.api.serverNow() : this.platform.now() + serverAheadMs;
        const expiresAt =
          spec.lifetimeMs === undefined
            ? spec.expiresAt
            : new Date(now + spec.lifetimeMs).toISOString();
        const { type, accountId } = spec;
        return this.api.createKey({ name, type, expiresAt, accountId });
      },
      findCreated: async (name, lost) => {
        if (!isUniquelyNamed) throw await this.unresolvable({ ...spec, name }, ownerId, lost);
        return await this.revokeFound(name, ownerId);
      },
      finish: async (created, note) => {
        const { created_at, expires_at } = created.secret;
        const hasExpired = spec.lifetimeMs === undefined && hasEnded(created_at, expires_at);
        if (!hasExpired && isLifetime(spec.lifetimeMs, created_at, expires_at)) return { created };
        await this.revoke(created.secret.id, "whose expiry is wrong");
        this.journal.close(note);
        if (hasExpired) {
          throw new FlexpriceError({
            kind: "refused",
            reason: `expiresAt (${spec.expiresAt}) had already passed on the server, which created the key at ${created_at}: it never worked, and has been revoked`,
            fix: "set a later expiresAt, and correct the clock of this machine.",
          });
        }
        serverAheadMs = Date.parse(created_at) - this.platform.now();
        wrongExpiries += 1;
        if (wrongExpiries <= MAX_WRONG_EXPIRIES) return undefined;
        throw new FlexpriceError({
          kind: "refused",
          reason: `the key was created at ${created_at} to expire at ${expires_at}, which is not the requested lifetime; it has been revoked`,
          fix: "correct the clock of this machine, and check whether the server or a gateway in front of it is slow to respond. Then run the command again.",
        });
      },
      isLag: ({ kind }) =>
        kind === "not_found" && spec.accountId !== undefined && isYoung(this, spec.accountId),
      idOf: ({ secret }) => secret.id,
      remove: ({ secret }) => this.revoke(secret.id, "which another run may remove"),
    });
    this.reads.primeKey(created.secret);
    return created;
  }

  /** Sends POSTs, each with another name, until one object exists that belongs to this create alone. */
  private async create<Created>(plan: Plan<Created>): Promise<Created> {
    const attempts: Attempts = { unknown: 0, attempt: 1, startedAt: this.platform.now() };
    for (let notesLost = 0; ; ) {
      const pending = plan.pending(plan.nextName());
      const note = notesLost < MAX_NOTES_LOST ? await this.journal.begin(pending) : { pending };
      try {
        const created = await this.post(plan, note, attempts);
        const finished = created === undefined ? undefined : await plan.finish(created, note);
        if (finished === undefined) continue;
        const isOurs = await this.journal.complete(note, plan.idOf(finished.created));
        // Nobody removes anything for a note that only reports.
        if (isOurs || pending.settle === "report") {
          this.managed.add(plan.idOf(finished.created));
          if (finished.failure !== undefined) throw finished.failure;
          return finished.created;
        }
        notesLost += 1;
        await plan.remove(finished.created);
      } finally {
        this.journal.release(note);
      }
    }
  }

  /** Sends one POST and, if its response is lost, searches for what it created. Undefined: another POST is due. */
  private async post<Created>(
    plan: Plan<Created>,
    note: Note,
    attempts: Attempts,
  ): Promise<Created | undefined> {
    const { platform } = this;
    const { name } = note.pending;
    const result = await plan.post(name);
    if ("value" in result) return result.value;
    const { error, outcome } = result;
    if (hadNoEffect(outcome)) this.journal.close(note);
    const { attempt, startedAt } = attempts;
    const now = platform.now();
    if (plan.isLag?.(error) && (await waitForReplica(platform, error, now - startedAt)))
      return undefined;
    const { random } = platform;
    const finished = { safety: "unsafe", outcome, attempt, startedAt, now, random } as const;
    const delay = retryDelay(finished);
    if (delay !== "stop") {
      attempts.attempt += 1;
      const notice = waitNotice(error, finished, delay);
      if (notice !== undefined) await platform.notify?.(notice);
      await platform.sleep(delay);
      return undefined;
    }
    if (!isFailure(error, "outcome_unknown")) throw error;
    const found = await this.resolveUnknownOutcome(plan, note.pending, error);
    if (found !== "removed" && found !== "nothing") return found;
    if (found === "removed") this.journal.close(note);
    attempts.unknown += 1;
    if (attempts.unknown >= MAX_UNKNOWN) throw error;
    attempts.attempt = 1;
    attempts.startedAt = platform.now();
    return undefined;
  }

  /** Searches for what a POST without a response has created. If the search fails too, the outcome stays unknown. */
  private async resolveUnknownOutcome<Created>(
    plan: Plan<Created>,
    { name, settle }: PendingCreate,
    lost: FlexpriceError,
  ): Promise<Created | "removed" | "nothing"> {
    for (const delay of LOOKUP_DELAYS_MS) {
      if (delay > MAX_SILENT_MS) {
        await this.platform.notify?.(
          `Waiting for the server, which may not show yet what a request without a response has created: ${lost.reason}. Looking for ${quoted(name)} once more in ${delay / 1_000} seconds.`,
        );
      }
      await this.platform.sleep(delay);
      try {
        const found = await plan.findCreated(name, lost);
        if (found !== "nothing") return found;
      } catch (error) {
        if (!isFailure(error) || error.kind === "outcome_unknown") throw error;
        throw lost.with({
          reason: `${lost.reason}; and the search for what it may have created, under the name ${quoted(name)}, failed: ${error.reason}`,
          fix:
            settle === "remove"
              ? "run the command again once the server responds: the provider looks for this name, and removes the object that has it."
              : "once the server responds, check the keys with this name in the dashboard, and revoke the one that was just created, if any: nobody has its value. Then run the command again.",
        });
      }
    }
    return "nothing";
  }

  private async findAccount(name: string): Promise<User | "nothing"> {
    const [first, ...twins] = (await this.reads.freshAccounts()).filter((row) => row.name === name);
    // More than one: a gateway has delivered the request several times.
    for (const twin of twins) await this.archive(twin.id);
    return first ?? "nothing";
  }

  private async revokeFound(name: string, ownerId: string): Promise<"removed" | "nothing"> {
    const lost = (await this.reads.freshKeys(ownerId)).filter((row) => row.name === name);
    for (const { id } of lost) await this.revoke(id, "whose value was lost with the response");
    return lost.length > 0 ? "removed" : "nothing";
  }

  private async revoke(id: string, which: string): Promise<void> {
    await operation(`revoke API key ${id}, ${which}`, () => this.api.revokeKey(id));
  }

  private async archive(id: string): Promise<void> {
    // The process that claimed the note may have been faster.
    const { api, reads } = this;
    await operation(`archive service account ${id}, which no state has`, () =>
      archiveAccount({ api, reads }, id),
    );
  }

  private async giveName(account: User, name: string): Promise<Finished<User>> {
    try {
      const named = await retryDespiteLag(
        this.platform,
        () => this.api.renameAccount(account.id, name),
        ({ kind }) => kind === "not_found",
      );
      return { created: named };
    } catch (error) {
      if (!isFailure(error)) throw error;
      return { created: account, failure: new UnnamedAccount(account, error) };
    }
  }

  /** The error for an outcome that cannot be found out, with what to check by hand. */
  private async unresolvable(
    { name, type }: Pick<NewKey, "name" | "type">,
    ownerId: string,
    lost: FlexpriceError,
  ): Promise<FlexpriceError> {
    if (type !== "private_key") {
      return lost.with({
        reason: `${lost.reason}; the server does not list publishable keys, so the provider cannot find out whether it created one`,
        fix: `run the command again to create another. If an account cannot be archived later "until all API keys are revoked" although none is listed, this key is the reason; only the dashboard or Flexprice's support can revoke it.`,
      });
    }
    const keys = await keysThatMayBe(this.reads, this.managed, { name, ownerId });
    return lost.with({
      reason: `${lost.reason}; ${ownerId} has ${keys.length === 0 ? `no key named ${quoted(name)} yet that this run does not know` : `keys named ${quoted(name)} that this run does not know: ${keyList(keys)}`}`,
      fix: `check the keys with this name in the dashboard. Revoke the one that was just created, if any: nobody has its value. Then run the command again. Without "name" the provider gives each key a unique name, and resolves this by itself.`,
    });
  }
}

/** The keys of a name and owner, without those that a state is known to hold. */
export async function keysThatMayBe(
  reads: Reads,
  managed: ManagedIds,
  { name, ownerId }: Pick<PendingCreate, "name" | "ownerId">,
): Promise<readonly Key[]> {
  return (await reads.freshKeys(ownerId)).filter(
    (key) => key.name === name && !managed.has(key.id),
  );
}

/** A list of keys for messages. */
export function keyList(keys: readonly Key[]): string {
  return keys
    .map(({ id, display_id, created_at }) => `${id} (${display_id}, created at ${created_at})`)
    .join(", ");
}

function hadNoEffect(outcome: Outcome): boolean {
  return outcome.kind === "not_sent" || (outcome.kind === "response" && outcome.isRefusal === true);
}

function hasEnded(createdAt: string, expiresAt: string | null | undefined): boolean {
  return Date.parse(expiresAt ?? "") <= Date.parse(createdAt);
}

function isLifetime(
  lifetimeMs: number | undefined,
  createdAt: string,
  expiresAt: string | null | undefined,
): boolean {
  if (lifetimeMs === undefined) return true;
  const tolerance = Math.min(MIN_EXPIRY_TOLERANCE_MS + lifetimeMs / 100, MAX_EXPIRY_TOLERANCE_MS);
  const actual = Date.parse(expiresAt ?? "") - Date.parse(createdAt);
  return Math.abs(actual - lifetimeMs) <= tolerance;
}
