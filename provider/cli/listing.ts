import { escapeControl, quoted, redact } from "../shared/redaction";

/** Where a long name is cut. */
const MAX_SHOWN = 60;

/** Sorts oldest first: ids end in a ULID, which begins with the creation time. */
export function byAge(one: { readonly id: string }, other: { readonly id: string }): number {
  return ulidOf(one.id) < ulidOf(other.id) ? -1 : 1;
}

function ulidOf(id: string): string {
  return id.slice(id.lastIndexOf("_") + 1);
}

export function groupBy<Row>(rows: readonly Row[], idOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(idOf(row));
    if (group === undefined) groups.set(idOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

/** Quotes a name and cuts it to a readable length. Redacts it first: a name can be a key by mistake. */
export function quoteShort(text: string): string {
  const characters = [...redact(text)];
  if (characters.length <= MAX_SHOWN) return quoted(characters.join(""));
  return quoted(`${characters.slice(0, MAX_SHOWN - 1).join("")}…`);
}

/** "1 key", "2 keys". */
export function pluralize(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Roles for a reader. */
export function rolesText(roles: readonly string[], separator = ", "): string {
  return roles.length === 0 ? "no role" : roles.map(escapeControl).join(separator);
}

/** What no list of keys shows, to whatever caller. */
export const NOT_VISIBLE =
  "publishable keys, which no list shows, and keys of other environments than the credential's";
