const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_AT_END = /(?:^|_)([0-9A-HJKMNP-TV-Z]{10})[0-9A-HJKMNP-TV-Z]{16}$/;

/**
 * When the object was created, in milliseconds of the epoch by the server's clock: Flexprice's ids end in a ULID.
 * Accounts have no other creation time.
 */
export function createdAt(id: string): number | undefined {
  const time = ULID_AT_END.exec(id)?.[1];
  if (time === undefined) return undefined;
  return [...time].reduce((sum, digit) => sum * 32 + CROCKFORD.indexOf(digit), 0);
}

/** How the server abbreviates a key. Not unique. */
export function displayIdOf(apiKey: string): string {
  return `${apiKey.slice(0, 5)}***${apiKey.slice(-2)}`;
}
