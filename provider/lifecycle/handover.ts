import { FlexpriceError } from "../shared/errors";
import { capitalized, quoted } from "../shared/redaction";
import type { ProviderContext } from "./context";
import type { DiffedResources } from "./diffed-resources";

/**
 * Whether another resource of the program adopts or holds the object that is to be deleted, in this process or in that
 * of another provider. The state then has two entries for it, and deleting the object for the older entry would break
 * the newer one.
 * @param adoptedId - The id that a resource with this state has adopted.
 */
export async function isHandedOver<Olds, News extends object>(
  { adoptedIds, currentUrn, warn }: ProviderContext,
  id: string,
  what: string,
  diffed: DiffedResources<Olds, News>,
  adoptedId: (olds: Olds) => string | undefined,
): Promise<boolean> {
  if (diffed.isKeptElsewhere(id)) {
    await warn(
      `${what} is not deleted: a resource of another provider manages it from now on. To move a resource between providers, use an alias.`,
    );
    return true;
  }
  const kept = diffed.stays(id) ? diffed.get(id) : undefined;
  const isAdopted = kept !== undefined && adoptedId(kept.olds) === id;
  if (!adoptedIds.has(id) && !isAdopted && !diffed.staysFor(id, currentUrn())) return false;
  await warn(
    kept !== undefined
      ? `${what} is not deleted: the program still has it. An earlier run that was replacing or renaming its resource left a second entry in the state, which is dropped.`
      : `${what} is not deleted: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
  );
  return true;
}

/** Two resources of one program cannot share an object for long: the first that is replaced or destroyed ends it. */
export function sharedWarning(what: string, urn: string | undefined, other: string): string {
  return `${capitalized(what)} is managed by two resources of this program, ${nameIn(other)} and ${nameIn(urn ?? "")}. If Pulumi replaces one of them, or destroys it with --target, the other has a key or account that no longer works. Remove one of them from the program: the object stays.`;
}

function nameIn(urn: string): string {
  return quoted(urn.slice(urn.lastIndexOf("::") + 2));
}

/**
 * Whether this run has adopted, for a resource, the object that the same resource held before. With `--replace` the
 * engine asks for no diff, so the provider could not know that the adoption was done. A different prefix means a
 * different resource.
 */
export function isReplacedByItself(
  { adoptedIds }: ProviderContext,
  { id, namePrefix }: { readonly id: string; readonly namePrefix: string | undefined },
  createdWith: { readonly namePrefix?: string } | undefined,
): boolean {
  return adoptedIds.has(id) && createdWith !== undefined && createdWith.namePrefix === namePrefix;
}

/** The engine keeps both entries, and the next `up` drops the older one. */
export function replacedByItself(): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    reason: 'it should be replaced, but the program still has "adopt" for it, and adopted it again',
    fix: WITHOUT_ADOPT,
  });
}

/** The fix names --replace because a taint is gone after the run that has seen it. */
export const WITHOUT_ADOPT =
  'remove "adopt" from the program, and then replace the resource with "pulumi up --replace" and its URN.';
