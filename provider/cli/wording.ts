import { redact } from "../redaction";

/** Characters that move a cursor, hide, or turn the direction of what is read. */
const UNREADABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** What is left of a long name where people read it. */
const LONGEST_SHOWN = 60;

/** A text from elsewhere on one line: for ids, times and sentences in comments and on a terminal. */
export function bare(text: string): string {
  return text.replace(UNREADABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/**
 * A text from elsewhere in quotes: one that can stand in a program, in a comment and on a terminal, and that stays
 * where it is put.
 */
export function quoted(text: string): string {
  return bare(JSON.stringify(text));
}

/** As {@link quoted}, cut to what people want to read of it. Somebody may have given a key as a name. */
export function shown(text: string): string {
  const characters = [...redact(text)];
  if (characters.length <= LONGEST_SHOWN) return quoted(characters.join(""));
  return quoted(`${characters.slice(0, LONGEST_SHOWN - 1).join("")}…`);
}

/** "1 key", "2 keys". */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
