import * as pulumi from "@pulumi/pulumi";
import { hasType, SERVICE_ACCOUNT_TYPE } from "../shared/resource-types";
import type { ServiceAccountRole } from "../shared/roles";
import { withDefault } from "./default";
import { rejectImport, rejectMissingArgs } from "./options";
import { functionSettings, rejectUnknownSettings } from "./program-config";

/** Inputs of a {@link ServiceAccount}. */
export interface ServiceAccountArgs {
  /**
   * What the dashboard shows: 1 to 255 characters, not blank. Names need not be unique. Takes a second request, since
   * every account is made under a unique name at first.
   * Default: a unique name, `<namePrefix>-<10 characters>`, which stays for the account's life.
   * Change: updates in place (`PUT /users/{id}`); removing it keeps the name that the account has.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * What the unique name begins with, where `name` is not set; cut so that the name fits.
   * Default: the resource's logical name. Change: nothing; it counts for the next account that the resource makes.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /**
   * What the account may do: at least one role; order and duplicates do not matter; `super_admin` only alone.
   * Change: replaces the account, new before old, since Flexprice fixes roles at creation; its keys, which carry
   * a copy of the roles, are replaced with it.
   */
  roles: pulumi.Input<pulumi.Input<ServiceAccountRole>[]>;
  /**
   * Whether deleting the account first revokes the keys that still block it, with a warning for each. Only keys that the
   * credential sees can be revoked: no publishable ones, none of other environments. `pulumi up` revokes none that a
   * program may go on using: one of this program that stays, or, with `--target` or from another stack, one with a
   * name as this provider makes them. `pulumi destroy` revokes all.
   * Default: false, the deletion is refused. Change: updates in place, without a request.
   */
  forceDestroy?: pulumi.Input<boolean> | undefined;
  /**
   * Id of an existing service account to take over instead of creating one. It must have the same roles; its name
   * is set to `name`, if that is given. From then on the account is managed: deleting the resource archives it. A resource of the
   * stack that held it before, under another name for instance, lets go of it.
   * Change: another id replaces; removing it changes nothing.
   */
  adopt?: pulumi.Input<string> | undefined;
  /**
   * Name of a connection in `flexprice:connections`. Default: the settings outside of it. Change: replaces.
   */
  connection?: pulumi.Input<string> | undefined;
}

/** Options of {@link ServiceAccount.get}. */
export interface ServiceAccountGetOptions extends pulumi.CustomResourceOptions {
  /** Name of the connection through which the account is read. */
  connection?: string | undefined;
}

// Kept in the state of every resource and run by later releases too. A constant that only names the code stays
// valid as long as the export does; serialised code would be 20 times as long and frozen at its release.
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';

/**
 * A Flexprice service account: an identity for an automated service, with roles and API keys of its own.
 *
 * Created by `POST /users`, renamed by `PUT /users/{id}`, read by `POST /users/search`, archived by
 * `DELETE /users/{id}`. Archiving is refused while keys of the account are active, see
 * {@link ServiceAccountArgs.forceDestroy}. A preview fails on roles which the server does not offer or the
 * credential cannot grant.
 *
 * @example
 * ```ts
 * const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
 * ```
 */
export class ServiceAccount extends pulumi.CustomResource {
  /** The type in Pulumi, by which policies (`validateResourceOfType`) know the class. */
  static readonly __pulumiType = SERVICE_ACCOUNT_TYPE;

  /** Whether this is an account, of whichever copy of the package; older versions of `@pulumi/policy` ask so. */
  static override isInstance(obj: unknown): obj is ServiceAccount {
    return hasType(obj, SERVICE_ACCOUNT_TYPE);
  }

  /** What the dashboard shows. */
  declare readonly name: pulumi.Output<string>;
  /** What the account is to be called where `name` is not set; undefined where it is. */
  declare readonly autoName: pulumi.Output<string | undefined>;
  /** What the account may do, sorted. */
  declare readonly roles: pulumi.Output<string[]>;
  /** The tenant that the account belongs to. Updates and deletions by a credential of another tenant are refused. */
  declare readonly tenantId: pulumi.Output<string>;

  /**
   * Declares a service account.
   *
   * @param name - The logical name, unique in the program; the account's name begins with it unless `args` say otherwise.
   * @param args - What the account is to be.
   * @param opts - Pulumi's options for custom resources.
   */
  constructor(name: string, args: ServiceAccountArgs, opts?: pulumi.CustomResourceOptions) {
    rejectUnknownSettings();
    rejectImport("ServiceAccount", name, opts);
    rejectMissingArgs("ServiceAccount", name, args, "roles");
    super(
      SERVICE_ACCOUNT_TYPE,
      name,
      opts?.id === undefined ? declared(name, args) : existing(args),
      opts,
    );
  }

  /**
   * An account that exists and is managed elsewhere: read by `POST /users/search`, never changed. The read fails when
   * the credential's tenant has no such account, or has archived it.
   *
   * @param name - The logical name, unique in the program.
   * @param id - The account's id, `user_…`.
   * @param opts - Pulumi's options, and the connection to read through.
   */
  static get(
    name: string,
    id: pulumi.Input<pulumi.ID>,
    opts: ServiceAccountGetOptions = {},
  ): ServiceAccount {
    const { connection, ...resourceOptions } = opts;
    return new ServiceAccount(name, { roles: [], connection }, { ...resourceOptions, id });
  }
}

function declared(logicalName: string, args: ServiceAccountArgs): pulumi.Inputs {
  return {
    ...args,
    name: args.name,
    namePrefix: withDefault(args.namePrefix, logicalName),
    ...functionSettings(),
    autoName: undefined,
    tenantId: undefined,
    __provider: PROVIDER,
  };
}

function existing({ connection }: ServiceAccountArgs): pulumi.Inputs {
  return {
    connection,
    name: undefined,
    autoName: undefined,
    roles: undefined,
    tenantId: undefined,
    __provider: PROVIDER,
  };
}
