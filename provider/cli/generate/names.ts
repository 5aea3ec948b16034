import { prefixOf } from "../../session/auto-name";
import { capitalized, redact } from "../../shared/redaction";

/** Logical names are for people, who do not read further. */
const MAX_LENGTH = 60;

/** Hands out names for the resources of a program, each only once. */
export class ProgramNames {
  private readonly taken = new Set<string>();

  /** A logical name for a server-side name, which can be any text. */
  logical(name: string, fallback: string): string {
    const readable = redact(withoutSuffix(name))
      .normalize()
      .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "-");
    const short = [...readable.replace(/^[-._]+/, "")].slice(0, MAX_LENGTH).join("");
    return this.unique(short.replace(/[-._]+$/, "") || fallback, "-");
  }

  /** A variable name. The prefix keeps it from being a keyword, or starting with a digit. */
  variable(logicalName: string): string {
    const words = logicalName.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
    const pascal = words.map(capitalized).join("");
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
 * Cuts the random suffix off a unique name. A word can look like a suffix, so only a suffix with a digit counts.
 */
function withoutSuffix(name: string): string {
  const prefix = prefixOf(name);
  return prefix !== undefined && /\d/.test(name.slice(prefix.length)) ? prefix : name;
}
