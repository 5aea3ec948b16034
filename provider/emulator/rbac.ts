import { ok, refuse } from "./answers";
import type { Call } from "./call";
import type { UserType } from "./database";

interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: Readonly<Record<string, readonly string[]>>;
}

const ROLES: readonly Role[] = [
  {
    id: "super_admin",
    name: "Super Admin",
    description:
      "Provides unrestricted access to all resources, operations, and administrative settings.",
    permissions: { "*": ["*"] },
  },
  {
    id: "all_reader",
    name: "All Reader",
    description: "Provides read-only access to all resources and operations.",
    permissions: { "*": ["read"] },
  },
  {
    id: "all_writer",
    name: "All Writer",
    description:
      "Provides read and write access to all resources and operations, excluding user, role, and administrative management.",
    permissions: { "*": ["read", "write"] },
  },
  {
    id: "event_ingestor",
    name: "Event Ingestor",
    description:
      "Provides write-only access to event ingestion. Intended for services that only submit events.",
    permissions: { event: ["write"] },
  },
  {
    id: "event_reader",
    name: "Event Reader",
    description:
      "Provides read-only access to events. Intended for services that only consume or inspect events.",
    permissions: { event: ["read"] },
  },
];

const ASSIGNABLE: Readonly<Record<UserType, readonly string[]>> = {
  service_account: ["super_admin", "event_ingestor", "event_reader"],
  user: ["super_admin", "all_reader", "all_writer"],
};

export const INVALID_USER_TYPE = "User type must be 'user' or 'service_account'";

export function isUserType(type: string): type is UserType {
  return Object.hasOwn(ASSIGNABLE, type);
}

export function isAllowed(roles: readonly string[], entity: string, action: string): boolean {
  const granted = ROLES.filter((role) => roles.includes(role.id));
  return granted.some(({ permissions }) =>
    [permissions["*"], permissions[entity]].some(
      (actions) => actions?.includes("*") || actions?.includes(action),
    ),
  );
}

/** The roles that an account of this type can have. */
export function checkAssignable(type: UserType, roles: readonly string[]): void {
  for (const role of roles) {
    if (!ROLES.some(({ id }) => id === role)) {
      throw refuse("validation_error", `Role '${role}' does not exist`, { role });
    }
    if (!ASSIGNABLE[type].includes(role)) {
      throw refuse("validation_error", `Role '${role}' cannot be assigned to a '${type}' account`, {
        allowed_roles: ASSIGNABLE[type],
        role,
        user_type: type,
      });
    }
  }
  if (roles.includes("super_admin") && roles.length > 1) {
    throw refuse(
      "validation_error",
      "When super_admin is selected, no other roles need to be assigned",
    );
  }
}

/** A caller can only grant permissions that it has. */
export function checkGrantable(callerRoles: readonly string[], roles: readonly string[]): void {
  for (const role of ROLES.filter(({ id }) => roles.includes(id))) {
    for (const [entity, actions] of Object.entries(role.permissions)) {
      const action = actions.find((one) => !isAllowed(callerRoles, entity, one));
      if (action === undefined) continue;
      throw refuse(
        "permission_denied",
        `Role '${role.id}' grants '${action}' on '${entity}', which you do not have`,
        { action, caller_roles: callerRoles, entity, role: role.id },
      );
    }
  }
}

export function listRoles({ state, query }: Call) {
  const type = query.get("user_type");
  if (type !== null && !isUserType(type)) throw refuse("validation_error", INVALID_USER_TYPE);
  const roles = type === null ? ROLES : ROLES.filter(({ id }) => ASSIGNABLE[type].includes(id));
  return ok({ roles: shuffled(roles, state.random) });
}

export function getRole({ parameters: [id] }: Call) {
  const role = ROLES.find((candidate) => candidate.id === id);
  return role ? ok({ role }) : { status: 404, json: { error: "Role not found" } };
}

/** The server iterates over a map, so the order differs between responses. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
