import { FlexpriceError, isFailure } from "../errors";
import type { World } from "./client";
import type { Directory } from "./directory";
import { CLOCK_MARGIN, type Intent, laneOf, objectsOf, type Window } from "./intent";
import type { Journal, JournalEntry } from "./journal";
import type { Managed } from "./managed";
import type { NewAccount, NewKey, Routes } from "./routes";
import type { CreatedKey, User } from "./wire";

/** Shows a line to the user, the same one only once a process; resolves once it is there, and never rejects. */
export type Warn = (message: string) => Promise<void>;

/** Posts of one create, the first included. */
const MOST_POSTS = 3;

/** When to look for what a create without an answer has made: pauses before each look, in milliseconds. */
const LOOKS: readonly number[] = [250, 1_500, 4_000];

/** How long after it was sent a create can have its effect: the limits on connecting and waiting, in milliseconds. */
const LONGEST_REQUEST = 45_000;

/**
 * Creates that end in exactly one object. Flexprice has no idempotency key, and names are not unique: a create
 * whose answer got lost is settled by looking for what it made, never by simply sending it again.
 */
export class Creations {
  private readonly lanes = new Map<string, Promise<unknown>>();
  private suspects: JournalEntry[] = [];
  /** Lanes in which something may lie about that could not be settled. */
  private readonly unsettled = new Map<string, FlexpriceError>();

  constructor(
    private readonly routes: Routes,
    private readonly directory: Directory,
    private readonly world: Pick<World, "sleep">,
    /** Never candidates. */
    private readonly managed: Managed,
    private readonly journal: Journal,
    /** Base URL of the server. */
    private readonly server: string,
  ) {}

  /**
   * POST /users. An account that an unanswered request made is taken over.
   * @throws FlexpriceError of kind `outcome_unknown` when several could be it, or when none can be found and the
   *   server goes on failing.
   */
  async createAccount(account: NewAccount, tenantId: string, attempted: string): Promise<User> {
    const intent: Intent = { kind: "account", name: account.name, roles: account.roles };
    return await this.inLane(laneOf(intent), async () => {
      this.refuseUnsettled(intent, attempted);
      const left = await this.leftAccount(intent);
      const made =
        left ??
        (await this.noted<User>(
          intent,
          tenantId,
          ({ id }) => id,
          (beforeSend) =>
            this.settle(
              () => this.routes.createAccount(account, attempted, beforeSend),
              (window) => this.findAccount(intent, window, attempted),
            ),
        ));
      this.managed.add(made.id);
      this.directory.noteAccount(made);
      return made;
    });
  }

  /**
   * POST /secrets/api/keys. A key that an unanswered request made is revoked, its value being lost, and the key
   * is made anew.
   * @throws FlexpriceError of kind `outcome_unknown` for a publishable key, which no list shows.
   */
  async createKey(
    key: NewKey,
    ownerId: string,
    tenantId: string,
    attempted: string,
  ): Promise<CreatedKey> {
    const intent: Intent = { kind: "key", name: key.name, ownerId };
    return await this.inLane(laneOf(intent), async () => {
      this.refuseUnsettled(intent, attempted);
      const post = (beforeSend?: () => void) =>
        this.settle(
          () => this.routes.createKey(key, attempted, beforeSend),
          (window) => this.revokeLost(key, intent, window, attempted),
        );
      // No list shows a publishable key: there is nothing that a note could help to find.
      const isListed = key.type === "private_key";
      if (isListed) await this.revokeLeftKeys(intent);
      const made = isListed
        ? await this.noted(intent, tenantId, ({ secret }) => secret.id, post)
        : await post();
      this.managed.add(made.secret.id);
      this.directory.noteKey(made.secret);
      return made;
    });
  }

  /**
   * Settles what killed processes have left: objects that no state can have are removed, since nobody knows them.
   * What a state may have is kept in mind for the create that asks for it again.
   * @returns Whether nothing is left to settle.
   */
  async settleLeftovers(tenantId: string, warn: Warn): Promise<boolean> {
    let settled = true;
    for (const left of this.journal.takeOver(this.server, tenantId)) {
      if (left.made !== undefined) {
        this.suspects.push(left);
        this.journal.leave(left);
        continue;
      }
      try {
        await this.inLane(laneOf(left.intent), () => this.removeLeft(left, warn));
        this.journal.close(left);
        this.unsettled.delete(laneOf(left.intent));
      } catch (error) {
        if (!isFailure(error)) throw error;
        this.journal.leave(left);
        this.unsettled.set(laneOf(left.intent), error);
        settled = false;
        await warn(
          `A create of an earlier run was cut off, and what it made could not be removed; the next change tries again. ${error.message}`,
        );
      }
    }
    return settled;
  }

  /** Made now, the object could be taken later for what the earlier run may have made. */
  private refuseUnsettled(intent: Intent, attempted: string): void {
    const trouble = this.unsettled.get(laneOf(intent));
    if (trouble === undefined) return;
    throw new FlexpriceError({
      kind: "refused",
      attempted,
      answer: `an earlier run was cut off while it made the same, and what it may have made could not be removed: ${trouble.answer}`,
      advice: "run the command again; nothing was made by it.",
      status: trouble.status,
      code: trouble.code,
    });
  }

  private async removeLeft(left: JournalEntry, warn: Warn): Promise<void> {
    const { intent, sentAt, spared } = left;
    const window = { from: sentAt - CLOCK_MARGIN, until: sentAt + LONGEST_REQUEST };
    const ids = await objectsOf(
      this.directory,
      intent,
      window,
      (id) => this.managed.has(id) || spared.includes(id),
    );
    const [id, ...others] = ids;
    if (id === undefined) return;
    if (others.length > 0) {
      const what = intent.kind === "account" ? "Service account" : "API key";
      await warn(
        `${what} "${intent.name}": an earlier run was cut off while it made one; ${ids.join(" or ")} is it, and nobody may need it. Remove it in the dashboard if so.`,
      );
      return;
    }
    await this.remove(intent, id, warn);
  }

  private async remove(intent: Intent, id: string, warn: Warn): Promise<void> {
    if (intent.kind === "key") {
      await this.revokeUnknown(id);
      await warn(
        `API key "${intent.name}" (${id}), made by a run that was cut off, has been revoked.`,
      );
      return;
    }
    try {
      await this.routes.archiveAccount(id, `archive service account ${id}, which no state knows`);
      this.directory.dropAccount(id);
      await warn(
        `Service account "${intent.name}" (${id}), made by a run that was cut off, has been archived.`,
      );
    } catch (error) {
      // An account with keys is in use: it is somebody else's after all.
      if (!isFailure(error, "has_active_keys", "not_found")) throw error;
      await warn(`Service account ${id} was left as it is. ${error.answer}`);
    }
  }

  /** An account that an earlier run made without its engine taking note, if it is still there. */
  private async leftAccount(intent: Intent): Promise<User | undefined> {
    for (const id of this.takeSuspects(intent)) {
      const account = await this.directory.freshAccount(id);
      if (account !== undefined) return account;
    }
    return undefined;
  }

  private async revokeLeftKeys(intent: Intent): Promise<void> {
    for (const id of this.takeSuspects(intent)) await this.revokeUnknown(id);
  }

  private async revokeUnknown(id: string): Promise<void> {
    await this.routes.revokeKey(id, `revoke API key ${id}, whose value nobody knows`);
    this.directory.dropKey(id);
  }

  private takeSuspects(intent: Intent): string[] {
    const lane = laneOf(intent);
    const mine = this.suspects.filter((suspect) => laneOf(suspect.intent) === lane);
    this.suspects = this.suspects.filter((suspect) => !mine.includes(suspect));
    for (const suspect of mine) this.journal.close(suspect);
    return mine.flatMap(({ made }) => (made === undefined || this.managed.has(made) ? [] : [made]));
  }

  /** Runs a create with a note in the journal for as long as its outcome is open. */
  private async noted<Made>(
    intent: Intent,
    tenantId: string,
    idOf: (made: Made) => string,
    create: (beforeSend: () => void) => Promise<Made>,
  ): Promise<Made> {
    const sentAt = this.routes.serverNow();
    const lane = laneOf(intent);
    const entry = this.journal.begin({
      server: this.server,
      tenantId,
      sentAt,
      intent,
      spared: this.managed.alike(lane, sentAt - CLOCK_MARGIN),
    });
    try {
      const made = await create(() => this.journal.sending(entry, this.routes.serverNow()));
      this.journal.answered(entry, idOf(made));
      this.managed.add(idOf(made), lane);
      return made;
    } catch (error) {
      if (isFailure(error, "outcome_unknown")) this.journal.leave(entry);
      else this.journal.close(entry);
      throw error;
    }
  }

  /** Creates that could be taken for each other go one after the other. */
  private async inLane<Made>(lane: string, create: () => Promise<Made>): Promise<Made> {
    const before = this.lanes.get(lane) ?? Promise.resolve();
    const mine = before.then(create, create);
    const done = mine.catch(() => undefined);
    this.lanes.set(lane, done);
    try {
      return await mine;
    } finally {
      if (this.lanes.get(lane) === done) this.lanes.delete(lane);
    }
  }

  private async settle<Made>(
    post: () => Promise<Made>,
    look: (window: Window) => Promise<Made | "cleared" | "nothing">,
  ): Promise<Made> {
    const from = this.routes.serverNow() - CLOCK_MARGIN;
    for (let posts = 1; ; posts++) {
      try {
        return await post();
      } catch (error) {
        if (!isFailure(error, "outcome_unknown")) throw error;
        for (const pause of LOOKS) {
          await this.world.sleep(pause);
          const found = await this.lookOnce(look, from, error);
          if (found === "cleared") break;
          if (found !== "nothing") return found;
        }
        if (posts >= MOST_POSTS) throw error;
      }
    }
  }

  /** A look that fails leaves the outcome as unknown as it was: that is what has to be said. */
  private async lookOnce<Made>(
    look: (window: Window) => Promise<Made | "cleared" | "nothing">,
    from: number,
    lost: FlexpriceError,
  ): Promise<Made | "cleared" | "nothing"> {
    try {
      return await look({ from, until: this.routes.serverNow() + CLOCK_MARGIN });
    } catch (error) {
      if (!isFailure(error) || error.kind === "outcome_unknown") throw error;
      throw new FlexpriceError({
        kind: "outcome_unknown",
        attempted: lost.attempted,
        answer: `${lost.answer}; and a look for what it may have made failed: ${error.answer}`,
        advice:
          "once the server answers again, look for an object of this name that was made at this time, and remove it if nobody uses it; then run the command again.",
        status: lost.status,
        code: lost.code,
      });
    }
  }

  private async findAccount(
    intent: Intent,
    window: Window,
    attempted: string,
  ): Promise<User | "nothing"> {
    const ids = await this.candidates(intent, window);
    const [id, ...others] = ids;
    if (others.length > 0) {
      throw new FlexpriceError({
        kind: "outcome_unknown",
        attempted,
        answer: `the request got no usable answer, and ${ids.length} accounts with that name and these roles were made at that time: ${ids.join(", ")}`,
        advice:
          'find out which of them nobody else uses, set "adopt" of this resource to its id, and archive the others if they are yours.',
      });
    }
    // The search has just shown it: this asks no more.
    return (id === undefined ? undefined : await this.directory.account(id)) ?? "nothing";
  }

  private async revokeLost(
    key: NewKey,
    intent: Intent,
    window: Window,
    attempted: string,
  ): Promise<"cleared" | "nothing"> {
    if (key.type !== "private_key") {
      throw new FlexpriceError({
        kind: "outcome_unknown",
        attempted,
        answer:
          "the request got no usable answer, and the server lists no publishable keys: whether it made one cannot be found out",
        advice: `run the command again for a new one. If an account cannot be archived later "until all API keys are revoked" although none is listed, this is the key in its way; only the dashboard or Flexprice's support can revoke it.`,
      });
    }
    const lost = await this.candidates(intent, window);
    for (const id of lost) {
      await this.routes.revokeKey(
        id,
        `revoke API key ${id}, which an unanswered request made and whose value nobody knows`,
      );
    }
    return lost.length > 0 ? "cleared" : "nothing";
  }

  private candidates(intent: Intent, window: Window): Promise<readonly string[]> {
    return objectsOf(this.directory, intent, window, (id) => this.managed.has(id));
  }
}
