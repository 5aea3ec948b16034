import * as pulumi from "@pulumi/pulumi";
import { API_KEY_TYPE, hasType } from "../shared/resource-types";
import { withDefault } from "./default";
import { rejectDeletedWith, rejectImport } from "./options";
import { functionSettings, rejectUnknownSettings } from "./program-config";

/** `private_key` calls the API; `publishable_key` is for browsers, is never listed and does not authenticate it. */
export type ApiKeyType = "private_key" | "publishable_key";

/** What becomes of a key on the server when it is replaced. */
export type OnDelete = "revoke" | "expire";

/** An existing key to take over. */
export interface AdoptedApiKey {
  /** The key's id, `secret_…`. */
  id: pulumi.Input<string>;
  /** The key itself; kept as a secret. */
  apiKey: pulumi.Input<string>;
}

/** Inputs of an {@link ApiKey}. */
export interface ApiKeyArgs {
  /**
   * Id of the service account that the key acts for. Only a user with super_admin can make such keys.
   * Default: the caller itself. Change: replaces.
   */
  serviceAccountId?: pulumi.Input<string> | undefined;
  /**
   * What the dashboard shows; not blank, need not be unique. With a name of the program's, a request whose answer is
   * lost is an error that lists the keys to look at: nothing tells the new key from others of this name.
   * Default: a unique name, `<namePrefix>-<10 characters>`. Change: replaces; removing it changes nothing.
   */
  name?: pulumi.Input<string> | undefined;
  /**
   * What the unique name begins with, where `name` is not set; cut at 255 characters.
   * Default: the resource's logical name. Change: nothing; it counts for the next key that the resource makes.
   */
  namePrefix?: pulumi.Input<string> | undefined;
  /** Default: `private_key`. Change: replaces. */
  type?: pulumi.Input<ApiKeyType> | undefined;
  /**
   * When the key stops working: an instant as in RFC 3339, with a zone. It must lie in the future when the key is
   * made. Default: never. Change: replaces, unless it is the same instant in other words.
   */
  expiresAt?: pulumi.Input<string> | undefined;
  /**
   * Lifetime from the key's creation, instead of `expiresAt`: a number and a unit of `s`, `m`, `h`, `d`, `w` or `y`,
   * e.g. "90d" or "12h". Fixed when the key is made. Default: none. Change: replaces, unless it is the same length.
   */
  expiresIn?: pulumi.Input<string> | undefined;
  /**
   * How long before its expiry the key is due for rotation, e.g. "14d": from then on a preview shows a replacement
   * and `pulumi up` makes it, new before old. Shorter than the lifetime. Default: when it has expired.
   * Change: updates in place, without a request.
   */
  rotateBefore?: pulumi.Input<string> | undefined;
  /**
   * Texts of your own: any change of one replaces the key. Adding the map to a key that has none does not.
   */
  rotationTriggers?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  /**
   * What becomes of a key that is replaced. `revoke` ends it once its successor is made. `expire` leaves it to its own
   * expiry, so that its consumers have until then to change over; needs `expiresAt` or `expiresIn`. The keys that were
   * left end with the resource: when it is deleted, or its account is replaced.
   * Default: `revoke`. Change: updates in place, without a request; with a replacement it is for the successor only.
   */
  onDelete?: pulumi.Input<OnDelete> | undefined;
  /**
   * An existing private key to take over instead of making one; checked by using it. A resource of the stack that
   * held the key before, under another name for instance, lets go of it. Change: another id replaces; removing it
   * changes nothing.
   */
  adopt?: pulumi.Input<AdoptedApiKey> | undefined;
  /** Name of a connection in `flexprice:connections`. Default: the settings outside of it. Change: replaces. */
  connection?: pulumi.Input<string> | undefined;
}

/** What {@link ApiKey.get} cannot read from the server. */
export interface ApiKeyState {
  /** The key itself: Flexprice shows it at creation only. */
  apiKey?: pulumi.Input<string> | undefined;
  /** Name of the connection through which the key is read. */
  connection?: pulumi.Input<string> | undefined;
}

// See the same constant of ServiceAccount.
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").apiKey';

/**
 * A Flexprice API key. Its value is shown by the server once, at creation, and kept as a secret in the state.
 *
 * Created by `POST /secrets/api/keys`, read by `GET /secrets/api/keys`, revoked by
 * `DELETE /secrets/api/keys/{id}`. A revoked key that was used in the two minutes before can go on working for up
 * to two minutes: that is the server's cache. Nothing about a key can be changed on the server.
 *
 * A preview fails when the account does not exist, when the credential may not make keys for it, and on an expiry that
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
  /** The type in Pulumi, by which policies (`validateResourceOfType`) know the class. */
  static readonly __pulumiType = API_KEY_TYPE;

  /** Whether this is a key, of whichever copy of the package; older versions of `@pulumi/policy` ask so. */
  static override isInstance(obj: unknown): obj is ApiKey {
    return hasType(obj, API_KEY_TYPE);
  }

  /** The key itself; always a secret. */
  declare readonly apiKey: pulumi.Output<string>;
  /** Its first five and last two characters, as the dashboard shows it. Not unique. */
  declare readonly displayId: pulumi.Output<string>;
  /** What the dashboard shows. */
  declare readonly name: pulumi.Output<string>;
  /** The name, where `name` is not set; undefined where it is. */
  declare readonly autoName: pulumi.Output<string | undefined>;
  /** `private_key` or `publishable_key`. */
  declare readonly type: pulumi.Output<string>;
  /** What the key may do: a copy of its owner's roles, taken at creation; sorted. */
  declare readonly roles: pulumi.Output<string[]>;
  /** Id of the service account or user that the key acts for. */
  declare readonly userId: pulumi.Output<string>;
  /** `service_account` or `user`. */
  declare readonly userType: pulumi.Output<string>;
  /** When the key stops working, RFC 3339; undefined: never. */
  declare readonly expiresAt: pulumi.Output<string | undefined>;
  /** When the key was made, RFC 3339. */
  declare readonly createdAt: pulumi.Output<string>;
  /** The tenant that the key belongs to. Deletions by a credential of another tenant are refused. */
  declare readonly tenantId: pulumi.Output<string>;

  /**
   * Declares an API key.
   *
   * @param name - The logical name, unique in the program; the key's name begins with it unless `args` say otherwise.
   * @param args - What the key is to be.
   * @param opts - Pulumi's options for custom resources.
   */
  constructor(name: string, args: ApiKeyArgs = {}, opts?: pulumi.CustomResourceOptions) {
    rejectUnknownSettings();
    rejectImport("ApiKey", name, opts);
    rejectDeletedWith("ApiKey", name, opts);
    super(
      API_KEY_TYPE,
      name,
      opts?.id === undefined ? declared(name, args ?? {}) : existing(args),
      {
        ...opts,
        additionalSecretOutputs: [...(opts?.additionalSecretOutputs ?? []), "apiKey"],
      },
    );
  }

  /**
   * A key that exists and is managed elsewhere: read by `GET /secrets/api/keys`, never changed. Without
   * `state.apiKey` the output `apiKey` stays undefined, since the server does not show a key twice.
   *
   * The read fails when the credential sees no such key (revoked, publishable, of another environment or owner), and
   * when `state.apiKey` is not this key.
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

/** Outputs that are no inputs: named, so that the engine resolves them. */
const OUTPUTS = {
  apiKey: undefined,
  autoName: undefined,
  displayId: undefined,
  roles: undefined,
  userId: undefined,
  userType: undefined,
  expiresAt: undefined,
  createdAt: undefined,
  tenantId: undefined,
  __provider: PROVIDER,
};

function declared(logicalName: string, args: ApiKeyArgs): pulumi.Inputs {
  return {
    ...OUTPUTS,
    ...args,
    name: args.name,
    namePrefix: withDefault(args.namePrefix, logicalName),
    ...functionSettings(),
    type: withDefault(args.type, "private_key"),
    ...(args.adopt === undefined ? {} : { adopt: pulumi.secret(args.adopt) }),
  };
}

function existing({ apiKey, connection }: ApiKeyArgs & ApiKeyState): pulumi.Inputs {
  return {
    ...OUTPUTS,
    name: undefined,
    type: undefined,
    connection,
    ...(apiKey === undefined ? {} : { apiKey: pulumi.secret(apiKey) }),
  };
}
