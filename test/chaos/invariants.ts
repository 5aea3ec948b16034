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
export class InvariantChecker {
  /** Ids that a person has ended. */
  readonly endedByHand = new Set<string>();

  constructor(
    private readonly world: ChaosWorld,
    private readonly events: Tally,
    private readonly violations: Tally,
  ) {
    world.gateway.onArrival = ({ method, url }, by) => {
      const id = method === "DELETE" ? url.slice(url.lastIndexOf("/") + 1) : "";
      const holder = this.world.stacks.find((stack) => holds(stack, id));
      if (holder === undefined || holder.askedToDelete.has(id) || this.endedByHand.has(id)) return;
      this.expect(false, "live objects of a state that a provider ended", `${id}, by ${by}`);
    };
  }

  /** Checks what must hold at any time. */
  checkInvariants(): void {
    const live = new Set(this.world.live().map(({ id }) => id));
    for (const stack of this.world.stacks) {
      for (const id of stack.droppedIds) this.expect(!live.has(id), "false gone", id);
      stack.droppedIds.length = 0;
      for (const { id } of stack.held) {
        const isLive = live.has(id) || stack.askedToDelete.has(id) || this.endedByHand.has(id);
        this.expect(isLive, "objects in a state that are not live", `${id} of ${stack.name}`);
      }
    }
    const [first, second] = this.world.stacks;
    for (const { id } of first.held) {
      this.expect(!holds(second, id), "objects in two states", id);
    }
  }

  checkConvergence(hasConverged: boolean): void {
    const messages = this.world.stacks.flatMap(({ messages }) => messages.slice(-3)).join("\n");
    this.expect(hasConverged, "no convergence in fault-free runs", messages);
  }

  /** Does what the reports ask a person to do: removes objects that are in no state. */
  followReports(): void {
    const { emulator, stacks } = this.world;
    for (const { id } of this.world.live()) {
      if (stacks.some((stack) => holds(stack, id)) || !this.isReported(id)) continue;
      this.events.count("reported, and removed by a person");
      this.endedByHand.add(id);
      if (id.startsWith("user_")) emulator.archiveAccount(id);
      else emulator.revokeKey(id);
    }
  }

  /** Checks what must hold once everything is resolved. */
  checkFinalState(program: readonly Declared[]): void {
    this.checkInvariants();
    for (const stack of this.world.stacks) {
      assert.deepEqual([...stack.state.keys()].sort(), program.map(({ urn }) => urn).sort());
      for (const held of stack.state.values()) this.checkObject(held);
    }
    for (const { id, name } of this.world.live()) {
      const isHeld = this.world.stacks.some((stack) => holds(stack, id));
      this.expect(isHeld, "live objects in no state that nothing reported", `${id} ${name}`);
    }
    for (const note of this.world.notes.actionable()) this.expect(false, "notes that stay", note);
    const messages = this.messages().join("\n");
    for (const { value } of this.world.emulator.keys()) {
      this.expect(!messages.includes(value), "keys in plain text in what users read", messages);
    }
  }

  private checkObject({ declared, id, outs }: Held): void {
    const { emulator } = this.world;
    const expectedName = declared.inputs["name"] ?? outs["autoName"] ?? outs["name"];
    const account = emulator.accounts().find((row) => row.id === id);
    const key = emulator.keys().find((row) => row.id === id);
    const live = account ?? key;
    this.expect(live?.status === "published", "objects in a state that are not live", id);
    this.expect(
      live?.name === expectedName,
      "names wrong",
      `${id} ${live?.name}, not ${expectedName}`,
    );
    if (key === undefined) return;
    this.expect(key.value === outs["apiKey"], "key values lost", id);
    const days = declared.inputs["expiresIn"];
    if (typeof days !== "string") return;
    const lifetime = Date.parse(key.expiresAt ?? "") - key.createdAt.getTime();
    const deviation = Math.abs(lifetime - Number.parseInt(days, 10) * 24 * 60 * 60_000);
    this.expect(deviation <= TOLERANCE_MS, "lifetimes wrong", `${id} ${days} ${key.expiresAt}`);
  }

  private isReported(id: string): boolean {
    return this.messages().some((text) => REPORT.test(text) && text.includes(id));
  }

  private messages(): string[] {
    return [...this.world.warnings, ...this.world.stacks.flatMap(({ messages }) => messages)];
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
