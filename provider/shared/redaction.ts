/**
 * Every text for users is redacted: errors, warnings, check failures. FlexpriceError and the log do it themselves, so
 * that no caller can forget it.
 */

const REDACTED = "[redacted]";

/** Patterns of credentials, known to this process or not. A display id (`sk_01***NP`) does not match. */
const CREDENTIAL_SHAPES: readonly RegExp[] = [
  /\bsk_[A-Za-z0-9_-]{6,}/g,
  // A publishable key is not secret, but redacted too. Other texts with this prefix may be names.
  /\bpk_[0-9A-HJKMNP-TV-Z]{26}\b/g,
  /\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,2}/g,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi,
  /(?<=\bx-api-key["']?\s*[:=]\s*["']?)[^\s"',;]+/gi,
  /(?<=\bauthorization["']?\s*[:=]\s*["']?)[^\s"',;]+(?:\s+[^\s"',;]+)?/gi,
  /(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)/g,
];

/** Shorter values could be ordinary words; Flexprice credentials are longer. */
const MIN_SECRET_LENGTH = 6;

const knownSecrets = new Set<string>();

/** Makes {@link redact} remove this exact value from now on, also in its URL-encoded and JSON-escaped form. */
export function rememberSecret(value: unknown): void {
  if (typeof value !== "string" || value.length < MIN_SECRET_LENGTH) return;
  knownSecrets.add(value);
  const encoded = encodeURIComponent(value);
  if (encoded !== value) knownSecrets.add(encoded);
  const escaped = JSON.stringify(value).slice(1, -1);
  if (escaped !== value) knownSecrets.add(escaped);
}

/** The text with all credentials removed. */
export function redact(text: string): string {
  let clean = text;
  // Longest first: a secret may contain another one.
  for (const secret of [...knownSecrets].sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(secret, REDACTED);
  }
  for (const shape of CREDENTIAL_SHAPES) clean = clean.replace(shape, REDACTED);
  return clean;
}

/** Characters that move the cursor, are invisible, or change the direction of text. */
const UNREADABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Untrusted text for one line: control characters are spelled out. */
export function escapeControl(text: string): string {
  return text.replace(UNREADABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** As {@link escapeControl}, keeping line breaks. */
export function escapeControlByLine(text: string): string {
  return text.split("\n").map(escapeControl).join("\n");
}

/** Untrusted text in quotes, safe in a program, in a comment and on a terminal. */
export function quoted(text: string): string {
  return escapeControl(JSON.stringify(text));
}

/** The name and id of an object, for messages. */
export function displayName(id: string, name: string | undefined): string {
  return name === undefined ? id : `${quoted(name)} (${id})`;
}

/** A text as the beginning of a sentence. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
