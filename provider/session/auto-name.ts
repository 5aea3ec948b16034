import { randomBytes } from "node:crypto";

/** Crockford's alphabet, without letters that look alike. */
const BASE_32 = "0123456789abcdefghjkmnpqrstvwxyz";

const SUFFIX_LENGTH = 10;

/** The server's limit for account names, in characters. Keys have no limit, and use the same one. */
const MAX_LENGTH = 255;

const UNIQUE_NAME = new RegExp(`^(.*)-[${BASE_32}]{${SUFFIX_LENGTH}}$`, "s");

/** `<prefix>-<10 random characters>`: a name that nothing else has. A long prefix is cut. */
export function uniqueName(prefix: string): string {
  const suffix = [...randomBytes(SUFFIX_LENGTH)].map((byte) => BASE_32.charAt(byte % 32)).join("");
  return `${cut(prefix)}-${suffix}`;
}

/** The prefix of a unique name; undefined for any other name. */
export function prefixOf(name: string): string | undefined {
  return UNIQUE_NAME.exec(name)?.[1];
}

/** Whether {@link uniqueName} can have produced the name from this prefix. */
export function isUniqueNameOf(prefix: string, name: string): boolean {
  return prefixOf(name) === cut(prefix);
}

function cut(prefix: string): string {
  return [...prefix].slice(0, MAX_LENGTH - SUFFIX_LENGTH - 1).join("");
}
