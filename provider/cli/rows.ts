import type { Key } from "../api/schemas";

/** Oldest first: ids end in their creation time. */
export function byAge(one: { readonly id: string }, other: { readonly id: string }): number {
  return timeOf(one.id) < timeOf(other.id) ? -1 : 1;
}

/** Keys by the user or service account that they act for. */
export function byOwner<Row extends Pick<Key, "user_id">>(
  keys: readonly Row[],
): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const key of keys) {
    const group = groups.get(key.user_id);
    if (group === undefined) groups.set(key.user_id, [key]);
    else group.push(key);
  }
  return groups;
}

function timeOf(id: string): string {
  return id.slice(id.lastIndexOf("_") + 1);
}
