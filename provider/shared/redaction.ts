/**
 * The one gate through which every text for humans passes: errors, warnings, check failures.
 * A caller cannot forget it, because FlexpriceError and the log apply it themselves.
 */

const REDACTED = "[redacted]";

/** Shapes that are credentials wherever they stand, known to this process or not. A display id (`sk_01***NP`) is none. */
const CREDENTIAL_SHAPES: readonly RegExp[] = [
  /\bsk_[A-Za-z0-9_-]{6,}/g,
  // A publishable key is no secret, but is cut like one; what else begins so may be a name.
  /\bpk_[0-9A-HJKMNP-TV-Z]{26}\b/g,
  /\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,2}/g,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi,
  /(?<=\bx-api-key["']?\s*[:=]\s*["']?)[^\s"',;]+/gi,
  /(?<=\bauthorization["']?\s*[:=]\s*["']?)[^\s"',;]+(?:\s+[^\s"',;]+)?/gi,
  /(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)/g,
];

/** Shorter than this a value would blot out ordinary words; no Flexprice credential is. */
const MIN_SECRET_LENGTH = 6;

const knownSecrets = new Set<string>();

/** Makes {@link redact} remove this exact value, in plain and in URL-encoded form, from now on. */
export function rememberSecret(value: unknown): void {
  if (typeof value !== "string" || value.length < MIN_SECRET_LENGTH) return;
  knownSecrets.add(value);
  const encoded = encodeURIComponent(value);
  if (encoded !== value) knownSecrets.add(encoded);
  const escaped = JSON.stringify(value).slice(1, -1);
  if (escaped !== value) knownSecrets.add(escaped);
}

/** The text without any credential. */
export function redact(text: string): string {
  let clean = text;
  // Longest first, so that a secret which contains another does not leave a rest behind.
  for (const secret of [...knownSecrets].sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(secret, REDACTED);
  }
  for (const shape of CREDENTIAL_SHAPES) clean = clean.replace(shape, REDACTED);
  return clean;
}

/** Characters that move a cursor, hide, or turn the direction of what is read. */
const UNREADABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A text from elsewhere on one line: what a terminal would obey is spelled out. */
export function escapeControl(text: string): string {
  return text.replace(UNREADABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** A text of several lines, for a terminal. */
export function escapeControlByLine(text: string): string {
  return text.split("\n").map(escapeControl).join("\n");
}

/** A text from elsewhere in quotes: one that can stand in a program, in a comment and on a terminal. */
export function quoted(text: string): string {
  return escapeControl(JSON.stringify(text));
}

/** An object as messages name it. */
export function displayName(id: string, name: string | undefined): string {
  return name === undefined ? id : `${quoted(name)} (${id})`;
}
