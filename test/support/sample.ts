/** Whether all variants run, as in the nightly workflow. */
const EXHAUSTIVE = process.env["TEST_EXHAUSTIVE"] === "true";

/** Variants of one behaviour take seconds each on the engine. Only the nightly run has all. */
export function sample<Variant>(variants: readonly Variant[], count = 1): readonly Variant[] {
  return EXHAUSTIVE ? variants : variants.slice(0, count);
}

/** A test for the nightly workflow only: a faster suite tests the same without the engine. */
export function nightly(title: string, test: Mocha.AsyncFunc): void {
  if (EXHAUSTIVE) it(title, test);
}

/** Tests for the nightly workflow alone, see {@link nightly}. */
export function atNight(define: () => void): void {
  if (EXHAUSTIVE) define();
}
