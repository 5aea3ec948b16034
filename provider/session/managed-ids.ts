import type { Journal } from "./recovery/journal";

/** Ids of the objects in the stack's state, as far as this process knows them. */
export class ManagedIds {
  private readonly ids = new Set<string>();
  private readonly wanted = new Set<string>();

  constructor(private readonly journal: Journal) {}

  has(id: string): boolean {
    return this.ids.has(id);
  }

  /** The program is about to adopt the object. */
  want(id: string): void {
    this.wanted.add(id);
  }

  isWanted(id: string): boolean {
    return this.wanted.has(id);
  }

  add(id: string): void {
    this.ids.add(id);
    this.journal.stateHolds(id);
  }
}
