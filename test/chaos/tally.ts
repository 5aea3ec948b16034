/** How often each event happened in all scenarios. */
export class Tally {
  private readonly times = new Map<string, number>();

  count(event: string, times = 1): void {
    if (times > 0) this.times.set(event, this.of(event) + times);
  }

  of(event: string): number {
    return this.times.get(event) ?? 0;
  }

  lines(): string[] {
    return [...this.times].sort().map(([event, times]) => `${String(times).padStart(7)} ${event}`);
  }
}
