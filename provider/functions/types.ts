import type { ServiceAccountRole } from "../shared/roles";

// Users compile against this file: what it imports, they need the types of.

/** What every function takes. */
interface OverConnection {
  /** Name of a connection in `flexprice:connections`. Default: the settings outside of it. */
  readonly connection?: string | undefined;
}

/** Arguments of `getServiceAccount`: the id, or the name. */
export type GetServiceAccountArgs = OverConnection &
  (
    | {
        /** The account's id, `user_…`. */
        readonly id: string;
        /** Not with an id. */
        readonly name?: undefined;
      }
    | {
        /** The account's name, exactly: as the program that manages it sets it. Without, it has a unique one. */
        readonly name: string;
        /** Not with a name. */
        readonly id?: undefined;
      }
  );

/** Arguments of `getServiceAccounts`; those that are given must all match. */
export interface GetServiceAccountsArgs extends OverConnection {
  /** A role that the accounts have, possibly among others. */
  readonly role?: ServiceAccountRole | undefined;
  /** The accounts' name, exactly: as the programs that manage them set it. Without, each has a unique one. */
  readonly name?: string | undefined;
}

/** Arguments of `getApiKeys`. */
export interface GetApiKeysArgs extends OverConnection {
  /** Id of the owner, `user_…`: a service account's, or a user's for the keys of that user. Default: all owners. */
  readonly serviceAccountId?: string | undefined;
}

/** Arguments of `getRoles`. */
export interface GetRolesArgs extends OverConnection {}

/** Arguments of `getCaller`. */
export interface GetCallerArgs extends OverConnection {}

/** A service account as a function shows it. */
export interface ServiceAccountInfo {
  /** `user_…` */
  readonly id: string;
  /** What the dashboard shows; not unique, and empty where the account has none. */
  readonly name: string;
  /** Sorted, each once. */
  readonly roles: string[];
  /** The tenant that the account belongs to. */
  readonly tenantId: string;
}

/** An API key as a function shows it: never with its value, which Flexprice tells once, to who makes the key. */
export interface ApiKeyInfo {
  /** `secret_…` */
  readonly id: string;
  /** The beginning and the end of the key, e.g. `sk_01***NP`; not unique. */
  readonly displayId: string;
  /** What the dashboard shows; not unique. */
  readonly name: string;
  /** `private_key`: Flexprice lists no others. */
  readonly type: string;
  /** Copied from the owner when the key was made; sorted, each once. */
  readonly roles: string[];
  /** Id of the owner. */
  readonly userId: string;
  /** What the owner is: `service_account` or `user`. */
  readonly userType: string;
  /** As in RFC 3339; absent where the key does not expire. An expired key is listed like any other. */
  readonly expiresAt?: string;
  /** As in RFC 3339. */
  readonly createdAt: string;
}

/** A role as a function shows it. */
export interface RoleInfo {
  /** What `roles` of a `ServiceAccount` takes, e.g. `event_ingestor`. */
  readonly id: string;
  /** What the dashboard shows, e.g. `Event Ingestor`. */
  readonly name: string;
  /** In the server's own words. */
  readonly description: string;
  /** Actions by entity, e.g. `{ event: ["write"] }`; `*` stands for all. */
  readonly permissions: Record<string, string[]>;
  /** Whether a service account can be given it; users can hold others. */
  readonly assignable: boolean;
}

/** Who the configured credential is. */
export interface CallerInfo {
  /** `user_…`, of users and service accounts alike. */
  readonly id: string;
  /** `user` or `service_account`. Only a user with `super_admin` sees and makes the keys of others. */
  readonly type: string;
  /** Empty where it has none, as most users. */
  readonly name: string;
  /** Sorted, each once. */
  readonly roles: string[];
  /** The tenant that everything made with the credential belongs to. */
  readonly tenantId: string;
}
