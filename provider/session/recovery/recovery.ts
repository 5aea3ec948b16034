import type { Platform } from "../../api/client";
import type { FlexpriceApi } from "../../api/endpoints";
import type { User } from "../../api/schemas";
import { isFailure, operation, type Warn } from "../../shared/errors";
import { capitalized, quoted } from "../../shared/redaction";
import { type CreateOrigin, keyList, keysThatMayBe } from "../creates";
import { archiveAccount, seesEveryKey } from "../key-verification";
import type { ManagedIds } from "../managed-ids";
import type { Reads } from "../reads";
import { type AbandonedNote, type Journal, LEASE_MS, type PendingCreate } from "./journal";

/** How long a request can take to have its effect, including gateways and queues, in milliseconds. */
const MAX_EFFECT_DELAY_MS = 60 * 60_000;

/** How long a created object may stay invisible, in milliseconds. */
const MAX_REPLICA_LAG_MS = 10 * 60_000;

/** How often to look for notes of other processes, in milliseconds. */
const LOOK_EVERY_MS = 60_000;

/** How long the engine gets to show what the state holds before reports are shown, in milliseconds. */
const GRACE_MS = 2_000;

/** How often a deletion checks the lease that it waits for, in milliseconds. */
const WAIT_PAUSE_MS = 5_000;

/**
 * Cleans up after killed runs. An object with the name or id of an open note is in no state, so it is removed, unless
 * the note only reports. Nothing else is removed.
 */
export class Recovery {
  private hasReminded = false;
  private lookedAt: number | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly api: FlexpriceApi,
    private readonly reads: Reads,
    private readonly platform: Pick<Platform, "sleep" | "now">,
    private readonly managed: ManagedIds,
    private readonly journal: Journal,
    private readonly origin: CreateOrigin,
  ) {}

  /** Call this before every change. Errors become warnings: a later change or run tries again. */
  async recover(caller: User, warn: Warn): Promise<void> {
    const now = this.platform.now();
    if (this.lookedAt === undefined || Math.abs(now - this.lookedAt) >= LOOK_EVERY_MS) {
      this.lookedAt = now;
      const recover = () => this.recoverAll(caller, warn);
      this.running = this.running.then(recover, recover);
    }
    await this.running;
  }

  /** Warns of open notes, without changing anything: for previews and refreshes. */
  async remind(tenantId: string, warn: Warn): Promise<void> {
    if (this.hasReminded) return;
    this.hasReminded = true;
    for (const pending of this.journal.claimable(this.origin.server, tenantId)) {
      const known = pending.id === undefined ? "" : ` (${pending.id})`;
      await warn(
        `An earlier run was interrupted while it created ${describe(pending)}${known}. The next "pulumi up" that changes something looks for it, and removes it if it exists.`,
      );
    }
  }

  /**
   * Waits until no key with these names has a note. A key of a killed run blocks its account until the lease of its
   * note is over.
   * @returns Whether there was such a key.
   */
  async waitForKeys(names: readonly string[], caller: User, warn: Warn): Promise<boolean> {
    const open = () =>
      this.journal
        .pending(this.origin.server, caller.tenant.id)
        .filter(
          ({ kind, name, settle }) => kind === "key" && settle === "remove" && names.includes(name),
        );
    const [first] = open();
    if (first === undefined) return false;
    await warn(
      `API key ${quoted(first.name)} blocks the archiving of its service account. It was created by a run that was interrupted, or is still running: waiting up to two minutes to find out.`,
    );
    for (let waited = 0; open().length > 0 && waited <= LEASE_MS; waited += WAIT_PAUSE_MS) {
      await this.recoverAll(caller, warn);
      if (open().length > 0) await this.platform.sleep(WAIT_PAUSE_MS);
    }
    return true;
  }

  private async recoverAll(caller: User, warn: Warn): Promise<void> {
    const claimed = this.journal.claimAbandoned(this.origin.server, caller.tenant.id);
    await Promise.all([
      ...claimed.map((note) => this.recoverNote(note, caller, warn)),
      this.report(caller, warn),
    ]);
  }

  private async recoverNote(note: AbandonedNote, caller: User, warn: Warn): Promise<void> {
    const { pending } = note;
    if (note.isStale) {
      this.journal.drop(note);
      await warn(
        `An earlier run was interrupted while it created ${describe(pending)}. The note about it is too old, or a copy, so nothing is removed: if Flexprice has an object with this name that no stack knows, remove it there.`,
      );
      return;
    }
    try {
      const ids = await this.idsOf(pending);
      if (ids.some((id) => this.managed.has(id) || this.managed.isWanted(id))) {
        this.journal.drop(note);
        return;
      }
      for (const id of ids) await this.remove(pending, id, warn);
      if (ids.length > 0 || (note.ageMs >= MAX_EFFECT_DELAY_MS && this.sees(pending, caller))) {
        this.journal.drop(note);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      await warn(
        `An earlier run was interrupted while it created ${describe(pending)}, which could not be looked up or removed; a later change tries again. ${error.message}`,
      );
    }
  }

  private async idsOf({ kind, id, name, ownerId }: PendingCreate): Promise<readonly string[]> {
    if (id !== undefined) return [id];
    const rows =
      kind === "account" ? await this.reads.freshAccounts() : await this.reads.freshKeys(ownerId);
    return rows.filter((row) => row.name === name).map((row) => row.id);
  }

  private async remove(pending: PendingCreate, id: string, warn: Warn): Promise<void> {
    const { kind, name } = pending;
    if (kind === "key") {
      await operation(`revoke API key ${id}, which no state has`, () => this.api.revokeKey(id));
      this.reads.clearKey(id, pending.ownerId);
      await warn(
        `API key ${quoted(name)} (${id}), created by a run that was interrupted, has been revoked.`,
      );
      return;
    }
    const { api, reads } = this;
    const unknown = await operation(`archive service account ${id}, which no state has`, () =>
      archiveAccount({ api, reads }, id),
    );
    // The writer of the note or another run may have been faster.
    if (unknown !== undefined) return;
    reads.clearAccount(id);
    await warn(
      `Service account ${quoted(name)} (${id}), created by a run that was interrupted, has been archived.`,
    );
  }

  /** Whether this credential would see the object: keys are listed for one environment, and not to every caller. */
  private sees({ kind, credential, environmentId }: PendingCreate, caller: User): boolean {
    if (credential === this.origin.credential) return true;
    const isSameEnvironment =
      environmentId !== undefined && environmentId === this.origin.environmentId;
    return isSameEnvironment && (kind === "account" || seesEveryKey(caller));
  }

  /** Warns of objects that only a person can clean up, until a state is known to hold them. */
  private async report(caller: User, warn: Warn): Promise<void> {
    const open = () => this.journal.reports(this.origin.server, caller.tenant.id);
    if (open().length === 0) return;
    await this.platform.sleep(GRACE_MS);
    for (const note of open()) {
      const { pending } = note;
      if (await this.isSettled(note, caller)) {
        this.journal.drop(note);
        continue;
      }
      const dismiss = `Once you have checked this, delete ${note.path}; otherwise this warning ends after a day.`;
      if (note.isStale) this.journal.drop(note);
      if (pending.id !== undefined) {
        await warn(
          `${capitalized(describe(pending))} (${pending.id}) was created by a run whose engine was killed at that moment, and may be in no state. Look for the id in "pulumi stack export" of the stack: if it is not there, remove the object in Flexprice. ${dismiss}`,
        );
      } else if (pending.keyType !== "private_key") {
        await warn(
          `An earlier run may have created ${describe(pending)}, which no list shows, and whose value nobody has. ${dismiss}`,
        );
      } else {
        await this.reportKeys(note, caller, dismiss, warn);
      }
    }
  }

  /** Whether a state holds the object, or it was removed. */
  private async isSettled({ pending, ageMs }: AbandonedNote, caller: User): Promise<boolean> {
    const { id, kind, ownerId, keyType } = pending;
    if (id === undefined) return false;
    if (this.managed.has(id)) return true;
    const couldSee = ageMs >= MAX_REPLICA_LAG_MS && this.sees(pending, caller);
    if (!couldSee || keyType === "publishable_key") return false;
    try {
      if (kind === "account") return (await this.reads.freshAccount(id)) === undefined;
      return !(await this.reads.freshKeys(ownerId)).some((key) => key.id === id);
    } catch (error) {
      if (!isFailure(error)) throw error;
      return false;
    }
  }

  private async reportKeys(
    note: AbandonedNote,
    caller: User,
    dismiss: string,
    warn: Warn,
  ): Promise<void> {
    const { pending } = note;
    try {
      const keys = await keysThatMayBe(this.reads, this.managed, pending);
      if (keys.length > 0) {
        await warn(
          `An earlier run may have created ${describe(pending)} without receiving the response. These keys have the same name, and this run does not know them: ${keyList(keys)}. If no stack has one of them, revoke it: nobody has its value. ${dismiss}`,
        );
      } else if (note.ageMs >= MAX_EFFECT_DELAY_MS && this.sees(pending, caller)) {
        this.journal.drop(note);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      await warn(
        `An earlier run may have created ${describe(pending)} without receiving the response, and its keys could not be listed. ${error.message}`,
      );
    }
  }
}

function describe({ kind, name, ownerId }: PendingCreate): string {
  return kind === "account"
    ? `service account ${quoted(name)}`
    : `API key ${quoted(name)} of ${ownerId ?? "the caller"}`;
}
