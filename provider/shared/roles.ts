import { distance } from "fastest-levenshtein";

/** The roles that a service account can have on an unmodified Flexprice server. */
export const SERVICE_ACCOUNT_ROLES = ["event_ingestor", "event_reader", "super_admin"] as const;

/**
 * A role of a service account. The known names are offered by editors; others pass the compiler, since the server
 * has the last word, and are checked by `pulumi preview`.
 */
export type ServiceAccountRole = (typeof SERVICE_ACCOUNT_ROLES)[number] | (string & {});

/** What a role allows: actions by entity. */
interface Grants {
  readonly id: string;
  readonly permissions: Readonly<Record<string, readonly string[]>>;
}

/** Roles that only users can have. */
const USER_ROLES: ReadonlySet<string> = new Set(["all_reader", "all_writer"]);

const SUPER_ADMIN = "super_admin";

/** Sorted, without duplicates. */
export function uniqueSorted(roles: readonly string[]): string[] {
  return [...new Set(roles)].sort();
}

/** Whether two lists have the same roles, ignoring order and duplicates. */
export function sameRoles(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return JSON.stringify(uniqueSorted(one)) === JSON.stringify(uniqueSorted(other));
}

/** What is wrong with these roles, given the roles that the server offers. */
export function roleProblems(roles: readonly string[], offered: readonly string[]): string[] {
  const allowed = `Allowed roles: ${uniqueSorted(offered).join(", ")}.`;
  const invalid = uniqueSorted(roles)
    .filter((role) => !offered.includes(role))
    .map((role) => {
      const remark = USER_ROLES.has(role) ? " (users can hold it, service accounts cannot)" : "";
      return `Invalid role: ${role}${remark}. ${allowed}${didYouMean(role, offered)}`;
    });
  if (roles.includes(SUPER_ADMIN) && uniqueSorted(roles).length > 1) {
    return [...invalid, `${SUPER_ADMIN} includes every other role: assign it alone.`];
  }
  return invalid;
}

function didYouMean(role: string, offered: readonly string[]): string {
  const near = closestMatch(role, offered);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

/** The name that was most likely meant; undefined if none is close. */
export function closestMatch(written: string, names: readonly string[]): string | undefined {
  const [closest] = names
    .map((name) => ({ name, edits: distance(written.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  if (closest === undefined) return undefined;
  const { length } = closest.name;
  // More edits than a third of the name would be a guess, and a wrong guess misleads.
  return closest.edits <= Math.min(Math.max(2, length / 3), length / 2) ? closest.name : undefined;
}

/** The permissions that a caller with these roles lacks for granting a role. */
export function missingPermissions(
  callerRoles: readonly string[],
  wanted: string,
  catalog: readonly Grants[],
): string[] {
  const granted = catalog.find(({ id }) => id === wanted)?.permissions ?? {};
  return Object.entries(granted).flatMap(([entity, actions]) =>
    actions
      .filter((action) => !isAllowed(callerRoles, entity, action, catalog))
      .map((action) => `"${action}" on "${entity}"`),
  );
}

/** Whether one of the roles allows the action on the entity. */
export function isAllowed(
  roles: readonly string[],
  entity: string,
  action: string,
  catalog: readonly Grants[],
): boolean {
  return catalog
    .filter(({ id }) => roles.includes(id))
    .some(({ permissions }) =>
      [...(permissions[entity] ?? []), ...(permissions["*"] ?? [])].some(
        (allowed) => allowed === action || allowed === "*",
      ),
    );
}
