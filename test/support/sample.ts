/** Whether every variant is run, as in the nightly workflow. */
const EXHAUSTIVE = process.env["TEST_EXHAUSTIVE"] === "true";

/** Variants of one behaviour take seconds each on the engine: the first of them in every run, all of them at night. */
export function sample<Variant>(variants: readonly Variant[], count = 1): readonly Variant[] {
  return EXHAUSTIVE ? variants : variants.slice(0, count);
}

/** A test for the nightly workflow alone: a faster suite holds what it tests, and this one sees it on the engine. */
export function nightly(title: string, test: Mocha.AsyncFunc): void {
  if (EXHAUSTIVE) it(title, test);
}
