import type { Directory } from "./directory";
import { createdAt } from "./ids";

/** What a create is to make: all that an object can be recognised by. */
export type Intent =
  | { readonly kind: "account"; readonly name: string; readonly roles: readonly string[] }
  | { readonly kind: "key"; readonly name: string; readonly ownerId: string };

/** The server's times between which something was made, in milliseconds of the epoch. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

/** How far clocks of server replicas may be apart, in milliseconds; the Date header's whole seconds included. */
export const CLOCK_MARGIN = 3_000;

/** Two intents of one lane make objects that could be taken for each other. */
export function laneOf(intent: Intent): string {
  return intent.kind === "account"
    ? `account ${rolesKey(intent.roles)} ${intent.name}`
    : `key ${intent.ownerId} ${intent.name}`;
}

/** Ids of the objects that fit the intent, were made in the window and are not spared; asked for anew. */
export async function objectsOf(
  directory: Directory,
  intent: Intent,
  window: Window,
  isSpared: (id: string) => boolean,
): Promise<readonly string[]> {
  const found =
    intent.kind === "account"
      ? await accountsOf(directory, intent, window)
      : await keysOf(directory, intent, window);
  return found.filter((id) => !isSpared(id));
}

async function accountsOf(
  directory: Directory,
  { name, roles }: Intent & { kind: "account" },
  window: Window,
): Promise<readonly string[]> {
  const since = await directory.accountsSince(
    (row) => (createdAt(row.id) ?? window.from) >= window.from,
  );
  const wanted = rolesKey(roles);
  return since
    .filter((row) => row.name === name && rolesKey(row.roles) === wanted)
    .filter((row) => isWithin(createdAt(row.id), window))
    .map(({ id }) => id);
}

async function keysOf(
  directory: Directory,
  { name, ownerId }: Intent & { kind: "key" },
  window: Window,
): Promise<readonly string[]> {
  return (await directory.freshKeysOf(ownerId))
    .filter((row) => row.name === name && row.user_id === ownerId)
    .filter((row) => isWithin(Date.parse(row.created_at), window))
    .map(({ id }) => id);
}

function isWithin(time: number | undefined, { from, until }: Window): boolean {
  return time !== undefined && time >= from && time <= until;
}

function rolesKey(roles: readonly string[]): string {
  return [...new Set(roles)].sort().join(" ");
}
