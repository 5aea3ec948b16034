import { distance } from "fastest-levenshtein";

/** What a service account of an unchanged Flexprice server can be given. */
export const SERVICE_ACCOUNT_ROLES = ["event_ingestor", "event_reader", "super_admin"] as const;

/**
 * A role of a service account. The known names are offered by editors; others pass the compiler, since the server
 * has the last word, and are checked by `pulumi preview`.
 */
export type ServiceAccountRole = (typeof SERVICE_ACCOUNT_ROLES)[number] | (string & {});

/** Of a role, what it allows: actions by entity. */
interface Grants {
  readonly id: string;
  readonly permissions: Readonly<Record<string, readonly string[]>>;
}

/** Roles of the server that only users can hold. */
const USER_ROLES: ReadonlySet<string> = new Set(["all_reader", "all_writer"]);

const ALL_POWERFUL = "super_admin";

/** Roles as a set: sorted, each once. */
export function uniqueSorted(roles: readonly string[]): string[] {
  return [...new Set(roles)].sort();
}

/** Whether two lists hold the same roles; order and duplicates do not matter. */
export function sameRoles(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return JSON.stringify(uniqueSorted(one)) === JSON.stringify(uniqueSorted(other));
}

/** What is wrong with these roles, given what the server offers. */
export function roleProblems(roles: readonly string[], offered: readonly string[]): string[] {
  const allowed = `Allowed roles: ${uniqueSorted(offered).join(", ")}.`;
  const invalid = uniqueSorted(roles)
    .filter((role) => !offered.includes(role))
    .map((role) => {
      const remark = USER_ROLES.has(role) ? " (users can hold it, service accounts cannot)" : "";
      return `Invalid role: ${role}${remark}. ${allowed}${didYouMean(role, offered)}`;
    });
  if (roles.includes(ALL_POWERFUL) && uniqueSorted(roles).length > 1) {
    return [...invalid, `${ALL_POWERFUL} includes every other role: assign it alone.`];
  }
  return invalid;
}

function didYouMean(role: string, offered: readonly string[]): string {
  const near = closestMatch(role, offered);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

/** The name that somebody most likely meant who wrote another. */
export function closestMatch(written: string, names: readonly string[]): string | undefined {
  const [closest] = names
    .map((name) => ({ name, away: distance(written.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  if (closest === undefined) return undefined;
  const { length } = closest.name;
  // Further away than a third of the name it is a guess, and a wrong guess misleads.
  return closest.away <= Math.min(Math.max(2, length / 3), length / 2) ? closest.name : undefined;
}

/** The permissions that a caller with these roles lacks to grant a role, as `action on entity`. */
export function missingPermissions(
  callerRoles: readonly string[],
  wanted: string,
  catalogue: readonly Grants[],
): string[] {
  const granted = catalogue.find(({ id }) => id === wanted)?.permissions ?? {};
  return Object.entries(granted).flatMap(([entity, actions]) =>
    actions
      .filter((action) => !isAllowed(callerRoles, entity, action, catalogue))
      .map((action) => `"${action}" on "${entity}"`),
  );
}

/** Whether one of the roles allows the action. */
export function isAllowed(
  roles: readonly string[],
  entity: string,
  action: string,
  catalogue: readonly Grants[],
): boolean {
  return catalogue
    .filter(({ id }) => roles.includes(id))
    .some(({ permissions }) =>
      [...(permissions[entity] ?? []), ...(permissions["*"] ?? [])].some(
        (allowed) => allowed === action || allowed === "*",
      ),
    );
}
