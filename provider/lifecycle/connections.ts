import { FlexpriceError, isFailure } from "../shared/errors";
import { quoted } from "../shared/redaction";
import { isUnknown } from "../shared/unknowns";
import type { ProviderContext } from "./context";
import type { Change } from "./diff";

type Settings = Pick<ProviderContext, "fingerprint">;

/** The fingerprint of a connection's settings; undefined if they cannot be used. */
export function fingerprintOf(
  { fingerprint }: Settings,
  name: string | undefined,
): string | undefined {
  try {
    return fingerprint(name);
  } catch (error) {
    if (isFailure(error, "configuration")) return undefined;
    throw error;
  }
}

/** Whether both connections have the same server, credential and environment, and so show the same objects. */
export function isSameConnection(context: Settings, before: unknown, now: unknown): boolean {
  if (before === now) return true;
  if (!isName(before) || !isName(now)) return false;
  const settings = fingerprintOf(context, now);
  return settings !== undefined && settings === fingerprintOf(context, before);
}

/** What a change of `connection` does. */
export function connectionChange(context: Settings): Change {
  return {
    change: (before, now) => (isSameConnection(context, before, now) ? "update" : "replace"),
  };
}

/**
 * Rejects a replacement whose old object could not be deleted, since the connection that it was created through is no
 * longer configured.
 * @throws FlexpriceError of kind `configuration`.
 */
export function guardOldConnection(
  context: ProviderContext,
  what: string,
  olds: { readonly connection?: string },
  news: { readonly connection?: string },
): void {
  if (olds.connection === news.connection) return;
  const problem = problemWith(context, olds.connection);
  if (problem === undefined) return;
  const which =
    olds.connection === undefined
      ? "the settings outside of flexprice:connections"
      : `connection ${quoted(olds.connection)}`;
  throw new FlexpriceError({
    kind: "configuration",
    operation: `replace ${what}`,
    reason: `it was created through ${which}, and could not be deleted: ${problem}`,
    fix: 'configure the old settings again until "pulumi up" has moved the resource to its new connection. If both have the same server, credential and environment, nothing is replaced. If that tenant is gone for good, remove the resource from the state with "pulumi state delete".',
  });
}

/** Why a connection cannot be used. */
function problemWith(context: ProviderContext, name: string | undefined): string | undefined {
  try {
    return context.isConfigured(name) ? undefined : "no credential is configured there any more";
  } catch (error) {
    if (isFailure(error, "configuration")) return error.reason;
    throw error;
  }
}

function isName(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && !isUnknown(value));
}
