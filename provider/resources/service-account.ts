import * as pulumi from "@pulumi/pulumi";
import {
  hasType,
  PLUGIN_SERVICE_ACCOUNT_TYPE,
  SERVICE_ACCOUNT_TYPE,
} from "../shared/resource-types";
import type { ServiceAccountRole } from "../shared/roles";
import { connectionOf } from "./connection";
import { rejectImport, rejectMissingArgs, withAlias, withDefault } from "./options";
import { functionSettings, rejectUnknownSettings } from "./program-config";

/** Inputs of a {@link ServiceAccount}. */
export interface ServiceAccountArgs {
  /**
   * The name that the dashboard shows: 1 to 255 characters, not blank, need not be unique. Setting it takes a
   * second request, since every account is first created with a unique name.
   * Default: a unique name, `<namePrefix>-<10 characters>`, which never changes.
   * Change: updates in place (`PUT /users/{id}`). Removing it keeps the current name.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * Prefix of the unique name, if `name` is not set. A long prefix is cut.
   * Default: the resource's logical name. Change: only affects the next account that the resource creates.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /**
   * Roles of the account, e.g. `event_ingestor` or `event_reader`: at least one, in any order. `super_admin` must be
   * the only role.
   * Change: replaces the account and its keys, new before old, since Flexprice fixes roles at creation.
   */
  roles: pulumi.Input<pulumi.Input<ServiceAccountRole>[]>;
  /**
   * Whether deleting the account first revokes the keys that block it, with a warning for each. Publishable keys and
   * keys of other environments cannot be revoked. `pulumi up` never revokes a key that a program may still use: a key
   * of this program that stays, or, with `--target` or from another stack, a key with a generated name.
   * `pulumi destroy` revokes all of them.
   * Default: false, the deletion fails. Change: updates in place, without a request.
   */
  forceDestroy?: pulumi.Input<boolean> | undefined;
  /**
   * Id of an existing service account to adopt instead of creating one. It must have the same roles, and is renamed if
   * `name` is set. Deleting the resource archives it. If another resource of the stack managed it before, that one no
   * longer does.
   * Change: another id replaces. Removing it changes nothing.
   */
  adopt?: pulumi.Input<string> | undefined;
  /**
   * Name of a connection in `flexprice:connections`. Default: the settings outside `flexprice:connections`.
   * Change: replaces, unless both have the same server, credential and environment.
   * @remarks Resources inherit the connection of the component that they are in, see {@link setConnection}.
   */
  connection?: pulumi.Input<string> | undefined;
}

/** Options of {@link ServiceAccount.get}. */
export interface ServiceAccountGetOptions extends pulumi.CustomResourceOptions {
  /** Name of the connection to read the account with. */
  connection?: string | undefined;
}

// The state of every resource contains this text, and later releases run it. It only names the code, so it stays valid
// as long as the export exists. Serialized code would be 20 times as long, and frozen at its release.
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';

/**
 * A Flexprice service account: an identity for an automated service, with its own roles and API keys.
 *
 * Created by `POST /users`, renamed by `PUT /users/{id}`, read by `POST /users/search`, archived by
 * `DELETE /users/{id}`. An account with active keys cannot be archived, see {@link ServiceAccountArgs.forceDestroy}.
 * `pulumi preview` rejects roles that the server does not offer or the credential cannot grant.
 *
 * @example
 * ```ts
 * const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
 * ```
 */
export class ServiceAccount extends pulumi.CustomResource {
  /** The type in Pulumi, which policies (`validateResourceOfType`) check. */
  static readonly __pulumiType = SERVICE_ACCOUNT_TYPE;

  /** Whether `obj` is an account, from any copy of the package. Older versions of `@pulumi/policy` call this. */
  static override isInstance(obj: unknown): obj is ServiceAccount {
    return hasType(obj, SERVICE_ACCOUNT_TYPE);
  }

  /** The name that the dashboard shows. */
  declare readonly name: pulumi.Output<string>;
  /** The generated name, if `name` is not set. */
  declare readonly autoName: pulumi.Output<string | undefined>;
  /** Roles of the account, sorted. */
  declare readonly roles: pulumi.Output<string[]>;
  /** Tenant of the account. Updates and deletions with a credential of another tenant fail. */
  declare readonly tenantId: pulumi.Output<string>;
  /** Prefix of the unique name. */
  declare readonly namePrefix: pulumi.Output<string | undefined>;
  /** Whether deleting the account first revokes the keys that block it. Not set: false. */
  declare readonly forceDestroy: pulumi.Output<boolean | undefined>;
  /** Id of the account that the resource has adopted. */
  declare readonly adopt: pulumi.Output<string | undefined>;
  /** Name of the connection in `flexprice:connections`. Not set: the settings outside `flexprice:connections`. */
  declare readonly connection: pulumi.Output<string | undefined>;

  /**
   * Declares a service account.
   *
   * @param name - The logical name, unique in the program. By default, the account's name begins with it.
   * @param args - The inputs.
   * @param opts - Pulumi's options for custom resources.
   */
  constructor(name: string, args: ServiceAccountArgs, opts?: pulumi.CustomResourceOptions) {
    rejectUnknownSettings();
    rejectImport("ServiceAccount", name, opts);
    rejectMissingArgs("ServiceAccount", name, args, "roles");
    const given = { ...args, connection: connectionOf(args.connection, opts) };
    super(
      SERVICE_ACCOUNT_TYPE,
      name,
      opts?.id === undefined ? declared(name, given) : existing(given),
      withAlias(opts, PLUGIN_SERVICE_ACCOUNT_TYPE, name),
    );
  }

  /**
   * Gets an existing account without managing it (`POST /users/search`). Fails if the credential's tenant has no such
   * account, or has archived it.
   *
   * @param name - The logical name, unique in the program.
   * @param id - The account's id, `user_…`.
   * @param opts - Pulumi's options, and the connection to read the account with.
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

/** The SDK only resolves outputs that are named. */
const OUTPUTS = {
  name: undefined,
  namePrefix: undefined,
  roles: undefined,
  forceDestroy: undefined,
  adopt: undefined,
  connection: undefined,
  autoName: undefined,
  tenantId: undefined,
  __provider: PROVIDER,
};

function declared(logicalName: string, args: ServiceAccountArgs): pulumi.Inputs {
  return {
    ...OUTPUTS,
    ...args,
    namePrefix: withDefault(args.namePrefix, logicalName),
    ...functionSettings(),
  };
}

function existing({ connection }: ServiceAccountArgs): pulumi.Inputs {
  return { ...OUTPUTS, connection };
}
