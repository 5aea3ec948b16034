import type { Connection } from "../api/connection";
import type { User } from "../api/wire";
import { FlexpriceError } from "../errors";

/**
 * The caller, once it is sure that it belongs to the resource's tenant: to a credential of another tenant nothing
 * of this resource exists, and every "not found" of it would be a lie.
 * @throws FlexpriceError of kind `wrong_tenant`.
 */
export async function guardTenant(
  connection: Connection,
  tenantId: string | undefined,
  attempted: string,
): Promise<User> {
  const caller = await connection.caller();
  if (tenantId === undefined || tenantId === caller.tenant.id) return caller;
  throw new FlexpriceError({
    kind: "wrong_tenant",
    attempted,
    answer: `it belongs to tenant ${tenantId}, but the credential from ${connection.credentialSource} to tenant ${caller.tenant.id}`,
    advice:
      'configure a credential of the resource\'s tenant. refresh and destroy use the config of the last update: there, set the environment variable or run "pulumi up" first.',
  });
}

/** The caller in a few words, for messages. */
export function described(caller: User): string {
  const kind = caller.type === "service_account" ? "service account" : caller.type;
  return `${kind} ${caller.id} with ${caller.roles.length === 0 ? "no role" : caller.roles.join(", ")}`;
}
