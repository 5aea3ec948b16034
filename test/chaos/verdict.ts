import assert from "node:assert/strict";
import type { Declared, Engine, Held } from "./engine";
import type { Tally } from "./tally";
import type { ChaosWorld } from "./world";

export const INVARIANTS = [
  "no convergence in fault-free runs",
  "objects in a state that are not live",
  "live objects of a state that a provider ended",
  "objects in two states",
  "live objects in no state that nothing reported",
  "key values lost",
  "lifetimes wrong",
  "names wrong",
  "false gone",
  "notes that stay",
  "keys in plain text in what users read",
] as const;
type Invariant = (typeof INVARIANTS)[number];

/** Messages that ask a person to check an object that no run may touch. */
const REPORT =
  /may be in no state|These keys have the same name, and this run does not know them|that this run does not know:/;

/** How far a lifetime may be off. */
const TOLERANCE_MS = 60_000;

/** Compares the stacks' states with the server's objects. */
export class Classification {
  /** Ids that a person has ended. */
  readonly endedByHand = new Set<string>();

  constructor(
    private readonly platform: ChaosWorld,
    private readonly happened: Tally,
    private readonly violations: Tally,
  ) {
    platform.gateway.onArrival = ({ method, url }, by) => {
      const id = method === "DELETE" ? url.slice(url.lastIndexOf("/") + 1) : "";
      const holder = this.platform.stacks.find((stack) => holds(stack, id));
      if (holder === undefined || holder.askedToDelete.has(id) || this.endedByHand.has(id)) return;
      this.expect(false, "live objects of a state that a provider ended", `${id}, by ${by}`);
    };
  }

  /** Checks what must hold at any time. */
  always(): void {
    const live = new Set(this.platform.live().map(({ id }) => id));
    for (const stack of this.platform.stacks) {
      for (const id of stack.saidGone) this.expect(!live.has(id), "false gone", id);
      stack.saidGone.length = 0;
      for (const { id } of stack.held) {
        const isLive = live.has(id) || stack.askedToDelete.has(id) || this.endedByHand.has(id);
        this.expect(isLive, "objects in a state that are not live", `${id} of ${stack.name}`);
      }
    }
    const [first, second] = this.platform.stacks;
    for (const { id } of first.held) {
      this.expect(!holds(second, id), "objects in two states", id);
    }
  }

  converged(is: boolean): void {
    const told = this.platform.stacks.flatMap(({ texts }) => texts.slice(-3)).join("\n");
    this.expect(is, "no convergence in fault-free runs", told);
  }

  /** Does what the reports ask a person to do: removes objects that are in no state. */
  followReports(): void {
    const { emulator, stacks } = this.platform;
    for (const { id } of this.platform.live()) {
      if (stacks.some((stack) => holds(stack, id)) || !this.isReported(id)) continue;
      this.happened.count("reported, and removed by a person");
      this.endedByHand.add(id);
      if (id.startsWith("user_")) emulator.archiveAccount(id);
      else emulator.revokeKey(id);
    }
  }

  /** Checks what must hold once everything is resolved. */
  atTheEnd(program: readonly Declared[]): void {
    this.always();
    for (const stack of this.platform.stacks) {
      assert.deepEqual([...stack.state.keys()].sort(), program.map(({ urn }) => urn).sort());
      for (const held of stack.state.values()) this.object(held);
    }
    for (const { id, name } of this.platform.live()) {
      const isHeld = this.platform.stacks.some((stack) => holds(stack, id));
      this.expect(isHeld, "live objects in no state that nothing reported", `${id} ${name}`);
    }
    for (const note of this.platform.notes.toSettle()) this.expect(false, "notes that stay", note);
    const texts = this.texts().join("\n");
    for (const { value } of this.platform.emulator.keys()) {
      this.expect(!texts.includes(value), "keys in plain text in what users read", texts);
    }
  }

  private object({ declared, id, outs }: Held): void {
    const { emulator } = this.platform;
    const wanted = declared.inputs["name"] ?? outs["autoName"] ?? outs["name"];
    const account = emulator.accounts().find((one) => one.id === id);
    const key = emulator.keys().find((one) => one.id === id);
    const live = account ?? key;
    this.expect(live?.status === "published", "objects in a state that are not live", id);
    this.expect(live?.name === wanted, "names wrong", `${id} ${live?.name}, not ${wanted}`);
    if (key === undefined) return;
    this.expect(key.value === outs["apiKey"], "key values lost", id);
    const days = declared.inputs["expiresIn"];
    if (typeof days !== "string") return;
    const lifetime = Date.parse(key.expiresAt ?? "") - key.createdAt.getTime();
    const off = Math.abs(lifetime - Number.parseInt(days, 10) * 24 * 60 * 60_000);
    this.expect(off <= TOLERANCE_MS, "lifetimes wrong", `${id} ${days} ${key.expiresAt}`);
  }

  private isReported(id: string): boolean {
    return this.texts().some((text) => REPORT.test(text) && text.includes(id));
  }

  private texts(): string[] {
    return [...this.platform.warnings, ...this.platform.stacks.flatMap(({ texts }) => texts)];
  }

  private expect(holds: boolean, invariant: Invariant, about: string): void {
    if (holds) return;
    this.violations.count(invariant);
    assert.fail(`${invariant}: ${about}`);
  }
}

function holds(stack: Engine, id: string): boolean {
  return stack.held.some((held) => held.id === id);
}
