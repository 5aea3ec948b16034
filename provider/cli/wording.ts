import { escapeControl, quoted, redact } from "../shared/redaction";

export { escapeControl as bare, quoted };

/** What is left of a long name where people read it. */
const MAX_SHOWN = 60;

/** As {@link quoted}, cut to what people want to read of it. Somebody may have given a key as a name. */
export function quoteShort(text: string): string {
  const characters = [...redact(text)];
  if (characters.length <= MAX_SHOWN) return quoted(characters.join(""));
  return quoted(`${characters.slice(0, MAX_SHOWN - 1).join("")}…`);
}

/** "1 key", "2 keys". */
export function pluralize(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
