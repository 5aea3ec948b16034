import { type Instant, parseInstant } from "./instant";

/** A body that does not match the type into which the handler reads it. */
export class DecodeError extends Error {}

/**
 * Reads a JSON object as Go's `encoding/json` reads it into a struct: unknown fields are ignored, names match in any
 * case, null leaves a field at its zero value, and everything after the first value is ignored.
 */
export class Body {
  private constructor(private readonly fields: ReadonlyMap<string, unknown>) {}

  static parse(text: string): Body {
    return Body.of(parseFirstValue(text));
  }

  static of(value: unknown): Body {
    if (value === null) return new Body(new Map());
    if (typeof value !== "object" || Array.isArray(value)) throw new DecodeError("not an object");
    return new Body(new Map(Object.entries(value).map(([key, v]) => [key.toLowerCase(), v])));
  }

  has(name: string): boolean {
    return this.fields.has(name);
  }

  /** "" when absent or null. */
  string(name: string): string {
    return this.optionalString(name) ?? "";
  }

  optionalString(name: string): string | undefined {
    const value = this.fields.get(name) ?? undefined;
    return value === undefined ? undefined : asString(value);
  }

  optionalInteger(name: string): number | undefined {
    const value = this.fields.get(name) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !isInt64(value)) {
      throw new DecodeError(`${name} is not an integer`);
    }
    return value;
  }

  /** [] when absent or null; a null element becomes "". */
  strings(name: string): string[] {
    return this.list(name).map((element) => (element === null ? "" : asString(element)));
  }

  objects(name: string): Body[] {
    return this.list(name).map((element) => Body.of(element));
  }

  optionalInstant(name: string): Instant | undefined {
    const text = this.optionalString(name);
    if (text === undefined) return undefined;
    const instant = parseInstant(text);
    if (!instant) throw new DecodeError(`${name} is not an RFC 3339 time`);
    return instant;
  }

  /** undefined when absent or null. */
  optionalObject(name: string): object | undefined {
    const value = this.fields.get(name) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DecodeError(`${name} is not an object`);
    }
    return value;
  }

  /** undefined when absent or null. */
  optionalStringMap(name: string): Record<string, string> | undefined {
    const value = this.optionalObject(name);
    return (
      value && Object.fromEntries(Object.entries(value).map(([key, v]) => [key, asString(v ?? "")]))
    );
  }

  private list(name: string): unknown[] {
    const value = this.fields.get(name) ?? [];
    if (!Array.isArray(value)) throw new DecodeError(`${name} is not an array`);
    return value;
  }
}

function asString(value: unknown): string {
  if (typeof value !== "string") throw new DecodeError("not a string");
  return value.replace(/\p{Surrogate}/gu, "\uFFFD"); // Go has no lone surrogates
}

/** Whether it fits into an int of Go; numbers of this size are rounded here. */
export function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value <= 2 ** 63;
}

/** A string in JSON, or a number that is not an integer for Go, such as 1.0 or 1e3. */
const STRING_OR_DECIMAL = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/gs;

function parseJson(text: string): unknown {
  const withoutDecimals = () =>
    text.replace(STRING_OR_DECIMAL, (token) => (token.startsWith('"') ? token : "0.5"));
  const value: unknown = JSON.parse(text);
  return /\d[.eE]/.test(text) ? JSON.parse(withoutDecimals()) : value;
}

function parseFirstValue(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    if (/^\s*null\s/.test(text)) return null;
    try {
      return parseJson(text.slice(0, endOfFirstValue(text)));
    } catch {
      throw new DecodeError("not JSON");
    }
  }
}

/** The index after the first object or array; 0 if there is none. */
function endOfFirstValue(text: string): number {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return i + 1;
  }
  return 0;
}

/**
 * Decodes a path as Go does before it looks for a route: `%2F` separates parts like any slash. Undefined if a percent
 * sign does not begin an escape.
 */
export function decodePercent(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  const bytes = Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  );
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // PostgreSQL rejects this, as it rejects a NUL.
    return bytes.toString().replaceAll("\uFFFD", "\0");
  }
}

/** Reads a query as Go does: pairs with a semicolon or an invalid escape are left out. */
export function decodeQuery(query: string): URLSearchParams {
  const read = new URLSearchParams();
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";")) continue;
    const [name = "", ...value] = pair.replaceAll("+", " ").split("=");
    const [decodedName, decodedValue] = [decodePercent(name), decodePercent(value.join("="))];
    if (decodedName === undefined || decodedValue === undefined) continue;
    read.append(decodedName, decodedValue);
  }
  return read;
}
