/** Whether a version such as "3.270.0" is this one or newer. */
export function atLeast(version: string, least: string): boolean {
  const [one, other] = [numbersOf(version), numbersOf(least)];
  const differing = one.findIndex((number, i) => number !== other[i]);
  return differing === -1 || (one[differing] ?? 0) > (other[differing] ?? 0);
}

/** Whether a version lies in a range of the one form that this package's manifest has: ">=1.2.3", or ">=1.2.3 <2". */
export function isWithin(version: string, range: string): boolean {
  return range.split(" ").every((bound) => {
    if (bound.startsWith(">=")) return atLeast(version, bound.slice(2));
    return !atLeast(version, bound.replace(/^</, ""));
  });
}

function numbersOf(version: string): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version
    .replace(/^v/, "")
    .split(/[.-]/, 3)
    .map((part) => Number.parseInt(part, 10) || 0);
  return [major, minor, patch];
}
