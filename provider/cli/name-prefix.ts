import { isUniqueNameOf } from "../api/auto-name";

/** What a unique name was made from; undefined where it is none. */
export function prefixOf(name: string): string | undefined {
  const prefix = name.slice(0, Math.max(0, name.lastIndexOf("-")));
  return isUniqueNameOf(prefix, name) ? prefix : undefined;
}
