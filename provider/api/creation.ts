import { FlexpriceError, isFailure } from "../errors";
import type { World } from "./client";
import type { Directory } from "./directory";
import { createdAt } from "./ids";
import type { NewAccount, NewKey, Routes } from "./routes";
import type { CreatedKey, User } from "./wire";

/** Posts of one create, the first included. */
const MOST_POSTS = 3;

/** When to look for what a create without an answer has made: pauses before each look, in milliseconds. */
const LOOKS: readonly number[] = [250, 1_500, 4_000];

/** How far clocks of server replicas may be apart, in milliseconds; the Date header's whole seconds included. */
const CLOCK_MARGIN = 3_000;

/** The server's times between which something unanswered can have been made, in milliseconds of the epoch. */
interface Window {
  readonly from: number;
  readonly until: number;
}

/**
 * Creates that end in exactly one object. Flexprice has no idempotency key, and names are not unique: a create
 * whose answer got lost is settled by looking for what it made, never by simply sending it again.
 */
export class Creations {
  private readonly lanes = new Map<string, Promise<unknown>>();
  constructor(
    private readonly routes: Routes,
    private readonly directory: Directory,
    private readonly world: Pick<World, "sleep">,
    /** Ids that resources of this process hold: never candidates. */
    private readonly managed: Set<string>,
  ) {}

  /**
   * POST /users. An account that an unanswered request made is taken over.
   * @throws FlexpriceError of kind `outcome_unknown` when several could be it, or when none can be found and the
   *   server goes on failing.
   */
  async createAccount(account: NewAccount, attempted: string): Promise<User> {
    const lane = `account ${account.name}`;
    return await this.inLane(lane, async () => {
      const made = await this.settle(
        () => this.routes.createAccount(account, attempted),
        (window) => this.findAccount(account, window, attempted),
      );
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
  async createKey(key: NewKey, ownerId: string, attempted: string): Promise<CreatedKey> {
    return await this.inLane(`key ${ownerId} ${key.name}`, async () => {
      const made = await this.settle(
        () => this.routes.createKey(key, attempted),
        (window) => this.revokeLost(key, ownerId, window, attempted),
      );
      this.managed.add(made.secret.id);
      this.directory.noteKey(made.secret);
      return made;
    });
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
    account: NewAccount,
    window: Window,
    attempted: string,
  ): Promise<User | "nothing"> {
    const wanted = rolesKey(account.roles);
    const since = await this.directory.accountsSince(
      (row) => (createdAt(row.id) ?? window.from) >= window.from,
    );
    const candidates = since.filter(
      (row) =>
        !this.managed.has(row.id) &&
        row.name === account.name &&
        rolesKey(row.roles) === wanted &&
        isWithin(createdAt(row.id), window),
    );
    const [first, ...others] = candidates;
    if (others.length > 0) {
      throw new FlexpriceError({
        kind: "outcome_unknown",
        attempted,
        answer: `the request got no usable answer, and ${candidates.length} accounts with that name and these roles were made at that time: ${candidates.map(({ id }) => id).join(", ")}`,
        advice:
          'find out which of them nobody else uses, set "adopt" of this resource to its id, and archive the others if they are yours.',
      });
    }
    return first ?? "nothing";
  }

  private async revokeLost(
    key: NewKey,
    ownerId: string,
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
    const lost = (await this.directory.freshKeysOf(ownerId)).filter(
      (row) =>
        !this.managed.has(row.id) &&
        row.name === key.name &&
        row.user_id === ownerId &&
        isWithin(Date.parse(row.created_at), window),
    );
    for (const row of lost) {
      await this.routes.revokeKey(
        row.id,
        `revoke API key ${row.id}, which an unanswered request made and whose value nobody knows`,
      );
    }
    return lost.length > 0 ? "cleared" : "nothing";
  }
}

function isWithin(time: number | undefined, { from, until }: Window): boolean {
  return time !== undefined && time >= from && time <= until;
}

function rolesKey(roles: readonly string[]): string {
  return [...new Set(roles)].sort().join(" ");
}
