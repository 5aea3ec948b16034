import * as pulumi from "@pulumi/pulumi";
import { rejectUnknownSettings } from "../resources/program-config";
import { type ErrorKind, isFailure } from "../shared/errors";
import type { FlexpriceQueries } from "./queries";
import type {
  ApiKeyInfo,
  CallerInfo,
  GetApiKeysArgs,
  GetCallerArgs,
  GetRolesArgs,
  GetServiceAccountArgs,
  GetServiceAccountsArgs,
  RoleInfo,
  ServiceAccountInfo,
} from "./types";

/** The same arguments, each of them possibly the output of a resource. */
type AsInputs<Args> = { readonly [Name in keyof Args]: pulumi.Input<Args[Name]> };

/** Arguments of {@link getServiceAccountOutput}. */
export type GetServiceAccountOutputArgs = AsInputs<GetServiceAccountArgs>;
/** Arguments of {@link getServiceAccountsOutput}. */
export type GetServiceAccountsOutputArgs = AsInputs<GetServiceAccountsArgs>;
/** Arguments of {@link getApiKeysOutput}. */
export type GetApiKeysOutputArgs = AsInputs<GetApiKeysArgs>;
/** Arguments of {@link getRolesOutput}. */
export type GetRolesOutputArgs = AsInputs<GetRolesArgs>;
/** Arguments of {@link getCallerOutput}. */
export type GetCallerOutputArgs = AsInputs<GetCallerArgs>;

/**
 * A function that failed: what was looked up, what the server said, what to do. A program that does not catch it
 * ends, and Pulumi shows the message alone.
 */
export class LookupError extends pulumi.RunError {
  /** Tells it from other errors of a program. */
  override readonly name = "LookupError";

  /** Thrown by functions; a program has no need to make one. */
  constructor(
    message: string,
    /** What went wrong, e.g. `not_found`, for a program that goes on without. */
    readonly kind: ErrorKind,
  ) {
    super(message);
    // Pulumi hides the stack of such errors, unless they come when the program itself has ended already.
    this.stack = message;
  }
}

/**
 * One service account, by id or name: `POST /users/search`. It is asked for as the program runs, in previews too,
 * and shows the server as it is at that moment: not what the same `pulumi up` is about to create.
 *
 * To look an account up by name, set `name` in the program that manages it. Without, the account has a unique name, and
 * the one that replaces it has another.
 *
 * @throws LookupError of kind `not_found` when there is none that is not archived; `refused` when several have the
 *   name, with their ids; `forbidden` when the credential may not read users; others when the server gives no
 *   answer.
 *
 * @example
 * ```ts
 * // In the stack that manages it: new flexprice.ServiceAccount("ingestor", { name: "usage-ingestor", … })
 * const { id } = await flexprice.getServiceAccount({ name: "usage-ingestor" });
 * ```
 */
export function getServiceAccount(args: GetServiceAccountArgs): Promise<ServiceAccountInfo> {
  return callFunction("getServiceAccount", args, (inquiries) => inquiries.serviceAccount(args));
}

/** {@link getServiceAccount} for arguments that are outputs; what is unknown in a preview is not looked up there. */
export function getServiceAccountOutput(
  args: GetServiceAccountOutputArgs,
): pulumi.Output<ServiceAccountInfo> {
  return pulumi.output(args).apply(getServiceAccount);
}

/**
 * The service accounts of the tenant that are not archived, newest first, all pages of `POST /users/search`. None
 * that match is an empty list, so this also tells whether an account is there.
 *
 * @throws LookupError of kind `forbidden` when the credential may not read users; `invalid` when none match because
 *   the server has no such role; others when the server gives no answer, or no whole one.
 */
export function getServiceAccounts(
  args: GetServiceAccountsArgs = {},
): Promise<ServiceAccountInfo[]> {
  return callFunction("getServiceAccounts", args, (inquiries) => inquiries.serviceAccounts(args));
}

/** {@link getServiceAccounts} for arguments that are outputs; what is unknown in a preview is not looked up there. */
export function getServiceAccountsOutput(
  args: GetServiceAccountsOutputArgs = {},
): pulumi.Output<ServiceAccountInfo[]> {
  return pulumi.output(args).apply(getServiceAccounts);
}

/**
 * The private keys of the credential's environment that are not revoked, expired ones and those of archived
 * accounts included; newest first, all pages of `GET /secrets/api/keys`. Publishable keys and those of other
 * environments are never listed. No key's value is.
 *
 * @throws LookupError of kind `forbidden` for all but the keys of its own when the credential is not a super_admin
 *   user's: Flexprice would show it less than there is; `wrong_environment` for an access token without
 *   `flexprice:environmentId`; others when the server gives no answer, or no whole one.
 */
export function getApiKeys(args: GetApiKeysArgs = {}): Promise<ApiKeyInfo[]> {
  return callFunction("getApiKeys", args, (inquiries) => inquiries.apiKeys(args));
}

/** {@link getApiKeys} for arguments that are outputs; what is unknown in a preview is not looked up there. */
export function getApiKeysOutput(args: GetApiKeysOutputArgs = {}): pulumi.Output<ApiKeyInfo[]> {
  return pulumi.output(args).apply(getApiKeys);
}

/**
 * The roles that the server knows, by id: `GET /rbac/roles`. Every API key may ask.
 *
 * @throws LookupError of kind `wrong_environment` for an access token without `flexprice:environmentId`; others when
 *   the server gives no answer.
 */
export function getRoles(args: GetRolesArgs = {}): Promise<RoleInfo[]> {
  return callFunction("getRoles", args, (inquiries) => inquiries.roles(args));
}

/** {@link getRoles} for arguments that are outputs; what is unknown in a preview is not looked up there. */
export function getRolesOutput(args: GetRolesOutputArgs = {}): pulumi.Output<RoleInfo[]> {
  return pulumi.output(args).apply(getRoles);
}

/**
 * Who the configured credential is: `GET /users/me`, asked once in a run of the program. Every credential may ask.
 *
 * @throws LookupError of kind `unauthenticated` when the server does not accept the credential, because it is wrong,
 *   revoked or expired; others when the server gives no answer.
 *
 * @example
 * ```ts
 * const config = new pulumi.Config();
 * const { tenantId } = await flexprice.getCaller();
 * if (tenantId !== config.require("tenantId")) throw new pulumi.RunError("This is another tenant's key.");
 * ```
 */
export function getCaller(args: GetCallerArgs = {}): Promise<CallerInfo> {
  return callFunction("getCaller", args, (inquiries) => inquiries.caller(args));
}

/** {@link getCaller} for arguments that are outputs; what is unknown in a preview is not looked up there. */
export function getCallerOutput(args: GetCallerOutputArgs = {}): pulumi.Output<CallerInfo> {
  return pulumi.output(args).apply(getCaller);
}

async function callFunction<Result>(
  name: string,
  args: object,
  ask: (inquiries: FlexpriceQueries) => Promise<Result>,
): Promise<Result> {
  if (hasMocks()) return await callMock<Result>(name, args);
  // As long as it is under way the run is not over, even where the program does not wait for it.
  const done = pulumi.runtime.rpcKeepAlive();
  try {
    rejectUnknownSettings();
    return await ask(queriesOfRun());
  } catch (error) {
    throw isFailure(error) ? new LookupError(error.message, error.kind) : error;
  } finally {
    done();
  }
}

/** Only the stand-in for the engine that `setMocks` puts in its place knows mocks. */
function hasMocks(): boolean {
  return pulumi.runtime.hasMonitor() && "mocks" in Object(pulumi.runtime.getMonitor());
}

/** In tests with `setMocks` nothing is sent: the shell may hold a real credential. The test's `call` answers. */
async function callMock<Result>(name: string, args: object): Promise<Result> {
  const token = `flexprice:index:${name}`;
  const answer: unknown = await pulumi.runtime.invoke(token, { ...args });
  const isList = LIST_FUNCTIONS.includes(name);
  const result = isList ? Object.values(Object(answer))[0] : answer;
  const isGiven = isList ? Array.isArray(result) : Object.keys(Object(result)).length > 0;
  if (isGiven) return result as Result;
  throw new LookupError(
    `Could not call ${name} in a test with mocks.\n  Reason: the mocks' call answers ${token} with ${JSON.stringify(answer)}\n  What to do: let call return ${isList ? "an object whose one property is the list" : "the result"} for this token.`,
    "configuration",
  );
}

/** Pulumi's functions return objects; a list is the one property of such. */
const LIST_FUNCTIONS: readonly string[] = ["getServiceAccounts", "getApiKeys", "getRoles"];

const runs = new WeakMap<pulumi.Resource, FlexpriceQueries>();

/**
 * One run of a program has one set of settings, and asks once who the caller is. A process can hold several runs,
 * one after the other or at once: with the Automation API.
 */
function queriesOfRun(): FlexpriceQueries {
  const run = pulumi.runtime.getStackResource();
  const known = run && runs.get(run);
  if (known !== undefined) return known;
  // Loaded here, so that programs without functions do not load an HTTP client.
  const {
    Connections,
  }: typeof import("../session/connection-pool") = require("../session/connection-pool");
  const { FlexpriceQueries }: typeof import("./queries") = require("./queries");
  const source = { config: pulumi.runtime.getConfig, environment: process.env };
  const inquiries = new FlexpriceQueries(new Connections(source));
  // Outside of a run, as in unit tests with mocks, the settings may change at any time: nothing is kept.
  if (run !== undefined) runs.set(run, inquiries);
  return inquiries;
}
