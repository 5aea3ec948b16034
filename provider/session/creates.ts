import { createHash } from "node:crypto";
import type { Attempt, Platform } from "../api/client";
import type { FlexpriceApi, NewKey } from "../api/endpoints";
import { MAX_SILENT_MS, type Outcome, retryDelay, waitNotice } from "../api/retry";
import type { CreatedKey, Key, User } from "../api/schemas";
import type { Credential } from "../config/read";
import { FlexpriceError, isFailure } from "../shared/errors";
import { quoted } from "../shared/redaction";
import { uniqueName } from "./auto-name";
import type { Directory } from "./directory";
import type { Inventory } from "./inventory";
import { archiveAccount } from "./key-verification";
import type { ManagedIds } from "./managed-ids";
import type { Journal, Note, PendingCreate } from "./recovery/journal";
import { isYoung, retryDespiteLag, waitForReplica } from "./replica-lag";

/** POSTs of one create whose outcome may stay unknown, before it fails. */
const MAX_UNKNOWN = 3;

/** When to look for what an unanswered POST has made: pauses before each look, in milliseconds. */
const LOOKUP_DELAYS_MS: readonly number[] = [250, 1_500, 4_000];

/** How often an object is made again because its note was claimed, before the create goes on without notes. */
const MAX_NOTES_LOST = 3;

/** How often a key is made again whose expiry came out wrong. */
const MAX_WRONG_EXPIRIES = 2;

/** How far a lifetime may be off: what a request takes, and a hundredth, up to a minute, in milliseconds. */
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
  /** Instead of `expiresAt`: how long the key is to live, in milliseconds. */
  readonly lifetimeMs?: number | undefined;
  /** The account that the key acts for; absent: the caller. */
  readonly accountId?: string | undefined;
}

/** On whose behalf something is made, and what for, in the infinitive. */
export interface CreateContext {
  readonly caller: User;
  readonly operation: string;
}

/** An account that was made and stays, but without the name that was asked for. */
export class UnnamedAccount extends Error {
  constructor(
    readonly account: User,
    readonly failure: FlexpriceError,
  ) {
    super(failure.message);
  }
}

/** Where requests come from, as notes keep it. */
export type CreateOrigin = Pick<PendingCreate, "server" | "credential" | "environmentId">;

/** Tells one credential from another, and nothing else of it. */
export function hashOf({ value }: Credential): string {
  return createHash("sha256").update(`pulumi-flexprice ${value}`).digest("hex").slice(0, 16);
}

/** One way to make an object, for the loop around its POSTs. */
interface Plan<Made> {
  readonly nextName: () => string;
  readonly pending: (name: string) => PendingCreate;
  readonly post: (name: string) => Promise<Attempt<Made>>;
  /**
   * One look for what a POST without an answer has made. `cleared`: it is of no use, and has been removed.
   * @throws FlexpriceError where nothing may be sent again.
   */
  readonly find: (name: string, lost: FlexpriceError) => Promise<Made | "cleared" | "nothing">;
  /** What is left to do before the object is handed over. Undefined: it was no good, and has been removed. */
  readonly finish: (made: Made, note: Note) => Promise<Finished<Made> | undefined>;
  /** Whether a refusal is one that a server gives which does not know yet what this process has just done. */
  readonly isLag?: (error: FlexpriceError) => boolean;
  readonly idOf: (made: Made) => string;
  readonly remove: (made: Made) => Promise<void>;
}

interface Finished<Made> {
  readonly made: Made;
  /** To be thrown once the note is taken away. */
  readonly failure?: UnnamedAccount;
}

/** How the POSTs of one create have gone so far. */
interface Tries {
  /** Those whose outcome stayed unknown. */
  unknown: number;
  /** Since the last of those. */
  attempt: number;
  startedAt: number;
}

/**
 * Creates that end in exactly one object. Flexprice has no idempotency key, and names are not unique. So each POST,
 * repeats included, carries a name that nothing else carries, and has a note on disk before it is sent: what bears
 * the name was made by this POST, whenever it is found.
 */
export class Creates {
  constructor(
    readonly api: FlexpriceApi,
    private readonly directory: Directory,
    private readonly inventory: Inventory,
    private readonly platform: Pick<Platform, "sleep" | "now" | "random" | "notify">,
    private readonly managed: ManagedIds,
    private readonly journal: Journal,
    private readonly origin: CreateOrigin,
  ) {}

  /**
   * POST /users under a unique name; where another was asked for, PUT /users/{id} follows.
   * @throws FlexpriceError of kind `outcome_unknown` when the server goes on failing; UnnamedAccount.
   */
  async account(spec: AccountSpec, { caller, operation }: CreateContext): Promise<User> {
    const { name: wanted, roles } = spec;
    const account = await this.make<User>({
      nextName: () => uniqueName(wanted ?? spec.namePrefix),
      pending: (name) => ({
        ...this.origin,
        tenantId: caller.tenant.id,
        kind: "account",
        name,
        settle: "remove",
      }),
      post: (name) => this.api.createAccount({ name, roles }, operation),
      find: (name) => this.findAccount(name),
      finish: async (made, note) => {
        if (wanted === undefined) return { made };
        // From the PUT on nothing but the id tells that this is the note's account.
        this.journal.identify(note, made.id);
        return await this.giveName(made, wanted, operation);
      },
      idOf: ({ id }) => id,
      remove: (made) => this.archive(made.id),
    });
    this.directory.primeAccount(account);
    return account;
  }

  /**
   * POST /secrets/api/keys. A key that a POST without an answer has made is revoked, its value being lost, and made
   * again under another name. That takes a unique name, and a list that shows the key.
   * @throws FlexpriceError of kind `outcome_unknown` when the server goes on failing; for a key with a name of the
   *   program's, and for a publishable one, at the first answer that is lost.
   */
  async key(spec: KeySpec, { caller, operation }: CreateContext): Promise<CreatedKey> {
    const ownerId = spec.accountId ?? caller.id;
    const isExact = spec.name === undefined && spec.type === "private_key";
    /** The server's time ahead of ours, once a key has told. */
    let ahead: number | undefined;
    let wrongExpiries = 0;
    const created = await this.make<CreatedKey>({
      nextName: () => spec.name ?? uniqueName(spec.namePrefix),
      pending: (name) => ({
        ...this.origin,
        tenantId: caller.tenant.id,
        kind: "key",
        name,
        ownerId,
        keyType: spec.type,
        settle: isExact ? "remove" : "report",
      }),
      post: (name) => {
        const now = ahead === undefined ? this.api.serverNow() : this.platform.now() + ahead;
        const expiresAt =
          spec.lifetimeMs === undefined
            ? spec.expiresAt
            : new Date(now + spec.lifetimeMs).toISOString();
        const { type, accountId } = spec;
        return this.api.createKey({ name, type, expiresAt, accountId }, operation);
      },
      find: async (name, lost) => {
        if (!isExact) throw await this.undecided({ ...spec, name }, ownerId, lost);
        return await this.revokeFound(name, ownerId);
      },
      finish: async (made, note) => {
        const { created_at, expires_at } = made.secret;
        const isStillborn = spec.lifetimeMs === undefined && hasEnded(created_at, expires_at);
        if (!isStillborn && isLifetime(spec.lifetimeMs, created_at, expires_at)) return { made };
        await this.revoke(made.secret.id, "whose expiry came out wrong");
        this.journal.close(note);
        if (isStillborn) {
          throw new FlexpriceError({
            kind: "refused",
            operation,
            reason: `expiresAt (${spec.expiresAt}) had passed for the server, which made the key at ${created_at}: it never works, and has been revoked`,
            fix: "set a later expiresAt, and the clock of this machine.",
          });
        }
        ahead = Date.parse(created_at) - this.platform.now();
        wrongExpiries += 1;
        if (wrongExpiries <= MAX_WRONG_EXPIRIES) return undefined;
        throw new FlexpriceError({
          kind: "refused",
          operation,
          reason: `the key was made at ${created_at} to expire at ${expires_at}, which is not the lifetime that was asked for; it has been revoked`,
          fix: "set the clock of this machine, and look whether the server or a gateway before it takes long to answer; then run the command again.",
        });
      },
      isLag: ({ kind }) =>
        kind === "not_found" && spec.accountId !== undefined && isYoung(this, spec.accountId),
      idOf: ({ secret }) => secret.id,
      remove: ({ secret }) => this.revoke(secret.id, "which cannot be handed over"),
    });
    this.directory.primeKey(created.secret);
    return created;
  }

  /** Posts, under another name each time, until one object is there that only this create knows. */
  private async make<Made>(plan: Plan<Made>): Promise<Made> {
    const tries: Tries = { unknown: 0, attempt: 1, startedAt: this.platform.now() };
    for (let notesLost = 0; ; ) {
      const pending = plan.pending(plan.nextName());
      const note = notesLost < MAX_NOTES_LOST ? await this.journal.begin(pending) : { pending };
      try {
        const made = await this.post(plan, note, tries);
        const finished = made === undefined ? undefined : await plan.finish(made, note);
        if (finished === undefined) continue;
        const isOurs = await this.journal.handOver(note, plan.idOf(finished.made));
        // Nobody acts on a note that only reports.
        if (isOurs || pending.settle === "report") {
          this.managed.add(plan.idOf(finished.made));
          if (finished.failure !== undefined) throw finished.failure;
          return finished.made;
        }
        notesLost += 1;
        await plan.remove(finished.made);
      } finally {
        this.journal.leave(note);
      }
    }
  }

  /** Sends one POST and, where its answer is lost, looks for what it has made. Undefined: another is due. */
  private async post<Made>(plan: Plan<Made>, note: Note, tries: Tries): Promise<Made | undefined> {
    const { platform } = this;
    const { name } = note.pending;
    const result = await plan.post(name);
    if ("value" in result) return result.value;
    const { error, outcome } = result;
    if (hadNoEffect(outcome)) this.journal.close(note);
    const { attempt, startedAt } = tries;
    const now = platform.now();
    if (plan.isLag?.(error) && (await waitForReplica(platform, error, now - startedAt)))
      return undefined;
    const { random } = platform;
    const finished = { safety: "unsafe", outcome, attempt, startedAt, now, random } as const;
    const delay = retryDelay(finished);
    if (delay !== "stop") {
      tries.attempt += 1;
      const notice = waitNotice(error, finished, delay);
      if (notice !== undefined) await platform.notify?.(notice);
      await platform.sleep(delay);
      return undefined;
    }
    if (!isFailure(error, "outcome_unknown")) throw error;
    const found = await this.look(plan, note.pending, error);
    if (found !== "cleared" && found !== "nothing") return found;
    if (found === "cleared") this.journal.close(note);
    tries.unknown += 1;
    if (tries.unknown >= MAX_UNKNOWN) throw error;
    tries.attempt = 1;
    tries.startedAt = platform.now();
    return undefined;
  }

  /** A look that fails leaves the outcome as unknown as it was: that is what has to be said. */
  private async look<Made>(
    plan: Plan<Made>,
    { name, settle }: PendingCreate,
    lost: FlexpriceError,
  ): Promise<Made | "cleared" | "nothing"> {
    for (const delay of LOOKUP_DELAYS_MS) {
      if (delay > MAX_SILENT_MS) {
        await this.platform.notify?.(
          `Waiting for the server, which may not show yet what a request without an answer has made: ${lost.reason}. Looking for ${quoted(name)} once more in ${delay / 1_000} seconds.`,
        );
      }
      await this.platform.sleep(delay);
      try {
        const found = await plan.find(name, lost);
        if (found !== "nothing") return found;
      } catch (error) {
        if (!isFailure(error) || error.kind === "outcome_unknown") throw error;
        throw new FlexpriceError({
          kind: "outcome_unknown",
          operation: lost.operation,
          reason: `${lost.reason}; and a look for what it may have made, under the name ${quoted(name)}, failed: ${error.reason}`,
          fix:
            settle === "remove"
              ? "run the command again once the server answers: the provider looks for this name, and removes what bears it."
              : "look at the keys of this name in the dashboard once the server answers, and revoke the one that was made just now, if there is one: nobody has its value. Then run the command again.",
          status: lost.status,
          code: lost.code,
        });
      }
    }
    return "nothing";
  }

  private async findAccount(name: string): Promise<User | "nothing"> {
    const [first, ...twins] = (await this.inventory.accounts()).filter((row) => row.name === name);
    // A gateway has delivered the request more than once.
    for (const twin of twins) await this.archive(twin.id);
    return first ?? "nothing";
  }

  private async revokeFound(name: string, ownerId: string): Promise<"cleared" | "nothing"> {
    const lost = (await this.inventory.keys(ownerId)).filter((row) => row.name === name);
    for (const { id } of lost) await this.revoke(id, "whose value was lost with the answer");
    return lost.length > 0 ? "cleared" : "nothing";
  }

  private async revoke(id: string, which: string): Promise<void> {
    await this.api.revokeKey(id, `revoke API key ${id}, ${which}`);
  }

  private async archive(id: string): Promise<void> {
    // Whoever has claimed its note may have been faster.
    const { api, directory } = this;
    await archiveAccount(
      { api, directory },
      id,
      `archive service account ${id}, which no state has`,
    );
  }

  private async giveName(account: User, name: string, operation: string): Promise<Finished<User>> {
    try {
      const named = await retryDespiteLag(
        this.platform,
        () => this.api.renameAccount(account.id, name, operation),
        ({ kind }) => kind === "not_found",
      );
      return { made: named };
    } catch (error) {
      if (!isFailure(error)) throw error;
      return { made: account, failure: new UnnamedAccount(account, error) };
    }
  }

  /** Says that nobody can tell what has become of a request, and what to look at. */
  private async undecided(
    { name, type }: Pick<NewKey, "name" | "type">,
    ownerId: string,
    lost: FlexpriceError,
  ): Promise<FlexpriceError> {
    const { operation, status, code } = lost;
    const parts = { kind: "outcome_unknown", operation, status, code } as const;
    if (type !== "private_key") {
      return new FlexpriceError({
        ...parts,
        reason: `${lost.reason}; the server lists no publishable keys, so whether it made one cannot be found out`,
        fix: `run the command again for a new one. If an account cannot be archived later "until all API keys are revoked" although none is listed, this is the key in its way; only the dashboard or Flexprice's support can revoke it.`,
      });
    }
    const keys = await keysThatMayBe(this.inventory, this.managed, { name, ownerId });
    return new FlexpriceError({
      ...parts,
      reason: `${lost.reason}; ${ownerId} has ${keys.length === 0 ? `no key named ${quoted(name)} yet that this run does not know` : `keys named ${quoted(name)} that this run does not know: ${describeKeys(keys)}`}`,
      fix: `look at the keys of this name in the dashboard. Revoke the one that was made just now, if there is one: nobody has its value. Then run the command again. Without "name" the provider gives each key a unique name, and settles this by itself.`,
    });
  }
}

/** The keys of a name and owner, those left out that a state is known to hold. */
export async function keysThatMayBe(
  inventory: Inventory,
  managed: ManagedIds,
  { name, ownerId }: Pick<PendingCreate, "name" | "ownerId">,
): Promise<readonly Key[]> {
  return (await inventory.keys(ownerId)).filter((key) => key.name === name && !managed.has(key.id));
}

/** As messages list them. */
export function describeKeys(keys: readonly Key[]): string {
  return keys
    .map(({ id, display_id, created_at }) => `${id} (${display_id}, made at ${created_at})`)
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
