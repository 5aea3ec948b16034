import type { Transport } from "../../provider/api/transport";
import { describe as tell } from "../../provider/errors";
import type { ApiKeyLifecycle } from "../../provider/resources/api-key-lifecycle";
import type { ServiceAccountLifecycle } from "../../provider/resources/service-account-lifecycle";

type Props = Record<string, unknown>;

/** What the engine calls of a resource type; both lifecycles have it. */
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
  id: string;
  inputs: Props;
  outs: Props;
}

/** One provider process as the engine sees it. */
export interface Provider {
  readonly account: ServiceAccountLifecycle;
  readonly key: ApiKeyLifecycle;
  /** Rejects when the process is killed. */
  readonly death: Promise<never>;
}

/** Rejects what was under way when a process is killed. */
export class Killed extends Error {}

/**
 * Pulumi's engine as far as it matters to a provider: order by dependency, replacement new before old, old ones
 * kept until they are deleted, nothing written down of a call that did not return.
 */
export class Engine {
  readonly state = new Map<string, Held>();
  /** Replaced resources that are still to be deleted. */
  readonly toDelete: Held[] = [];
  /** Handler calls so far. */
  operations = 0;
  /** Texts that a user would have read. */
  readonly texts: string[] = [];
  /** Dropped by a refresh: to be held against the truth. */
  readonly saidGone: Held[] = [];

  /** Whether everything went well. */
  async up(program: readonly Declared[], provider: Provider): Promise<boolean> {
    const accounts = program.filter(({ type }) => type === "account");
    const keys = program.filter(({ type }) => type === "key");
    let well = await this.all(accounts, (one) => this.ensure(one, one.inputs, provider));
    well =
      (await this.all(keys, async (one) => {
        const owner = this.state.get(one.owner ?? "");
        const replaced = this.toDelete.some(({ declared }) => declared.urn === one.owner);
        // The engine does not go on with what depends on something that failed.
        if (owner === undefined || (!sameInputs(owner, program) && !replaced))
          throw new Error("no owner");
        await this.ensure(one, { ...one.inputs, serviceAccountId: owner.id }, provider);
      })) && well;
    if (!well) return false;
    const gone = [...this.state.values()].filter(
      ({ declared }) => !program.some(({ urn }) => urn === declared.urn),
    );
    for (const held of gone) {
      this.state.delete(held.declared.urn);
      this.toDelete.push(held);
    }
    return await this.deleteAll(provider);
  }

  async refresh(provider: Provider): Promise<boolean> {
    return await this.all([...this.state.values()], async (held) => {
      const { id, props, inputs } = await this.call(provider, () =>
        lifecycle(provider, held.declared).read(held.id, held.outs),
      );
      if (id === "") {
        this.saidGone.push(held);
        this.state.delete(held.declared.urn);
        return;
      }
      held.outs = props ?? held.outs;
      held.inputs = inputs ?? held.inputs;
    });
  }

  private async deleteAll(provider: Provider): Promise<boolean> {
    // Keys before the accounts that they depend on.
    const order = [...this.toDelete].sort((a, b) =>
      a.declared.type === b.declared.type ? 0 : a.declared.type === "key" ? -1 : 1,
    );
    let well = true;
    for (const held of order) {
      well =
        (await this.all([held], async () => {
          await this.call(provider, () =>
            lifecycle(provider, held.declared).delete(held.id, held.outs),
          );
          this.toDelete.splice(this.toDelete.indexOf(held), 1);
        })) && well;
    }
    return well;
  }

  private async ensure(declared: Declared, wanted: Props, provider: Provider): Promise<void> {
    const life = lifecycle(provider, declared);
    const held = this.state.get(declared.urn);
    const { inputs = wanted, failures = [] } = await this.call(provider, () =>
      life.check(held?.inputs ?? {}, wanted),
    );
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join("\n"));
    if (held === undefined) {
      await this.create(declared, inputs, provider);
      return;
    }
    const { changes, replaces = [] } = await this.call(provider, () =>
      life.diff(held.id, held.outs, inputs),
    );
    if (replaces.length > 0) {
      await this.create(declared, inputs, provider);
      this.toDelete.push(held);
    } else if (changes) {
      const { outs = held.outs } = await this.call(provider, () =>
        life.update(held.id, held.outs, inputs),
      );
      this.state.set(declared.urn, { declared, id: held.id, inputs, outs });
    } else {
      this.state.set(declared.urn, { ...held, declared, inputs });
    }
  }

  private async create(declared: Declared, inputs: Props, provider: Provider): Promise<void> {
    const { id, outs = {} } = await this.call(provider, () =>
      lifecycle(provider, declared).create(inputs),
    );
    this.state.set(declared.urn, { declared, id, inputs, outs });
  }

  private async call<Result>({ death }: Provider, handler: () => Promise<Result>): Promise<Result> {
    this.operations += 1;
    return await Promise.race([handler(), death]);
  }

  private async all<Item>(
    items: readonly Item[],
    one: (item: Item) => Promise<void>,
  ): Promise<boolean> {
    const results = await Promise.allSettled(items.map(one));
    const failed = results.filter((result) => result.status === "rejected");
    const killed = failed.find(({ reason }) => reason instanceof Killed);
    if (killed !== undefined) throw killed.reason;
    // What a user reads is the message alone, as the host passes it on.
    this.texts.push(
      ...failed.map(({ reason }) => (reason instanceof Error ? reason.message : tell(reason))),
    );
    return failed.length === 0;
  }
}

/** A transport of a process that can be killed: from then on nothing of it goes on. */
export function killable(transport: Transport): {
  transport: Transport;
  death: Promise<never>;
  kill: () => void;
} {
  let dead = false;
  let die: (reason: Killed) => void = () => undefined;
  const death = new Promise<never>((_, reject) => {
    die = reject;
  });
  death.catch(() => undefined);
  const never = new Promise<never>(() => undefined);
  return {
    transport: async (request) => {
      if (dead) return await never;
      try {
        return await transport(request);
      } finally {
        if (dead) await never;
      }
    },
    death,
    kill: () => {
      dead = true;
      die(new Killed());
    },
  };
}

function sameInputs(owner: Held, program: readonly Declared[]): boolean {
  const wanted = program.find(({ urn }) => urn === owner.declared.urn);
  return JSON.stringify(wanted?.inputs) === JSON.stringify(owner.declared.inputs);
}

function lifecycle(provider: Provider, { type }: Declared): Lifecycle {
  // The engine knows no types either: it passes on what check returned.
  return provider[type] as unknown as Lifecycle;
}
