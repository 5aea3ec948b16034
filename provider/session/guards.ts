import type { User } from "../api/schemas";
import { FlexpriceError } from "../shared/errors";
import type { Connection } from "./connection";
import { visibleActiveKeys } from "./key-verification";

/**
 * Returns the caller after checking that it belongs to the resource's tenant. With a credential of another tenant,
 * the server would answer "not found" although the resource exists.
 * @throws FlexpriceError of kind `wrong_tenant`.
 */
export async function guardTenant(
  connection: Connection,
  tenantId: string | undefined,
): Promise<User> {
  const caller = await connection.caller();
  if (tenantId === undefined || tenantId === caller.tenant.id) return caller;
  throw new FlexpriceError({
    kind: "wrong_tenant",
    reason: `it belongs to tenant ${tenantId}, but the credential from ${connection.credentialSource} belongs to tenant ${caller.tenant.id}`,
    fix: 'configure a credential of the resource\'s tenant. refresh and destroy use the config of the last update: there, set the environment variable or run "pulumi up" first.',
  });
}

/**
 * Refuses to revoke the credential that this run uses: the rest of the run would fail.
 * @throws FlexpriceError of kind `refused`.
 */
export function guardOwnCredential(connection: Connection, apiKey: string | undefined): void {
  if (!connection.usesKey(apiKey)) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `it is the operator's own credential, from ${connection.credentialSource}`,
    fix: 'configure another credential, or leave this key out of the program. If the state has it, remove it from there with "pulumi state delete".',
  });
}

/**
 * As {@link guardOwnCredential}, for keys whose owner and ids are known, but not their values.
 * @throws FlexpriceError of kind `refused`.
 */
export async function guardOwnCredentialAmong(
  connection: Connection,
  ids: readonly string[],
  { caller, ownerId }: { readonly caller: User; readonly ownerId: string },
): Promise<void> {
  if (ids.length === 0 || caller.id !== ownerId) return;
  const keys = await visibleActiveKeys(connection, ownerId);
  const own = keys.find(
    ({ id, display_id }) => ids.includes(id) && connection.mayBeKey(display_id),
  );
  if (own === undefined) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `API key ${own.id} would be revoked, and seems to be the operator's own credential, from ${connection.credentialSource}`,
    fix: "configure another credential.",
  });
}

/**
 * Refuses to archive the account whose credential this run uses: the rest of the run would fail.
 * @throws FlexpriceError of kind `refused`.
 */
export function guardOwnAccount(connection: Connection, caller: User, id: string): void {
  if (caller.id !== id) return;
  throw new FlexpriceError({
    kind: "refused",
    reason: `it is the account of the operator's own credential, from ${connection.credentialSource}`,
    fix: 'configure another credential, or leave this account out of the program. If the state has it, remove it from there with "pulumi state delete".',
  });
}

/**
 * Refuses settings that name another environment than the key's.
 * @throws FlexpriceError of kind `wrong_environment`.
 */
export function guardEnvironment(
  { chosenEnvironment }: Connection,
  environmentId: string | undefined,
): void {
  if (environmentId === undefined || chosenEnvironment === undefined) return;
  if (environmentId === chosenEnvironment) return;
  throw new FlexpriceError({
    kind: "wrong_environment",
    reason: `it belongs to environment ${environmentId}, the settings name ${chosenEnvironment}`,
    fix: "set flexprice:environmentId to the key's environment.",
  });
}

/** The error for a key that works, but does not exist in the environment of the credential. */
export function foreignEnvironment({ credentialSource }: Connection): FlexpriceError {
  return new FlexpriceError({
    kind: "wrong_environment",
    reason: `the key still works, but the environment of the credential from ${credentialSource} does not have it: it was created in another environment`,
    fix: "use a credential of the environment in which the key was created. If the key was revoked elsewhere a moment ago, run the command again in two minutes.",
  });
}

/** The caller's type, id and roles, for messages. */
export function describeCaller(caller: User): string {
  const kind = caller.type === "service_account" ? "service account" : caller.type;
  return `${kind} ${caller.id} with ${caller.roles.length === 0 ? "no role" : caller.roles.join(", ")}`;
}
