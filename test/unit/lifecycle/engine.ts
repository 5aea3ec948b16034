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
  readonly isCutOff?: boolean;
  /** As `--refresh`: reads, each with a diff, run before the program. */
  readonly isRefreshed?: boolean;
}

/** Calls a provider process in the order of Pulumi's engine, and keeps the state between runs. */
export class Engine {
  entries: Entry[] = [];
  /** The resources that an interrupted run has replaced, but not deleted. */
  pending: Entry[] = [];

  get(name: string): Entry {
    return this.entries.find((entry) => entry.name === name) ?? assert.fail(`no ${name}`);
  }

  async refresh(process: ProviderProcess): Promise<void> {
    const kept: Entry[] = [];
    for (const entry of this.entries) {
      const lifecycle = lifecycleOf(process, entry.type);
      const read = await lifecycle.read(entry.id, entry.state);
      if (read.id === "") continue;
      const { props: state = {}, inputs = entry.inputs } = read;
      await lifecycle.diff(entry.id, state, inputs);
      kept.push({ ...entry, state, inputs });
    }
    this.entries = kept;
  }

  async up(process: ProviderProcess, program: Program, options: UpOptions = {}): Promise<void> {
    if (options.isRefreshed === true) await this.refresh(process);
    const before = this.entries;
    const replaced: Entry[] = [];
    for (const [name, declared] of Object.entries(program)) {
      const old = before.find((entry) => entry.name === name);
      const entry = await this.register(process, { name, declared, old, options });
      if (old !== undefined && entry.id !== old.id) replaced.push(old);
      else if (old !== undefined && options.replace?.includes(name)) replaced.push(old);
      this.entries = [...this.entries.filter((one) => one.name !== name), entry];
    }
    const removed = before.filter(({ name }) => program[name] === undefined);
    const isDeleted = (entry: Entry) => program[entry.name]?.deleteBeforeReplace === true;
    this.pending.push(...replaced.filter((entry) => !isDeleted(entry)));
    if (options.isCutOff === true) return;
    await this.delete(process, [...this.pending, ...removed]);
  }

  /** `target`: as `--target`, only this one is deleted. */
  async destroy(process: ProviderProcess, target?: string): Promise<void> {
    const all = [...this.pending, ...this.entries];
    await this.delete(
      process,
      all.filter(({ name }) => target === undefined || name === target),
    );
  }

  /** Dependents are deleted before their dependencies. */
  private async delete(process: ProviderProcess, entries: readonly Entry[]): Promise<void> {
    const inOrder = [...entries].sort((one, other) =>
      one.type === other.type ? 0 : one.type === "key" ? -1 : 1,
    );
    for (const entry of inOrder) {
      await lifecycleOf(process, entry.type).delete(entry.id, entry.state);
      this.entries = this.entries.filter((one) => one !== entry);
      this.pending = this.pending.filter((one) => one !== entry);
    }
  }

  private async register(
    process: ProviderProcess,
    run: {
      readonly name: string;
      readonly declared: Declared;
      readonly old: Entry | undefined;
      readonly options: UpOptions;
    },
  ): Promise<Entry> {
    const { name, declared, old, options } = run;
    const { type } = declared;
    const lifecycle = lifecycleOf(process, type);
    const ids = Object.fromEntries(this.entries.map((entry) => [entry.name, entry.id]));
    const goal = declared.inputs(ids);
    const make = async (inputs: Properties): Promise<Entry> => {
      const { id, outs = {} } = await lifecycle.create(inputs);
      return { name, type, id, inputs, state: outs };
    };
    if (old === undefined || options.replace?.includes(name)) {
      return await make(await checked(lifecycle, {}, goal));
    }
    const kept = Object.fromEntries(
      (declared.ignoreChanges ?? []).map((property) => [property, old.inputs[property]]),
    );
    const inputs = await checked(lifecycle, old.inputs, withoutNothing({ ...goal, ...kept }));
    const { changes, replaces = [] } = await lifecycle.diff(old.id, old.state, inputs);
    const differing = [...new Set([...Object.keys(inputs), ...Object.keys(old.inputs)])].filter(
      (property) => JSON.stringify(inputs[property]) !== JSON.stringify(old.inputs[property]),
    );
    // The engine only looks for changed inputs if the provider leaves it the decision.
    const isMarked =
      changes === undefined &&
      differing.some((property) => declared.replaceOnChanges?.includes(property));
    if (replaces.length > 0 || isMarked) {
      const fresh = await checked(lifecycle, {}, goal);
      if (declared.deleteBeforeReplace === true) await lifecycle.delete(old.id, old.state);
      return await make(fresh);
    }
    const isUpdated = changes ?? differing.length > 0;
    if (!isUpdated) return { ...old, inputs };
    const { outs = {} } = await lifecycle.update(old.id, old.state, inputs);
    return { ...old, inputs, state: outs };
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

/** The engine only compares whole properties. */
function lifecycleOf({ accounts, keys }: ProviderProcess, type: "account" | "key"): Lifecycle {
  const lifecycle: unknown = type === "account" ? accounts : keys;
  return lifecycle as Lifecycle;
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

function withoutNothing(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}
