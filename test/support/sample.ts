/** Whether all variants run, as in the nightly workflow. */
export const EXHAUSTIVE = process.env["TEST_EXHAUSTIVE"] === "true";

/** Variants of one behavior take seconds each on the engine. Only the nightly run has all. */
export function sample<Variant>(variants: readonly Variant[], count = 1): readonly Variant[] {
  return EXHAUSTIVE ? variants : variants.slice(0, count);
}

/** Tests for the nightly workflow only: a faster suite tests the same without the engine. */
export function atNight(define: () => void): void {
  if (EXHAUSTIVE) define();
}

/** As {@link atNight}, for one test. */
export function nightly(title: string, test: Mocha.AsyncFunc): void {
  atNight(() => it(title, test));
}
