/** How often each event happened in all scenarios. */
export class Tally {
  private readonly times = new Map<string, number>();

  count(what: string, times = 1): void {
    if (times > 0) this.times.set(what, this.of(what) + times);
  }

  of(what: string): number {
    return this.times.get(what) ?? 0;
  }

  lines(): string[] {
    return [...this.times].sort().map(([what, times]) => `${String(times).padStart(7)} ${what}`);
  }
}
