import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import ms from "ms";
import { Emulator, type Operator } from "../../../provider/emulator";
import {
  endProcess,
  type OperationResult,
  ok,
  type ProgramSource,
  PulumiWorkspace,
  type RunningOperation,
  type StateResource,
  type Verb,
} from "../../../scripts/workspace";
import { failed, isOurs, succeeded } from "../fixture";
import { Gateway, type Interception } from "./gateway";

export const ACCOUNT_POST = { method: "POST", path: /^\/v1\/users$/ } as const;
export const KEY_POST = { method: "POST", path: /^\/v1\/secrets\/api\/keys$/ } as const;

interface IdentityOptions {
  /** More inputs of the account, as code, e.g. `name: "ci",`. */
  account?: string;
  /** More inputs of the key. */
  key?: string;
  /** Options of the key. */
  keyOptions?: string;
  /** More statements, between account and key. */
  more?: string;
  /** Whether account and key are children of a component. */
  isComponent?: boolean;
}

/** A program with an account `ci` and its key `ci`. */
export function identity(options: IdentityOptions = {}): string {
  const { account = "", key = "", keyOptions = "", more = "", isComponent = false } = options;
  const parent = isComponent
    ? 'parent: new pulumi.ComponentResource("test:index:Part", "part")'
    : "";
  return `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
const parent = { ${parent} };
const account = new flexprice.ServiceAccount("ci", { ${account} roles: ["event_ingestor"] }, parent);
${more}
new flexprice.ApiKey("ci", { ${key} serviceAccountId: account.id }, { ...parent, ${keyOptions} });
`;
}

/** Another account: a change, before which a run cleans up after others. */
export function anotherAccount(name: string): string {
  return `const ${name} = new flexprice.ServiceAccount("${name}", { roles: ["event_reader"] });`;
}

/** Ids of objects that must not exist; see {@link SharedTenant.census}. */
interface Census {
  /** They are in a state, but not on the server. */
  ended: string[];
  inTwoStates: string[];
  /** They are active and in no state, and no message of any run has named them. */
  unreported: string[];
}

/** A tenant of an embedded Flexprice behind a gateway, used by several stacks and machines. */
export class SharedTenant {
  private readonly stacks: Stack[] = [];
  private readonly machines = mkdtempSync(join(tmpdir(), "pulumi-flexprice-machines-"));

  private constructor(
    readonly emulator: Emulator,
    readonly operator: Operator,
    readonly gateway: Gateway,
  ) {}

  static async open(): Promise<SharedTenant> {
    const emulator = await Emulator.start();
    const operator = emulator.createTenant();
    return new SharedTenant(emulator, operator, await Gateway.before(emulator.url));
  }

  /** A new stack with a program. Stacks on one machine share its PULUMI_HOME. */
  async stack(
    source: string,
    machine = "laptop",
    program: Partial<ProgramSource> = {},
  ): Promise<Stack> {
    const workspace = await PulumiWorkspace.create({
      program: { source, ...program },
      inline: true,
      env: {
        FLEXPRICE_BASE_URL: this.gateway.url,
        FLEXPRICE_API_KEY: this.operator.apiKey,
        PULUMI_HOME: this.home(machine),
      },
    });
    const stack = new Stack(this, workspace);
    this.stacks.push(stack);
    return stack;
  }

  /** The PULUMI_HOME of a machine. */
  home(machine: string): string {
    const home = join(this.machines, machine);
    mkdirSync(home, { recursive: true });
    return home;
  }

  /** The notes about creates on a machine, by path. */
  notes(machine = "laptop"): string[] {
    const folder = join(this.home(machine), "flexprice", "creates");
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .map((file) => join(folder, file));
  }

  /** The pending creates in the notes of a machine, without reports of objects returned just before a kill. */
  pendingKinds(machine = "laptop"): string[] {
    return this.notes(machine)
      .map((path) => JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? ""))
      .filter(({ id }: { id?: string }) => id === undefined)
      .map(({ kind }: { kind: string }) => kind);
  }

  /** Ends the leases of all notes on all machines: the next run may claim them. */
  endLeases(): void {
    const then = new Date(Date.now() - ms("3m"));
    for (const machine of readdirSync(this.machines)) {
      for (const path of this.notes(machine)) utimesSync(path, then, then);
    }
  }

  /** The active objects, without the operator's key. */
  live(): { id: string; name: string }[] {
    const { emulator, operator } = this;
    return [
      ...emulator.accounts(operator.tenantId),
      ...emulator.keys(operator.tenantId).filter(({ userId }) => userId !== operator.userId),
    ]
      .filter(({ status }) => status === "published")
      .map(({ id, name }) => ({ id, name }));
  }

  liveKeys(): string[] {
    return this.live()
      .map(({ id }) => id)
      .filter((id) => id.startsWith("secret_"));
  }

  /** Compares all states with the server. */
  async census(): Promise<Census> {
    const states = await Promise.all(this.stacks.map((stack) => stack.held()));
    const held = states.flat().map(({ id }) => id);
    const live = this.live();
    const ids = new Set(live.map(({ id }) => id));
    const messages = this.stacks.flatMap((stack) => stack.messages).join("\n");
    return {
      ended: held.filter((id) => !ids.has(id)),
      inTwoStates: held.filter((id, place) => held.indexOf(id) !== place),
      unreported: live
        .filter(({ id }) => !held.includes(id))
        .filter(({ id, name }) => !messages.includes(id) && !this.isNamedAlone(name, messages))
        .map(({ id }) => id),
    };
  }

  /** Asserts that all objects in states are active, and in one state only. Holds even with requests in progress. */
  async assertNothingIsTaken(): Promise<void> {
    const { unreported: _, ...taken } = await this.census();
    assert.deepEqual(taken, { ended: [], inTwoStates: [] });
  }

  /** Asserts that nothing is left over. Holds after a run that follows the end of the leases. */
  async assertAllIsWell(context?: string): Promise<void> {
    const census = await this.census();
    assert.deepEqual(
      census,
      { ended: [], inTwoStates: [], unreported: [] },
      context && `${context}: ${JSON.stringify(census)}`,
    );
  }

  /** As {@link assertAllIsWell}, without reported objects: all active objects are in states. */
  async assertNothingIsLeft(): Promise<void> {
    await this.assertAllIsWell();
    const states = await Promise.all(this.stacks.map((stack) => stack.held()));
    const held = states.flat().map(({ id }) => id);
    const live = this.live().map(({ id }) => id);
    assert.deepEqual(live.sort(), held.sort());
  }

  async close(): Promise<void> {
    for (const { workspace } of this.stacks) await workspace.dispose();
    await this.gateway.close();
    await this.emulator.stop();
    rmSync(this.machines, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Whether messages name an object with a unique name. */
  private isNamedAlone(name: string, messages: string): boolean {
    const all = [...this.emulator.accounts(), ...this.emulator.keys()];
    return (
      all.filter((one) => one.name === name).length === 1 && messages.includes(JSON.stringify(name))
    );
  }
}

/** A stack of a shared tenant. */
export class Stack {
  /** Warnings and errors of all finished operations. */
  readonly messages: string[] = [];

  constructor(
    private readonly tenant: SharedTenant,
    readonly workspace: PulumiWorkspace,
  ) {}

  /** Later operations run on this machine. */
  moveTo(machine: string): void {
    this.workspace.env["PULUMI_HOME"] = this.tenant.home(machine);
  }

  start(verb: Verb, ...args: string[]): RunningOperation {
    const running = this.workspace.start(verb, args);
    const { pid, kill, waitForOutput } = running;
    const done = running.done.then((result) => this.noted(result));
    return {
      pid,
      kill,
      done,
      waitForOutput,
      get output() {
        return running.output;
      },
    };
  }

  async perform(verb: Verb, ...args: string[]): Promise<OperationResult> {
    return this.noted(await this.workspace.perform(verb, args));
  }

  /** Starts an up and waits until a request of it is intercepted. */
  async upTo(request: Interception, ...args: string[]): Promise<RunningOperation> {
    const up = this.start("up", ...args);
    const ended = await Promise.race([request.arrived(), up.done]);
    if (ended !== undefined) throw new Error(`The up has ended without it:\n${ended.output}`);
    return up;
  }

  async up(...args: string[]): Promise<OperationResult> {
    return succeeded(await this.perform("up", ...args));
  }

  async failingUp(...args: string[]): Promise<OperationResult> {
    return failed(await this.perform("up", ...args));
  }

  async destroy(...args: string[]): Promise<OperationResult> {
    return succeeded(await this.perform("destroy", ...args));
  }

  /** The first thing to do after an interrupted run. */
  async cancel(): Promise<void> {
    await ok(this.workspace.run(["cancel", "--yes"]));
  }

  /** The resources of this package in the state. */
  async held(): Promise<(StateResource & { id: string })[]> {
    const { deployment } = await this.workspace.exportState();
    return (deployment.resources ?? []).flatMap((resource) => {
      const { id } = resource;
      return id !== undefined && id !== "" && isOurs(resource) ? [{ ...resource, id }] : [];
    });
  }

  /** The ids in the state, by e.g. `ServiceAccount ci`. */
  async ids(): Promise<Record<string, string>> {
    return Object.fromEntries(
      (await this.held()).map(({ urn, type, id }) => [
        `${type.split(":").at(-1)} ${urn.split("::").at(-1)}`,
        id,
      ]),
    );
  }

  /** Resolves once the state has this many objects. */
  async holds(count: number): Promise<void> {
    while ((await this.heldWhileRunning()) < count) await sleep(50);
  }

  /** How many objects the state has. The engine may be writing it: an incomplete file cannot be read. */
  private async heldWhileRunning(): Promise<number> {
    try {
      return (await this.held()).length;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return 0;
    }
  }

  /** Only the CLI gets a signal to end. */
  async killCli(running: RunningOperation, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    running.kill(signal);
    await running.done;
  }

  /** Kills CLI, program and provider at once, as if the machine went down. */
  async killAll(running: RunningOperation): Promise<void> {
    for (
      let processes = this.workspace.processes();
      processes.length > 0;
      processes = this.workspace.processes()
    ) {
      for (const { pid } of processes) endProcess(pid);
      await sleep(20);
    }
    await running.done;
  }

  private noted(result: OperationResult): OperationResult {
    for (const { severity, message } of result.diagnostics) {
      if (severity === "warning" || severity === "error") this.messages.push(message);
    }
    return result;
  }
}
