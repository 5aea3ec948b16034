/**
 * A path as Go decodes it, before it looks for a route: `%2F` parts it like any slash. undefined where a percent
 * sign begins no escape.
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
    // What PostgreSQL refuses as it refuses a NUL.
    return bytes.toString().replaceAll("\uFFFD", "\0");
  }
}

/** A query as Go reads it: a pair with a semicolon or a broken escape in it is left out. */
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
