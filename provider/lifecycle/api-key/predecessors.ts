import { hasPassed } from "../../shared/duration";
import { isSameConnection } from "../connections";
import type { ProviderContext } from "../context";
import type { Diffed } from "../diffed-resources";
import type { Inputs, Predecessor, State } from "./state";

/**
 * Whether a replacement keeps the key's owner and the connection's settings, so that the old key may work beside its
 * successor.
 */
export function isRotation(
  context: Pick<ProviderContext, "fingerprint">,
  olds: State,
  news: Inputs,
): boolean {
  return (
    olds.serviceAccountId === news.serviceAccountId &&
    isSameConnection(context, olds.connection, news.connection)
  );
}

/** Tells the other processes which keys go on until their expiry: a key that moves is deleted by its old provider. */
export function recordLeftKeys(
  context: Pick<ProviderContext, "diffedKeys" | "fingerprint">,
  { id, olds, news, isReplaced }: Diffed<State, Inputs>,
): void {
  const { diffedKeys } = context;
  const isLeft = !isReplaced || isRotation(context, olds, news);
  for (const predecessor of olds.predecessors ?? []) diffedKeys.recordLeft(predecessor.id, isLeft);
  if (isReplaced) diffedKeys.recordLeft(id, isLeft);
}

/** The keys left to their expiry once the key with these inputs is created; `now` by the server's clock. */
export function predecessorsOf(
  context: Pick<ProviderContext, "fingerprint">,
  replaced: Diffed<State, Inputs> | undefined,
  inputs: Inputs,
  now: number,
): Predecessor[] {
  if (replaced === undefined || !isRotation(context, replaced.olds, inputs)) return [];
  const { id, olds } = replaced;
  const before = unexpired(olds.predecessors, now);
  return olds.onDelete === "expire" && olds.expiresAt !== undefined
    ? [...before, { id, expiresAt: olds.expiresAt }]
    : before;
}

/** The predecessors that still work; `now` by the server's clock. */
export function unexpired(predecessors: readonly Predecessor[] = [], now: number): Predecessor[] {
  return predecessors.filter(({ expiresAt }) => !hasPassed(expiresAt, now));
}

/** The keys of the program that have this one as a predecessor. */
export function successorsOf(
  { diffedKeys }: Pick<ProviderContext, "diffedKeys">,
  id: string,
): Diffed<State, Inputs>[] {
  return diffedKeys.all().filter(({ olds }) => olds.predecessors?.some((one) => one.id === id));
}

/** The warning about keys that now only end at their expiry. */
export function forgotten(predecessors: readonly Predecessor[]): string {
  if (predecessors.length === 0) return "";
  const named = predecessors.map(({ id, expiresAt }) => `${id} (until ${expiresAt})`).join(", ");
  return ` Keys that rotations left to expire keep working until then, and no state lists them any more: ${named}. To end one earlier, revoke it in Flexprice.`;
}
