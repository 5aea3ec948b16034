import type { User } from "../api/schemas";
import { FlexpriceError } from "../shared/errors";
import type { StackExport } from "./stack-export";

/** Whether an export holds nothing of this tenant. Objects whose tenant is encrypted may be its own. */
export function isForeign({ objects }: StackExport, { tenant }: User): boolean {
  return objects.every(({ tenantId }) => tenantId !== undefined && tenantId !== tenant.id);
}

/** With the credential of another tenant, the stacks would seem to have nothing of what is there. */
export function rejectOtherTenant(
  exports: readonly StackExport[],
  caller: User,
  credentialSource: string,
): void {
  const objects = exports.flatMap((one) => one.objects);
  if (objects.length === 0 || !exports.every((one) => isForeign(one, caller))) return;
  const tenants = new Set(objects.map(({ tenantId }) => tenantId));
  throw new FlexpriceError({
    kind: "wrong_tenant",
    operation: "compare the tenant with its stacks",
    reason: `the exports hold resources of tenant ${[...tenants].join(", ")}, but the credential from ${credentialSource} belongs to tenant ${caller.tenant.id}`,
    fix: "use a credential of that tenant, or the exports of this tenant's stacks.",
  });
}
