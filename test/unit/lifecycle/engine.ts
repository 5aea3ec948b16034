import assert from "node:assert/strict";
import type { dynamic } from "@pulumi/pulumi";
import type { ProviderProcess } from "../fixture";

type Properties = Readonly<Record<string, unknown>>;

/** A resource of a program. `inputs` gets the ids of those before it. */
export interface Declared {
  readonly type: "account" | "key";
  readonly inputs: (ids: Readonly<Record<string, string>>) => Properties;
  readonly ignoreChanges?: readonly string[];
  readonly replaceOnChanges?: readonly string[];
  readonly deleteBeforeReplace?: boolean;
}

export type Program = Readonly<Record<string, Declared>>;

export interface Entry {
  readonly name: string;
  readonly type: "account" | "key";
  readonly id: string;
  readonly inputs: Properties;
  readonly state: Properties;
}

export interface UpOptions {
  /** As `--replace` or a taint: the engine calls no diff, and one check without old inputs. */
  readonly replace?: readonly string[];
  /** The run is interrupted before it deletes anything. */
  readonly isInterrupted?: boolean;
  /** As `--refresh`: reads, each with a diff, run before the program. */
  readonly refresh?: boolean;
}

/** Calls providers in the order of Pulumi's engine, one process per operation, and keeps the state between them. */
export class Engine {
  entries: Entry[] = [];
  /** The resources that an interrupted run has replaced, but not deleted. */
  pending: Entry[] = [];
  /** The process of the last operation. */
  provider: ProviderProcess;

  constructor(private readonly startProcess: () => ProviderProcess) {
    this.provider = startProcess();
  }

  get(name: string): Entry {
    return this.entries.find((entry) => entry.name === name) ?? assert.fail(`no ${name}`);
  }

  async refresh(): Promise<void> {
    this.provider = this.startProcess();
    await this.readAll();
  }

  async up(program: Program, options: UpOptions = {}): Promise<void> {
    this.provider = this.startProcess();
    if (options.refresh === true) await this.readAll();
    const entriesBefore = this.entries;
    const replaced: Entry[] = [];
    for (const [name, declared] of Object.entries(program)) {
      const old = entriesBefore.find((entry) => entry.name === name);
      const entry = await this.register({ name, declared, old, options });
      const isReplaced = entry.id !== old?.id || options.replace?.includes(name) === true;
      if (old !== undefined && isReplaced) replaced.push(old);
      this.entries = [...this.entries.filter((other) => other.name !== name), entry];
    }
    const removed = entriesBefore.filter(({ name }) => program[name] === undefined);
    const isDeleted = (entry: Entry) => program[entry.name]?.deleteBeforeReplace === true;
    this.pending.push(...replaced.filter((entry) => !isDeleted(entry)));
    if (options.isInterrupted === true) return;
    await this.delete([...this.pending, ...removed]);
  }

  /** `target`: as `--target`, only this resource is deleted. `refresh`: as `--refresh`. */
  async destroy({ target, refresh = false }: { target?: string; refresh?: boolean } = {}) {
    this.provider = this.startProcess();
    if (refresh) await this.readAll();
    const entries = [...this.pending, ...this.entries];
    await this.delete(entries.filter(({ name }) => target === undefined || name === target));
  }

  private async readAll(): Promise<void> {
    const found: Entry[] = [];
    for (const entry of this.entries) {
      const lifecycle = this.lifecycleOf(entry.type);
      const read = await lifecycle.read(entry.id, entry.state);
      if (read.id === "") continue;
      const { props: state = {}, inputs = entry.inputs } = read;
      await lifecycle.diff(entry.id, state, inputs);
      found.push({ ...entry, state, inputs });
    }
    this.entries = found;
  }

  /** Dependents are deleted before their dependencies. */
  private async delete(entries: readonly Entry[]): Promise<void> {
    const keys = entries.filter(({ type }) => type === "key");
    const accounts = entries.filter(({ type }) => type === "account");
    for (const entry of [...keys, ...accounts]) {
      await this.lifecycleOf(entry.type).delete(entry.id, entry.state);
      this.entries = this.entries.filter((other) => other !== entry);
      this.pending = this.pending.filter((other) => other !== entry);
    }
  }

  private async register(run: {
    readonly name: string;
    readonly declared: Declared;
    readonly old: Entry | undefined;
    readonly options: UpOptions;
  }): Promise<Entry> {
    const { name, declared, old, options } = run;
    const { type } = declared;
    const lifecycle = this.lifecycleOf(type);
    const ids = Object.fromEntries(this.entries.map((entry) => [entry.name, entry.id]));
    const goal = declared.inputs(ids);
    const create = async (inputs: Properties): Promise<Entry> => {
      const { id, outs = {} } = await lifecycle.create(inputs);
      return { name, type, id, inputs, state: outs };
    };
    if (old === undefined || options.replace?.includes(name)) {
      return await create(await checked(lifecycle, {}, goal));
    }
    const ignored = Object.fromEntries(
      (declared.ignoreChanges ?? []).map((property) => [property, old.inputs[property]]),
    );
    const inputs = await checked(lifecycle, old.inputs, withoutUndefined({ ...goal, ...ignored }));
    const { changes, replaces = [] } = await lifecycle.diff(old.id, old.state, inputs);
    const differing = [...new Set([...Object.keys(inputs), ...Object.keys(old.inputs)])].filter(
      (property) => JSON.stringify(inputs[property]) !== JSON.stringify(old.inputs[property]),
    );
    // The engine only looks for changed inputs if the provider leaves it the decision.
    const isMarked =
      changes === undefined &&
      differing.some((property) => declared.replaceOnChanges?.includes(property));
    if (replaces.length > 0 || isMarked) {
      const newInputs = await checked(lifecycle, {}, goal);
      if (declared.deleteBeforeReplace === true) await lifecycle.delete(old.id, old.state);
      return await create(newInputs);
    }
    const isUpdated = changes ?? differing.length > 0;
    if (!isUpdated) return { ...old, inputs };
    const { outs = {} } = await lifecycle.update(old.id, old.state, inputs);
    return { ...old, inputs, state: outs };
  }

  private lifecycleOf(type: "account" | "key"): Lifecycle {
    const { accounts, keys } = this.provider;
    const lifecycle: unknown = type === "account" ? accounts : keys;
    return lifecycle as Lifecycle;
  }
}

interface Lifecycle {
  check(olds: Properties, news: Properties): Promise<dynamic.CheckResult<Properties>>;
  diff(id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult>;
  create(inputs: Properties): Promise<dynamic.CreateResult<Properties>>;
  read(id: string, props: Properties): Promise<dynamic.ReadResult<Properties>>;
  update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult<Properties>>;
  delete(id: string, props: Properties): Promise<void>;
}

async function checked(
  lifecycle: Lifecycle,
  olds: Properties,
  news: Properties,
): Promise<Properties> {
  const { inputs = {}, failures = [] } = await lifecycle.check(olds, news);
  assert.deepEqual(failures, []);
  return inputs;
}

function withoutUndefined(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}
