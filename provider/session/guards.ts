import type { User } from "../api/schemas";
import { FlexpriceError } from "../shared/errors";
import type { Connection } from "./connection";
import { visibleActiveKeys } from "./key-verification";

/**
 * The caller, once it is sure that it belongs to the resource's tenant: to a credential of another tenant nothing
 * of this resource exists, and every "not found" of it would be a lie.
 * @throws FlexpriceError of kind `wrong_tenant`.
 */
export async function guardTenant(
  connection: Connection,
  tenantId: string | undefined,
  operation: string,
): Promise<User> {
  const caller = await connection.caller();
  if (tenantId === undefined || tenantId === caller.tenant.id) return caller;
  throw new FlexpriceError({
    kind: "wrong_tenant",
    operation,
    reason: `it belongs to tenant ${tenantId}, but the credential from ${connection.credentialSource} to tenant ${caller.tenant.id}`,
    fix: 'configure a credential of the resource\'s tenant. refresh and destroy use the config of the last update: there, set the environment variable or run "pulumi up" first.',
  });
}

/**
 * Refuses to end the credential that this very run works with: what is left to do behind it could not be done.
 * @throws FlexpriceError of kind `refused`.
 */
export function guardOwnCredential(
  connection: Connection,
  apiKey: string | undefined,
  operation: string,
): void {
  if (!connection.usesKey(apiKey)) return;
  throw new FlexpriceError({
    kind: "refused",
    operation,
    reason: `it is the operator's own credential, from ${connection.credentialSource}`,
    fix: 'configure another credential, or leave this key out of the program. If the state has it, take it out with "pulumi state delete".',
  });
}

/**
 * As {@link guardOwnCredential}, for keys of which no value is known, but the owner and the ids.
 * @throws FlexpriceError of kind `refused`.
 */
export async function guardOwnCredentialAmong(
  connection: Connection,
  ids: readonly string[],
  { caller, ownerId, operation }: { caller: User; ownerId: string; operation: string },
): Promise<void> {
  if (ids.length === 0 || caller.id !== ownerId) return;
  const keys = await visibleActiveKeys(connection, ownerId);
  const own = keys.find(
    ({ id, display_id }) => ids.includes(id) && connection.mayBeKey(display_id),
  );
  if (own === undefined) return;
  throw new FlexpriceError({
    kind: "refused",
    operation,
    reason: `API key ${own.id}, which a rotation left to its expiry, ends with it, and seems to be the operator's own credential, from ${connection.credentialSource}`,
    fix: "configure another credential.",
  });
}

/**
 * Refuses what would end the account whose credential this very run works with, and revoke that half-way.
 * @throws FlexpriceError of kind `refused`.
 */
export function guardOwnAccount(
  connection: Connection,
  caller: User,
  { id, operation }: { readonly id: string; readonly operation: string },
): void {
  if (caller.id !== id) return;
  throw new FlexpriceError({
    kind: "refused",
    operation,
    reason: `it is the account of the operator's own credential, from ${connection.credentialSource}`,
    fix: 'configure another credential, or leave this account out of the program. If the state has it, take it out with "pulumi state delete".',
  });
}

/** The caller in a few words, for messages. */
export function describeCaller(caller: User): string {
  const kind = caller.type === "service_account" ? "service account" : caller.type;
  return `${kind} ${caller.id} with ${caller.roles.length === 0 ? "no role" : caller.roles.join(", ")}`;
}
