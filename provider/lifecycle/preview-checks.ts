import type { dynamic } from "@pulumi/pulumi";
import type { Role, User } from "../api/schemas";
import type { Connection } from "../session/connection";
import { describeCaller, guardTenant } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { isFailure, operation } from "../shared/errors";
import { capitalized, quoted } from "../shared/redaction";
import { isAllowed, missingPermissions, SERVICE_ACCOUNT_ROLES } from "../shared/roles";
import { isUnknown } from "../shared/unknowns";
import { fingerprintOf } from "./connections";
import type { ProviderContext } from "./context";
import { checkFailure } from "./validation";

/** What a preview knows about the server; nothing if it could not or should not ask. */
export interface PreviewContext {
  readonly connection?: Connection;
  readonly caller?: User;
  readonly offered: readonly string[];
  /** Problems that make every operation fail. */
  readonly failures: readonly dynamic.CheckFailure[];
}

const OFFLINE: PreviewContext = { offered: SERVICE_ACCOUNT_ROLES, failures: [] };

/** Asks the server, once per process, what a check needs to know. A failing server is a warning, not a failure. */
export async function loadPreviewContext(
  context: ProviderContext,
  connectionName: unknown,
): Promise<PreviewContext> {
  if (isUnknown(connectionName) || !context.wantsPreflight()) return OFFLINE;
  const name = typeof connectionName === "string" ? connectionName : undefined;
  try {
    if (!context.isConfigured(name)) {
      const names = name === undefined ? context.connectionNames() : [];
      if (names.length > 0) {
        const reason = `no connection is named, and no credential is configured outside of flexprice:connections. Set "connection" to one of those: ${names.map(quoted).join(", ")}`;
        return { ...OFFLINE, failures: [checkFailure("connection", reason)] };
      }
      await context.warn(
        'No Flexprice credential is configured: roles are checked against the built-in list, and the server is not asked anything. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.',
      );
      return OFFLINE;
    }
    const connection = context.connect(name);
    const seen = await connection.preflight();
    switch (seen.kind) {
      case "refused":
        return { ...OFFLINE, failures: [checkFailure("", seen.error.message)] };
      case "unavailable":
        await context.warn(
          `Flexprice could not be queried; roles are only checked against the built-in list. ${seen.error.message}`,
        );
        return OFFLINE;
      case "ready":
        await connection.remindOfPending(context.warn);
        return {
          connection,
          caller: seen.caller,
          offered: seen.assignable?.map(({ id }) => id) ?? SERVICE_ACCOUNT_ROLES,
          failures: [],
        };
    }
  } catch (error) {
    if (isFailure(error, "configuration"))
      return { ...OFFLINE, failures: [checkFailure("", error.message)] };
    throw error;
  }
}

/**
 * Rejects a program whose functions use other settings than its resources. An inline program of the Automation API
 * runs in another process than its provider, and the two may have different environment variables.
 * @param news - The program's inputs; `__functions` has the fingerprint of each connection that its functions use.
 */
export function functionSettingsFailures(
  context: Pick<ProviderContext, "fingerprint">,
  news: object,
): dynamic.CheckFailure[] {
  const used: Readonly<Record<string, unknown>> = Reflect.get(news, "__functions") ?? {};
  return Object.entries(used)
    .filter(([name, seen]) => fingerprintOf(context, name || undefined) !== seen)
    .map(([name]) => {
      const which = name === "" ? "" : ` for connection ${quoted(name)}`;
      return checkFailure(
        "",
        `this program's functions and resources have different settings${which}: the server, credential or environment differs. An inline program of the Automation API reads the environment variables of its own process, its resources those of the workspace: set the same FLEXPRICE_ variables in both, or use the stack's config`,
      );
    });
}

/** What the check of the tenant needs of a state. */
interface OfTenant {
  readonly connection?: string;
  readonly tenantId: string;
}

/**
 * Checks in a preview that the credential belongs to the tenant of a resource. With a credential of another tenant, a
 * change or deletion would fail; without a change, a warning is enough, unless the front end rejects it too.
 * @param what - The resource, e.g. `service account "ci" (user_…)`.
 * @param change - What the diff is about to do to it; undefined: nothing on the server.
 * @throws FlexpriceError of kind `wrong_tenant`.
 */
export async function checkTenant(
  context: ProviderContext,
  state: OfTenant,
  what: string,
  change: "change" | "replace" | undefined,
): Promise<void> {
  if (change === undefined && !context.rejectsForeignTenant) {
    await warnOfForeignTenant(context, state, capitalized(what));
    return;
  }
  await operation(`${change ?? "manage"} ${what}`, async () => {
    const { connection } = await loadPreviewContext(context, state.connection);
    if (connection !== undefined) await guardTenant(connection, state.tenantId);
  });
}

/** The foreign tenants that each connection has already warned of. */
const warnedTenants = new WeakMap<Connection, Set<string>>();

/**
 * Warns that the credential belongs to another tenant than a resource, which is therefore only compared. Warns once
 * per tenant, since usually the whole stack is affected.
 */
async function warnOfForeignTenant(
  context: ProviderContext,
  { connection: name, tenantId }: OfTenant,
  what: string,
): Promise<void> {
  const { connection, caller } = await loadPreviewContext(context, name);
  if (connection === undefined || caller === undefined || caller.tenant.id === tenantId) return;
  const warned = warnedTenants.get(connection) ?? new Set();
  if (warned.has(tenantId)) return;
  warnedTenants.set(connection, warned.add(tenantId));
  await context.warn(
    `${what} belongs to tenant ${tenantId}, but the credential from ${connection.credentialSource} belongs to tenant ${caller.tenant.id}: neither this resource nor any other of tenant ${tenantId} can be read, changed or deleted with it. Configure a credential of tenant ${tenantId}. If that tenant is gone for good, remove its resources from the state with "pulumi state delete".`,
  );
}

/** Why the caller cannot create a service account with these roles. */
export async function accountCreationFailures(
  { connection, caller, offered }: PreviewContext,
  roles: readonly string[],
): Promise<dynamic.CheckFailure[]> {
  if (connection === undefined || caller === undefined || caller.roles.includes("super_admin"))
    return [];
  const catalog = await rolesOf(connection);
  if (catalog === undefined) return [];
  const who = `The credential from ${connection.credentialSource} (${describeCaller(caller)})`;
  if (!isAllowed(caller.roles, "user", "write", catalog)) {
    return [
      checkFailure(
        "",
        `${who} may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.`,
      ),
    ];
  }
  return roles
    .filter((role) => offered.includes(role))
    .flatMap((role) => {
      const missing = missingPermissions(caller.roles, role, catalog);
      if (missing.length === 0) return [];
      const reason = `${who} cannot grant ${role}, which holds ${missing.join(" and ")}: callers can only grant permissions that they have.`;
      return [checkFailure("roles", reason)];
    });
}

/** Why the caller cannot create a key for a service account, or for itself. */
export function keyCreationFailures(
  { connection, caller }: PreviewContext,
  forAccount: boolean,
): dynamic.CheckFailure[] {
  if (connection === undefined || caller === undefined) return [];
  const who = `The credential from ${connection.credentialSource}`;
  if (connection.lacksEnvironment) {
    const fix = 'set flexprice:environmentId ("pulumi config set flexprice:environmentId env_…")';
    return [
      checkFailure("", `${who} is an access token, and keys belong to an environment: ${fix}.`),
    ];
  }
  if (!forAccount || seesEveryKey(caller)) return [];
  const reason = `${who} is ${describeCaller(caller)}: only a user with super_admin can create keys for a service account.`;
  return [checkFailure("serviceAccountId", reason)];
}

/**
 * Runs the checks of a create in a preview, and reports what would reject it. Other errors say nothing about the
 * program: the create reports them if they persist.
 */
export async function asCheckFailures(
  property: string,
  attempt: () => Promise<unknown>,
): Promise<dynamic.CheckFailure[]> {
  try {
    await attempt();
    return [];
  } catch (error) {
    if (isFailure(error, "refused", "not_found")) return [checkFailure(property, error.message)];
    if (isFailure(error)) return [];
    throw error;
  }
}

async function rolesOf(connection: Connection): Promise<readonly Role[] | undefined> {
  try {
    return await connection.allRoles();
  } catch (error) {
    // The server checks the permissions again at the create.
    if (isFailure(error)) return undefined;
    throw error;
  }
}
