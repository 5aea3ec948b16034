import type { ServiceAccountRole } from "../shared/roles";

// Users compile against this file, so they need the types of everything that it imports.

/** Arguments of every function. */
interface OverConnection {
  /** Name of a connection in `flexprice:connections`. Default: the settings outside `flexprice:connections`. */
  readonly connection?: string | undefined;
}

/** Arguments of `getServiceAccount`: the id, or the name. */
export type GetServiceAccountArgs = OverConnection &
  (
    | {
        /** The account's id, `user_…`. */
        readonly id: string;
        /** Cannot be combined with `id`. */
        readonly name?: undefined;
      }
    | {
        /** The account's exact name, as its program sets it. Without a name in its program, it has a unique one. */
        readonly name: string;
        /** Cannot be combined with `name`. */
        readonly id?: undefined;
      }
  );

/** Arguments of `getServiceAccounts`. The result has the accounts that match all of them. */
export interface GetServiceAccountsArgs extends OverConnection {
  /** A role that the accounts have, possibly among others. */
  readonly role?: ServiceAccountRole | undefined;
  /** The accounts' exact name, as their programs set it. Without a name in its program, an account has a unique one. */
  readonly name?: string | undefined;
}

/** Arguments of `getApiKeys`. */
export interface GetApiKeysArgs extends OverConnection {
  /** Id of the owner, `user_…`: a service account or a user. Default: all owners. */
  readonly serviceAccountId?: string | undefined;
}

/** Arguments of `getRoles`. */
export interface GetRolesArgs extends OverConnection {}

/** Arguments of `getCaller`. */
export interface GetCallerArgs extends OverConnection {}

/** A service account, as functions return it. */
export interface ServiceAccountInfo {
  /** The account's id, `user_…`. */
  readonly id: string;
  /** The name that the dashboard shows. Not unique; empty if there is none. */
  readonly name: string;
  /** Roles of the account, sorted, without duplicates. */
  readonly roles: string[];
  /** Tenant of the account. */
  readonly tenantId: string;
}

/** An API key, as functions return it. Without its value, which Flexprice only shows at creation. */
export interface ApiKeyInfo {
  /** The key's id, `secret_…`. */
  readonly id: string;
  /** First five and last two characters of the key, e.g. `sk_01***NP`. Not unique. */
  readonly displayId: string;
  /** The name that the dashboard shows. Not unique. */
  readonly name: string;
  /** Type of the key: `private_key`, since Flexprice does not list others. */
  readonly type: string;
  /** Roles of the key, sorted, without duplicates: a copy of its owner's roles at creation. */
  readonly roles: string[];
  /** Id of the owner. */
  readonly userId: string;
  /** Type of the owner: `service_account` or `user`. */
  readonly userType: string;
  /** When the key expires, RFC 3339. Absent if it never does. Expired keys are listed too. */
  readonly expiresAt?: string;
  /** When the key was created, RFC 3339. */
  readonly createdAt: string;
}

/** A role, as functions return it. */
export interface RoleInfo {
  /** Value for `roles` of a `ServiceAccount`, e.g. `event_ingestor`. */
  readonly id: string;
  /** The name that the dashboard shows, e.g. `Event Ingestor`. */
  readonly name: string;
  /** The server's description. */
  readonly description: string;
  /** Actions by entity, e.g. `write` for `event`; `*` stands for all. */
  readonly permissions: Record<string, string[]>;
  /** Whether a service account can have the role. */
  readonly assignable: boolean;
}

/** Who the configured credential belongs to. */
export interface CallerInfo {
  /** The owner's id, `user_…`, for both users and service accounts. */
  readonly id: string;
  /**
   * Type of the owner: `user` or `service_account`. Only a user with `super_admin` can see and create the keys of
   * others.
   */
  readonly type: string;
  /** The owner's name. Empty if there is none, as for most users. */
  readonly name: string;
  /** Roles of the owner, sorted, without duplicates. */
  readonly roles: string[];
  /** Tenant of everything that is created with the credential. */
  readonly tenantId: string;
}
