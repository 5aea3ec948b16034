import type { ApiKeyProvider } from "../../provider/lifecycle/api-key/provider";
import type { ServiceAccountProvider } from "../../provider/lifecycle/service-account/provider";
import { PartlyCreated } from "../../provider/shared/errors";
import { Killed } from "./provider-process";
import type { Timeline } from "./timeline";

type Props = Readonly<Record<string, unknown>>;

/** The methods that the engine calls for a resource type. */
interface Lifecycle {
  check(olds: Props, news: Props): Promise<{ inputs?: Props; failures?: { reason: string }[] }>;
  diff(id: string, olds: Props, news: Props): Promise<{ changes?: boolean; replaces?: string[] }>;
  create(inputs: Props): Promise<{ id: string; outs?: Props }>;
  read(id: string, props: Props): Promise<{ id?: string; props?: Props; inputs?: Props }>;
  update(id: string, olds: Props, news: Props): Promise<{ outs?: Props }>;
  delete(id: string, props: Props): Promise<void>;
}

export interface Declared {
  readonly urn: string;
  readonly type: "account" | "key";
  readonly inputs: Props;
  /** The account's urn, for a key. */
  readonly owner?: string;
}

export interface Held {
  readonly declared: Declared;
  readonly id: string;
  readonly inputs: Props;
  readonly outs: Props;
  /** The create failed after the object was created: the next up calls update. */
  readonly isPartlyCreated?: boolean;
}

/** One provider process, as the engine sees it. */
export interface Provider {
  readonly account: ServiceAccountProvider;
  readonly key: ApiKeyProvider;
  /** Rejects if the process is killed. */
  readonly death: Promise<never>;
}

interface Checkpoint {
  readonly at: number;
  readonly state: ReadonlyMap<string, Held>;
  readonly toDelete: readonly Held[];
}

/** A result that the engine received this shortly before it was killed may not be in the state. */
const STORING_MS = 5_000;

/**
 * Pulumi's engine with one stack, as far as it matters to a provider: order by dependency, replacement new before
 * old, old resources kept until they are deleted, and no state for a call that did not return.
 */
export class Engine {
  state = new Map<string, Held>();
  /** Replaced resources that are not deleted yet. */
  toDelete: readonly Held[] = [];
  /** Ids that the provider was asked to delete, which may be gone. */
  readonly askedToDelete = new Set<string>();
  /** Handler calls so far. */
  operations = 0;
  /** The messages to the user. */
  readonly messages: string[] = [];
  /** Ids that a refresh dropped, to compare with the server. */
  readonly droppedIds: string[] = [];
  private checkpoints: Checkpoint[] = [];
  private end: (reason: Killed) => void = () => undefined;
  private ended: Promise<never> = new Promise(() => undefined);

  constructor(
    readonly name: string,
    private readonly timeline: Timeline,
    private readonly random: () => number,
  ) {}

  /** Ends the current command. The last results may not be in the state. */
  kill(): void {
    this.end(new Killed());
    const since = this.timeline.now - STORING_MS;
    const oldest = this.checkpoints.findLastIndex(({ at }) => at < since);
    const recent = this.checkpoints.slice(Math.max(0, oldest));
    const stored = recent[Math.floor(this.random() * recent.length)];
    if (stored === undefined) return;
    this.state = new Map(stored.state);
    this.toDelete = stored.toDelete;
  }

  /** Whether everything succeeded. */
  async up(program: readonly Declared[], provider: Provider): Promise<boolean> {
    this.begin();
    const failed = new Set<string>();
    const ensure = async (declared: Declared, inputs: Props) => {
      try {
        await this.ensure(declared, inputs, provider);
      } catch (error) {
        failed.add(declared.urn);
        throw error;
      }
    };
    const accounts = program.filter(({ type }) => type === "account");
    const keys = program.filter(({ type }) => type === "key");
    await this.all(accounts, (account) => ensure(account, account.inputs));
    this.commit();
    await this.all(keys, async (key) => {
      const owner = this.state.get(key.owner ?? "");
      // The engine skips the dependents of a failed resource.
      if (owner === undefined || failed.has(owner.declared.urn)) {
        failed.add(key.urn);
        return;
      }
      await ensure(key, { ...key.inputs, serviceAccountId: owner.id });
    });
    if (failed.size > 0) return false;
    const removed = [...this.state.values()].filter(
      ({ declared }) => !program.some(({ urn }) => urn === declared.urn),
    );
    for (const { declared } of removed) this.state.delete(declared.urn);
    this.toDelete = [...this.toDelete, ...removed];
    this.commit();
    return await this.deleteAll(provider);
  }

  async refresh(provider: Provider): Promise<boolean> {
    this.begin();
    return await this.all([...this.state.values()], async (held) => {
      const { id, props, inputs } = await this.call(provider, () =>
        lifecycle(provider, held.declared).read(held.id, held.outs),
      );
      if (id === "") {
        this.droppedIds.push(held.id);
        this.state.delete(held.declared.urn);
        return;
      }
      const outs = props ?? held.outs;
      this.keep({ ...held, outs, inputs: inputs ?? held.inputs });
    });
  }

  /** All objects in the state. */
  get held(): readonly Held[] {
    return [...this.state.values(), ...this.toDelete];
  }

  private async deleteAll(provider: Provider): Promise<boolean> {
    // Keys before their accounts.
    const keys = this.toDelete.filter(({ declared }) => declared.type === "key");
    const accounts = this.toDelete.filter(({ declared }) => declared.type === "account");
    let hasSucceeded = true;
    for (const held of [...keys, ...accounts]) {
      hasSucceeded =
        (await this.all([held], async () => {
          this.askedToDelete.add(held.id);
          await this.call(provider, () =>
            lifecycle(provider, held.declared).delete(held.id, held.outs),
          );
          this.toDelete = this.toDelete.filter((other) => other !== held);
          this.checkpoint();
        })) && hasSucceeded;
    }
    return hasSucceeded;
  }

  private async ensure(
    declared: Declared,
    declaredInputs: Props,
    provider: Provider,
  ): Promise<void> {
    // Undefined values do not reach the provider.
    const wanted = Object.fromEntries(
      Object.entries(declaredInputs).filter(([, value]) => value !== undefined),
    );
    const handlers = lifecycle(provider, declared);
    const held = this.state.get(declared.urn);
    const { inputs = wanted, failures = [] } = await this.call(provider, () =>
      handlers.check(held?.inputs ?? {}, wanted),
    );
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join("\n"));
    if (held === undefined) {
      await this.create(declared, inputs, provider);
      return;
    }
    const { changes, replaces = [] } = await this.call(provider, () =>
      handlers.diff(held.id, held.outs, inputs),
    );
    if (replaces.length > 0) {
      await this.create(declared, inputs, provider, held);
    } else if (changes || held.isPartlyCreated) {
      const { outs = held.outs } = await this.call(provider, () =>
        handlers.update(held.id, held.outs, inputs),
      );
      this.keep({ declared, id: held.id, inputs, outs });
    } else {
      this.keep({ ...held, declared, inputs });
    }
  }

  private async create(
    declared: Declared,
    inputs: Props,
    provider: Provider,
    replaced?: Held,
  ): Promise<void> {
    const keep = (created: Held) => {
      if (replaced !== undefined) this.toDelete = [...this.toDelete, replaced];
      this.keep(created);
    };
    try {
      const { id, outs = {} } = await this.call(provider, () =>
        lifecycle(provider, declared).create(inputs),
      );
      keep({ declared, id, inputs, outs });
    } catch (error) {
      if (error instanceof PartlyCreated) {
        keep({ declared, id: error.id, inputs, outs: error.properties, isPartlyCreated: true });
      }
      throw error;
    }
  }

  private keep(held: Held): void {
    this.state.set(held.declared.urn, held);
    this.checkpoint();
  }

  private begin(): void {
    this.ended = new Promise((_, reject) => {
      this.end = reject;
    });
    this.ended.catch(() => undefined);
    this.commit();
  }

  private checkpoint(): void {
    const { state, toDelete, timeline } = this;
    this.checkpoints.push({ at: timeline.now, state: new Map(state), toDelete });
  }

  /** A dependent is only called once its dependency is in the state. */
  private commit(): void {
    this.checkpoints = [];
    this.checkpoint();
  }

  private async call<Result>({ death }: Provider, handler: () => Promise<Result>): Promise<Result> {
    this.operations += 1;
    return await Promise.race([this.ended, handler(), death]);
  }

  private async all<Item>(
    items: readonly Item[],
    perform: (item: Item) => Promise<void>,
  ): Promise<boolean> {
    const results = await Promise.allSettled(items.map(perform));
    const failed = results.filter((result) => result.status === "rejected");
    const killed = failed.find(({ reason }) => reason instanceof Killed);
    if (killed !== undefined) throw killed.reason;
    // Users only read the message, which the host passes on.
    this.messages.push(
      ...failed.map(({ reason }) => (reason instanceof Error ? reason.message : String(reason))),
    );
    return failed.length === 0;
  }
}

function lifecycle(provider: Provider, { type }: Declared): Lifecycle {
  // The engine has no types either: it passes on the result of check.
  return provider[type] as unknown as Lifecycle;
}
