import * as pulumi from "@pulumi/pulumi";
import { SERVICE_IDENTITY_TYPE } from "../shared/resource-types";
import type { ServiceAccountRole } from "../shared/roles";
import { type AdoptedApiKey, ApiKey, type OnDelete } from "./api-key";
import { connectionOf, setConnection } from "./connection";
import { forcesDestroy, KEY_OPTIONS, LIFETIME, ON_DELETE, overlapWithin } from "./identity-rules";
import {
  accountAliases,
  keyAliases,
  rejectDeletedWith,
  rejectMissingArgs,
  rejectUnusable,
  withDefault,
} from "./options";
import { ServiceAccount } from "./service-account";

/** An existing account and key to adopt. */
export interface AdoptedIdentity {
  /** The account's id, `user_…`. It must have the same roles. */
  serviceAccountId: pulumi.Input<string>;
  /** A key of the account that expires, with its value. Default: a key is created. */
  key?: pulumi.Input<AdoptedApiKey> | undefined;
}

/** The logical names that account and key had outside of the component, with the same parent as the component. */
export interface MovedIdentity {
  /** Logical name of the `ServiceAccount`. */
  serviceAccount?: string | undefined;
  /** Logical name of the `ApiKey`. Its parent may also be the account. */
  key?: string | undefined;
}

/** Inputs of a {@link ServiceIdentity}. */
export interface ServiceIdentityArgs {
  /**
   * Roles of the service, e.g. `event_ingestor` or `event_reader`: at least one, and only those that it needs. A single
   * service rarely needs `super_admin`.
   * Change: replaces account and key, new before old.
   */
  roles: pulumi.Input<pulumi.Input<ServiceAccountRole>[]>;
  /**
   * The name that the dashboard shows for the account: 1 to 255 characters, not blank. The names of its keys begin with
   * it. Default: a unique name, `<namePrefix>-<10 characters>`. Change: renames the account in place; keys keep theirs.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * Prefix of the unique names of account and keys, if `name` is not set.
   * Default: the component's logical name. Change: only affects what is created next.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /** Lifetime of the key from its creation. Default: "90d". Change: replaces the key. */
  expiresIn?: pulumi.Input<string> | undefined;
  /**
   * How long before expiry `pulumi up` replaces the key, and so how long old and new key both work. Must be shorter
   * than `expiresIn`. Default: "14d", or half the lifetime if that is less.
   * Change: updates in place, without a request; replaces the key if it is due by the new value.
   */
  rotateBefore?: pulumi.Input<string> | undefined;
  /** Arbitrary key-value pairs. Any change to the map replaces the key. Adding it for the first time does not. */
  rotationTriggers?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  /**
   * What happens to a replaced key. `expire` keeps it until its expiry, so that the service can switch over; `revoke`
   * revokes it once its successor is created. Default: `expire`. Change: updates in place, without a request.
   */
  onDelete?: pulumi.Input<OnDelete> | undefined;
  /**
   * Whether deleting the account first revokes the keys that block it, such as keys created by hand. See
   * {@link ServiceAccountArgs.forceDestroy}.
   * Default: true; false with `adopt`, since others may use keys of the account. Change: updates in place, without a
   * request.
   */
  forceDestroy?: pulumi.Input<boolean> | undefined;
  /**
   * An existing account to adopt, with a key or without. Change: another id replaces. Removing it only changes the
   * default of `forceDestroy`.
   */
  adopt?: AdoptedIdentity | undefined;
  /**
   * A `ServiceAccount` and an `ApiKey` of the stack that become the component's, instead of being replaced. Remove them
   * from the program in the same change. Change: nothing, once they are moved.
   */
  movedFrom?: MovedIdentity | undefined;
  /**
   * Name of a connection in `flexprice:connections`. Default: the settings outside `flexprice:connections`.
   * Change: replaces both, unless both have the same server, credential and environment.
   * @remarks Resources inherit the connection of the component that they are in, see {@link setConnection}.
   */
  connection?: pulumi.Input<string> | undefined;
}

/**
 * The identity of one service: a {@link ServiceAccount} with an {@link ApiKey} that rotates.
 *
 * By default the key lives 90 days. In the last 14 days, `pulumi up` creates its successor, and the old key works until
 * its expiry, so that consumers have time to switch over. Run `pulumi up` on a schedule. Destroying or replacing the
 * account revokes all its keys, including old ones and those created by hand.
 *
 * If a key has leaked, revoke it with `npx pulumi-flexprice revoke`, and run `pulumi up --refresh`, which creates its
 * successor. A rotation alone would keep the leaked key until its expiry.
 *
 * The option `protect` only protects the account: Pulumi does not replace protected resources, and the key rotates.
 *
 * @example
 * ```ts
 * const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
 * export const apiKey = ingestor.apiKey; // a secret output
 * ```
 */
export class ServiceIdentity extends pulumi.ComponentResource {
  /** The service account. */
  readonly serviceAccount: ServiceAccount;
  /** The account's key. */
  readonly key: ApiKey;
  /** Id of the account, `user_…`. */
  readonly serviceAccountId: pulumi.Output<string>;
  /** Value of the key, always a secret. */
  readonly apiKey: pulumi.Output<string>;
  /** When the key expires, RFC 3339. */
  readonly expiresAt: pulumi.Output<string | undefined>;

  /**
   * Declares a service's account and its key.
   *
   * @param name - The logical name, unique in the program. By default, the names of account and keys begin with it.
   * @param args - The inputs.
   * @param opts - Pulumi's options for components.
   */
  constructor(name: string, args: ServiceIdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    rejectMissingArgs("ServiceIdentity", name, args, "roles");
    rejectDeletedWith("ServiceIdentity", name, opts);
    rejectUnusable(name, args.adopt, args.movedFrom);
    super(SERVICE_IDENTITY_TYPE, name, {}, opts);
    setConnection(this, connectionOf(args.connection, opts));
    const { roles, expiresIn = LIFETIME, rotateBefore, rotationTriggers, adopt } = args;
    const movedFrom = args.movedFrom ?? {};
    const namePrefix = withDefault(args.namePrefix, name);
    this.serviceAccount = new ServiceAccount(
      name,
      {
        name: args.name,
        namePrefix,
        roles,
        forceDestroy: args.forceDestroy ?? forcesDestroy(adopt),
        adopt: adopt?.serviceAccountId,
      },
      { parent: this, aliases: accountAliases(opts, movedFrom) },
    );
    this.key = new ApiKey(
      name,
      {
        // A prefix and not a name: every rotation creates another key, and each needs a unique name.
        namePrefix: withDefault(args.name, namePrefix),
        serviceAccountId: this.serviceAccount.id,
        expiresIn,
        rotateBefore: rotateBefore ?? overlapOf(expiresIn),
        rotationTriggers,
        onDelete: args.onDelete ?? ON_DELETE,
        adopt: adopt?.key,
      },
      { parent: this, aliases: keyAliases(opts, movedFrom), ...KEY_OPTIONS },
    );
    this.serviceAccountId = this.serviceAccount.id;
    this.apiKey = this.key.apiKey;
    this.expiresAt = this.key.expiresAt;
    this.registerOutputs({
      serviceAccountId: this.serviceAccountId,
      apiKey: this.apiKey,
      expiresAt: this.expiresAt,
    });
  }
}

function overlapOf(expiresIn: pulumi.Input<string>): pulumi.Input<string> {
  return typeof expiresIn === "string"
    ? overlapWithin(expiresIn)
    : pulumi.output(expiresIn).apply(overlapWithin);
}
