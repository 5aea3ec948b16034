import * as pulumi from "@pulumi/pulumi";
import { durationMs } from "../shared/duration";
import type { ServiceAccountRole } from "../shared/roles";
import { ApiKey } from "./api-key";
import { withDefault } from "./default";
import { rejectDeletedWith, rejectMissingArgs } from "./options";
import { ServiceAccount } from "./service-account";

/** Inputs of a {@link ServiceIdentity}. */
export interface ServiceIdentityArgs {
  /**
   * What the service does, and no more: at least one role. No single service needs `super_admin`.
   * Change: replaces account and key, new before old.
   */
  roles: pulumi.Input<pulumi.Input<ServiceAccountRole>[]>;
  /**
   * What the dashboard shows for the account: 1 to 255 characters, not blank. The names of its keys begin with it.
   * Default: a unique name, `<namePrefix>-<10 characters>`. Change: renames the account in place; a key keeps its name.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * What the names of account and keys begin with, where `name` is not set.
   * Default: the component's logical name. Change: nothing; it counts for what is made next.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /** Lifetime of the key from its creation. Default: "90d". Change: replaces the key. */
  expiresIn?: pulumi.Input<string> | undefined;
  /**
   * How long before its expiry the next `pulumi up` replaces the key; as long the old one goes on working beside the
   * new. Shorter than `expiresIn`. Default: "14d", or half the lifetime where that is less.
   * Change: updates in place, without a request.
   */
  rotateBefore?: pulumi.Input<string> | undefined;
  /** Texts of your own: any change of one replaces the key. Adding the map for the first time does not. */
  rotationTriggers?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  /** Name of a connection in `flexprice:connections`. Default: the settings outside of it. Change: replaces both. */
  connection?: pulumi.Input<string> | undefined;
}

/** How long a key works beside its successor, unless its lifetime is short. */
const OVERLAP = "14d";

/**
 * The identity of one service: a {@link ServiceAccount} of its own and an {@link ApiKey} that rotates.
 *
 * The key lives 90 days. From 14 days before its end on, `pulumi up` makes its successor, and the old one goes on
 * working until its own expiry, so that nothing breaks while consumers take up the new one: run `pulumi up` on a
 * schedule. When the account itself goes, destroyed or replaced, all its keys are revoked with it, also those that
 * were left to their expiry and those made by hand. So a key that has leaked ends at once when it is revoked in the
 * dashboard, and `pulumi up --refresh` makes its successor; a rotation alone would leave it to its expiry.
 *
 * The option `protect` protects the account alone: Pulumi replaces nothing that is protected, and the key rotates.
 *
 * @example
 * ```ts
 * const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
 * export const apiKey = ingestor.apiKey; // a secret output
 * ```
 */
export class ServiceIdentity extends pulumi.ComponentResource {
  /** The service's account. */
  readonly serviceAccount: ServiceAccount;
  /** The account's key. */
  readonly key: ApiKey;
  /** Id of the account, `user_…`. */
  readonly serviceAccountId: pulumi.Output<string>;
  /** The value of the key; always a secret. */
  readonly apiKey: pulumi.Output<string>;
  /** When the key stops working, RFC 3339. */
  readonly expiresAt: pulumi.Output<string | undefined>;

  /**
   * Declares a service's account and its key.
   *
   * @param name - The logical name, unique in the program; the names of account and keys begin with it unless `args` say otherwise.
   * @param args - What the service may do.
   * @param opts - Pulumi's options for components.
   */
  constructor(name: string, args: ServiceIdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    rejectMissingArgs("ServiceIdentity", name, args, "roles");
    rejectDeletedWith("ServiceIdentity", name, opts);
    super("flexprice:index:ServiceIdentity", name, {}, opts);
    const { roles, expiresIn = "90d", rotateBefore, rotationTriggers, connection } = args;
    const namePrefix = withDefault(args.namePrefix, name);
    this.serviceAccount = new ServiceAccount(
      name,
      { name: args.name, namePrefix, roles, forceDestroy: true, connection },
      { parent: this },
    );
    this.key = new ApiKey(
      name,
      {
        // Not the name itself: a rotation makes a key of its own each time, and each has to be told from the others.
        namePrefix: withDefault(args.name, namePrefix),
        connection,
        serviceAccountId: this.serviceAccount.id,
        expiresIn,
        rotateBefore: rotateBefore ?? overlapOf(expiresIn),
        rotationTriggers,
        onDelete: "expire",
      },
      // Pulumi refuses to replace what is protected: each up would fail once the key is due. The account is protected.
      { parent: this, protect: false },
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

function overlapWithin(lifetime: string): string {
  const half = (durationMs(lifetime) ?? Number.POSITIVE_INFINITY) / 2;
  return half < (durationMs(OVERLAP) ?? 0) ? `${half / 1_000}s` : OVERLAP;
}
