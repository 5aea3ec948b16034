import { prefixOf } from "../session/auto-name";
import { redact } from "../shared/redaction";

/** Logical names are for people: what comes behind so many characters tells them little. */
const MAX_LENGTH = 60;

/** Names that a program gives to its resources, each of them once. */
export class ProgramNames {
  private readonly taken = new Set<string>();

  /** A logical name for what is called so on the server, where every text can be a name. */
  logical(name: string, otherwise: string): string {
    const readable = redact(withoutSuffix(name))
      .normalize()
      .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "-");
    const short = [...readable.replace(/^[-._]+/, "")].slice(0, MAX_LENGTH).join("");
    return this.unique(short.replace(/[-._]+$/, "") || otherwise, "-");
  }

  /** A variable for it. It begins with a word of its own, so that no keyword and no digit stands first. */
  variable(logicalName: string): string {
    const words = logicalName.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
    const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
    return this.unique(`account${pascal}`, "_");
  }

  private unique(name: string, separator: string): string {
    let candidate = name;
    for (let i = 2; this.taken.has(candidate); i++) candidate = `${name}${separator}${i}`;
    this.taken.add(candidate);
    return candidate;
  }
}

/**
 * A unique name without its random characters: what is made instead of the account later gets others. Words can look
 * the same; with a digit in them they hardly do.
 */
function withoutSuffix(name: string): string {
  const prefix = prefixOf(name);
  return prefix !== undefined && /\d/.test(name.slice(prefix.length)) ? prefix : name;
}
