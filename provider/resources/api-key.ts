import * as pulumi from "@pulumi/pulumi";
import { API_KEY_TYPE, hasType, PLUGIN_API_KEY_TYPE } from "../shared/resource-types";
import { connectionOf } from "./connection";
import { rejectDeletedWith, rejectImport, withAlias, withDefault } from "./options";
import { functionSettings, rejectUnknownSettings } from "./program-config";

/** `private_key` authenticates to the API. `publishable_key` is for browsers: it does not, and is never listed. */
export type ApiKeyType = "private_key" | "publishable_key";

/** What happens on the server to a replaced key: it is revoked, or works until its expiry. */
export type OnDelete = "revoke" | "expire";

/** An existing key to adopt. */
export interface AdoptedApiKey {
  /** The key's id, `secret_…`. */
  id: pulumi.Input<string>;
  /** Value of the key, kept as a secret. */
  apiKey: pulumi.Input<string>;
}

/** Inputs of an {@link ApiKey}. */
export interface ApiKeyArgs {
  /**
   * Id of the service account that the key acts for. Only a user with super_admin can create such keys.
   * Default: the caller. Change: replaces.
   */
  serviceAccountId?: pulumi.Input<string> | undefined;
  /**
   * The name that the dashboard shows: not blank, need not be unique. If you set it and a response is lost, the
   * create fails and lists the keys to check, since the new key cannot be told from others with this name.
   * Default: a unique name, `<namePrefix>-<10 characters>`. Change: replaces. Removing it changes nothing.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * Prefix of the unique name, if `name` is not set. A long prefix is cut.
   * Default: the resource's logical name. Change: only affects the next key that the resource creates.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /**
   * `private_key` authenticates to the API. `publishable_key` is for browsers.
   * Default: `private_key`. Change: replaces.
   */
  type?: pulumi.Input<ApiKeyType> | undefined;
  /**
   * When the key expires: an RFC 3339 instant with a zone, in the future when the key is created.
   * Default: never. Change: replaces, unless it is the same instant.
   */
  expiresAt?: pulumi.Input<string> | undefined;
  /**
   * Lifetime of the key from its creation, instead of `expiresAt`: a number and one of the units `s`, `m`, `h`, `d`,
   * `w` and `y`, e.g. "90d" or "12h". Default: none. Change: replaces, unless it is the same length.
   */
  expiresIn?: pulumi.Input<string> | undefined;
  /**
   * How long before expiry `pulumi up` replaces the key, new before old, e.g. "14d". Must be shorter than the lifetime.
   * With `expiresAt`, it only warns. Default: once it has expired. Change: updates in place, without a request; replaces the key if it is due by the new
   * value.
   */
  rotateBefore?: pulumi.Input<string> | undefined;
  /**
   * Arbitrary key-value pairs. Any change to the map replaces the key. Adding it for the first time does not.
   */
  rotationTriggers?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  /**
   * What happens to a replaced key. `revoke` revokes it once its successor is created. `expire` keeps it until its
   * expiry, so that its consumers can switch over; this needs `expiresAt` or `expiresIn`. Keys that were kept are
   * revoked when the resource is deleted or its account is replaced.
   * Default: `revoke`. Change: updates in place, without a request. Together with a replacement, it only affects the
   * successor.
   */
  onDelete?: pulumi.Input<OnDelete> | undefined;
  /**
   * An existing private key to adopt instead of creating one. The provider checks the value by using it. If another
   * resource of the stack managed the key before, that one no longer does.
   * Change: another id replaces. Removing it changes nothing.
   */
  adopt?: pulumi.Input<AdoptedApiKey> | undefined;
  /**
   * Name of a connection in `flexprice:connections`. Default: the settings outside `flexprice:connections`.
   * Change: replaces, unless both have the same server, credential and environment.
   * @remarks Resources inherit the connection of the component that they are in, see {@link setConnection}.
   */
  connection?: pulumi.Input<string> | undefined;
}

/** What {@link ApiKey.get} cannot read from the server. */
export interface ApiKeyState {
  /** Value of the key: Flexprice only shows it at creation. */
  apiKey?: pulumi.Input<string> | undefined;
  /** Name of the connection to read the key with. */
  connection?: pulumi.Input<string> | undefined;
}

// See the same constant of ServiceAccount.
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey';

/**
 * A Flexprice API key. The server shows its value once, at creation. The state keeps it as a secret.
 *
 * Created by `POST /secrets/api/keys`, read by `GET /secrets/api/keys`, revoked by
 * `DELETE /secrets/api/keys/{id}`. Keys cannot be changed on the server. Because of the server's cache, a recently used
 * key can work for up to two minutes after it is revoked.
 *
 * `pulumi preview` fails if the account does not exist, if the credential may not create keys for it, or if the expiry
 * has passed or contradicts another input.
 *
 * @example
 * ```ts
 * const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
 * const key = new flexprice.ApiKey("usage-ingestor", {
 *   serviceAccountId: ingestor.id,
 *   expiresIn: "90d",
 *   rotateBefore: "14d",
 * });
 * export const apiKey = key.apiKey; // a secret output
 * ```
 */
export class ApiKey extends pulumi.CustomResource {
  /** The type in Pulumi, which policies (`validateResourceOfType`) check. */
  static readonly __pulumiType = API_KEY_TYPE;

  /** Whether `obj` is an API key, from any copy of the package. Older versions of `@pulumi/policy` call this. */
  static override isInstance(obj: unknown): obj is ApiKey {
    return hasType(obj, API_KEY_TYPE);
  }

  /** Value of the key, always a secret. */
  declare readonly apiKey: pulumi.Output<string>;
  /** First five and last two characters of the key, as the dashboard shows it. Not unique. */
  declare readonly displayId: pulumi.Output<string>;
  /** The name that the dashboard shows. */
  declare readonly name: pulumi.Output<string>;
  /** The generated name, if `name` is not set. */
  declare readonly autoName: pulumi.Output<string | undefined>;
  /** Type of the key: `private_key` or `publishable_key`. */
  declare readonly type: pulumi.Output<string>;
  /** Roles of the key, sorted: a copy of its owner's roles at creation. */
  declare readonly roles: pulumi.Output<string[]>;
  /** Id of the service account or user that the key acts for. */
  declare readonly userId: pulumi.Output<string>;
  /** Type of the owner: `service_account` or `user`. */
  declare readonly userType: pulumi.Output<string>;
  /** When the key expires, RFC 3339. Not set if it never does. */
  declare readonly expiresAt: pulumi.Output<string | undefined>;
  /** When the key was created, RFC 3339. */
  declare readonly createdAt: pulumi.Output<string>;
  /** Tenant of the key. Deletions with a credential of another tenant fail. */
  declare readonly tenantId: pulumi.Output<string>;
  /** Id of the service account that the key acts for. Not set if it acts for a user. */
  declare readonly serviceAccountId: pulumi.Output<string | undefined>;
  /** Prefix of the unique name. */
  declare readonly namePrefix: pulumi.Output<string | undefined>;
  /** Lifetime of the key from its creation, if the program sets it. */
  declare readonly expiresIn: pulumi.Output<string | undefined>;
  /** How long before expiry `pulumi up` replaces the key. Not set: once it has expired. */
  declare readonly rotateBefore: pulumi.Output<string | undefined>;
  /** The key-value pairs whose change replaces the key. */
  declare readonly rotationTriggers: pulumi.Output<Record<string, string> | undefined>;
  /** What happens to the key when it is replaced. Not set: `revoke`. */
  declare readonly onDelete: pulumi.Output<OnDelete | undefined>;
  /** Name of the connection in `flexprice:connections`. Not set: the settings outside `flexprice:connections`. */
  declare readonly connection: pulumi.Output<string | undefined>;

  /**
   * Declares an API key.
   *
   * @param name - The logical name, unique in the program. By default, the key's name begins with it.
   * @param args - The inputs.
   * @param opts - Pulumi's options for custom resources.
   */
  constructor(name: string, args: ApiKeyArgs = {}, opts?: pulumi.CustomResourceOptions) {
    rejectUnknownSettings();
    rejectImport("ApiKey", name, opts);
    rejectDeletedWith("ApiKey", name, opts);
    const given = { ...args, connection: connectionOf(args?.connection, opts) };
    super(API_KEY_TYPE, name, opts?.id === undefined ? declared(name, given) : existing(given), {
      ...withAlias(opts, PLUGIN_API_KEY_TYPE, name),
      additionalSecretOutputs: [...(opts?.additionalSecretOutputs ?? []), "apiKey"],
    });
  }

  /**
   * Gets an existing key without managing it (`GET /secrets/api/keys`). Without `state.apiKey`, the output `apiKey` is
   * undefined, since the server does not show a key twice.
   *
   * Fails if the credential cannot see the key, because it is revoked, publishable, or of another environment or owner,
   * and if `state.apiKey` is not the value of this key.
   *
   * @param name - The logical name, unique in the program.
   * @param id - The key's id, `secret_…`.
   * @param state - What cannot be read.
   * @param opts - Pulumi's options.
   */
  static get(
    name: string,
    id: pulumi.Input<pulumi.ID>,
    state: ApiKeyState = {},
    opts: pulumi.CustomResourceOptions = {},
  ): ApiKey {
    const known: ApiKeyArgs & ApiKeyState = state;
    return new ApiKey(name, known, { ...opts, id });
  }
}

/** The SDK only resolves outputs that are named. */
const OUTPUTS = {
  serviceAccountId: undefined,
  name: undefined,
  namePrefix: undefined,
  type: undefined,
  expiresAt: undefined,
  expiresIn: undefined,
  rotateBefore: undefined,
  rotationTriggers: undefined,
  onDelete: undefined,
  connection: undefined,
  apiKey: undefined,
  autoName: undefined,
  displayId: undefined,
  roles: undefined,
  userId: undefined,
  userType: undefined,
  createdAt: undefined,
  tenantId: undefined,
  __provider: PROVIDER,
};

function declared(logicalName: string, args: ApiKeyArgs): pulumi.Inputs {
  return {
    ...OUTPUTS,
    ...args,
    namePrefix: withDefault(args.namePrefix, logicalName),
    ...functionSettings(),
    type: withDefault(args.type, "private_key"),
    ...(args.adopt === undefined ? {} : { adopt: pulumi.secret(args.adopt) }),
  };
}

function existing({ apiKey, connection }: ApiKeyArgs & ApiKeyState): pulumi.Inputs {
  return {
    ...OUTPUTS,
    connection,
    ...(apiKey === undefined ? {} : { apiKey: pulumi.secret(apiKey) }),
  };
}
