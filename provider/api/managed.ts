import { createdAt } from "./ids";

/** Ids of the objects that resources of this process hold: no create may take one for its own, nor adopt it. */
export class Managed extends Set<string> {
  /** When those were made that were there before, by the server's clock in milliseconds of the epoch. */
  private readonly foundAt = new Map<string, number>();
  private readonly madeIn = new Map<string, string[]>();

  /** @param lane - In which this process has made it; absent: it was there before. */
  override add(id: string, lane?: string): this {
    if (lane !== undefined) {
      const made = this.madeIn.get(lane) ?? [];
      made.push(id);
      this.madeIn.set(lane, made);
    } else if (!this.has(id)) {
      this.foundAt.set(id, createdAt(id) ?? 0);
    }
    return super.add(id);
  }

  /** What could be taken for the lane's next object: made in it, or of an unknown lane and made lately. */
  alike(lane: string, from: number): string[] {
    const alike = [...(this.madeIn.get(lane) ?? [])];
    for (const [id, at] of this.foundAt) {
      if (at >= from) alike.push(id);
    }
    return alike;
  }
}
