import { FlexpriceError } from "../shared/errors";
import type { ProviderContext } from "./context";

/**
 * Whether what is to be deleted is adopted, or held, by another resource of the program. Two entries of the state hold it then,
 * and deleting it for the older would end it for both.
 */
export async function isHandedOver(
  { adopted, warn }: ProviderContext,
  id: string,
  what: string,
  diffed: { readonly isHeld: boolean; readonly stays: boolean },
): Promise<boolean> {
  if (!adopted.has(id) && !diffed.isHeld) return false;
  await warn(
    diffed.stays
      ? `${what} is left as it is: the program has it. An earlier run that was to replace or rename its resource has left a second entry in the state, which is dropped.`
      : `${what} is left as it is: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
  );
  return true;
}

/**
 * Whether this run has taken over for a resource what that very resource held: with `--replace` the engine asks for no
 * diff, and nothing told that "adopt" was done. Under another prefix it is another resource.
 */
export function isReplacedByItself(
  { adopted }: ProviderContext,
  { id, namePrefix }: { readonly id: string; readonly namePrefix: string | undefined },
  madeWith: { readonly namePrefix?: string } | undefined,
): boolean {
  return adopted.has(id) && madeWith !== undefined && madeWith.namePrefix === namePrefix;
}

/** The engine keeps both entries, and the next up drops the older. */
export function replacedByItself(operation: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation,
    reason:
      'it was to be replaced, but the program still has "adopt" for it, and took the very same over',
    fix: WITHOUT_ADOPT,
  });
}

/** A taint is gone with the run that has heeded it. */
export const WITHOUT_ADOPT =
  'remove "adopt" from the program, and replace the resource then with "pulumi up --replace" and its URN.';
