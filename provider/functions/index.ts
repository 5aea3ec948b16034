import * as pulumi from "@pulumi/pulumi";
import { recordFunctionSettings, rejectUnknownSettings } from "../resources/program-config";
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

/** The same arguments as inputs, which can be outputs of resources. */
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
 * The error of a failed function. Its message has three parts: the operation, the reason and the fix. If the program
 * does not catch it, the program ends, and Pulumi only shows the message.
 */
export class LookupError extends pulumi.RunError {
  /** Name of the error class. */
  override readonly name = "LookupError";

  /** Functions throw this error; programs need not create one. */
  constructor(
    message: string,
    /** What went wrong, e.g. `not_found`, for programs that handle the error. */
    readonly kind: ErrorKind,
  ) {
    super(message);
    // Pulumi hides the stack of a RunError, unless it is thrown after the program has ended.
    this.stack = message;
  }
}

/**
 * Gets a service account by id or name (`POST /users/search`). It runs during previews and updates, and returns the
 * server's current state: it does not see what the same `pulumi up` is about to create.
 *
 * To look an account up by name, set `name` in the program that manages it. Otherwise the account has a unique name,
 * and its replacement has another one.
 *
 * @throws LookupError of kind `not_found` if there is no such account, or it is archived; `refused` if several accounts
 *   have the name, with their ids; `forbidden` if the credential may not read users; others if the server does not
 *   respond.
 *
 * @example
 * ```ts
 * // In the stack that manages it: new flexprice.ServiceAccount("ingestor", { name: "usage-ingestor", … })
 * const { id } = await flexprice.getServiceAccount({ name: "usage-ingestor" });
 * ```
 */
export function getServiceAccount(args: GetServiceAccountArgs): Promise<ServiceAccountInfo> {
  return callFunction("getServiceAccount", args, (queries) => queries.serviceAccount(args));
}

/** {@link getServiceAccount} for arguments that are outputs. Skipped in a preview while an argument is unknown. */
export function getServiceAccountOutput(
  args: GetServiceAccountOutputArgs,
): pulumi.Output<ServiceAccountInfo> {
  return pulumi.output(args).apply(getServiceAccount);
}

/**
 * Lists the service accounts of the tenant that are not archived, newest first (all pages of `POST /users/search`). The
 * list is empty if none match, so you can use this to find out whether an account exists.
 *
 * @throws LookupError of kind `forbidden` if the credential may not read users; `invalid` if the server has no such
 *   role; others if the server does not respond, or not completely.
 */
export function getServiceAccounts(
  args: GetServiceAccountsArgs = {},
): Promise<ServiceAccountInfo[]> {
  return callFunction("getServiceAccounts", args, (queries) => queries.serviceAccounts(args));
}

/** {@link getServiceAccounts} for arguments that are outputs. Skipped in a preview while an argument is unknown. */
export function getServiceAccountsOutput(
  args: GetServiceAccountsOutputArgs = {},
): pulumi.Output<ServiceAccountInfo[]> {
  return pulumi.output(args).apply(getServiceAccounts);
}

/**
 * Lists the private keys of the credential's environment that are not revoked, newest first (all pages of
 * `GET /secrets/api/keys`). Includes expired keys and those of archived accounts. Never includes publishable keys, keys
 * of other environments, or the values of keys.
 *
 * @throws LookupError of kind `forbidden` if the credential is not a super_admin user's and asks for more than its own
 *   keys: Flexprice would return an incomplete list; `wrong_environment` for an access token without
 *   `flexprice:environmentId`; others if the server does not respond, or not completely.
 */
export function getApiKeys(args: GetApiKeysArgs = {}): Promise<ApiKeyInfo[]> {
  return callFunction("getApiKeys", args, (queries) => queries.apiKeys(args));
}

/** {@link getApiKeys} for arguments that are outputs. Skipped in a preview while an argument is unknown. */
export function getApiKeysOutput(args: GetApiKeysOutputArgs = {}): pulumi.Output<ApiKeyInfo[]> {
  return pulumi.output(args).apply(getApiKeys);
}

/**
 * Lists the server's roles, sorted by id (`GET /rbac/roles`). Every API key can call this.
 *
 * @throws LookupError of kind `wrong_environment` for an access token without `flexprice:environmentId`; others if the
 *   server does not respond.
 */
export function getRoles(args: GetRolesArgs = {}): Promise<RoleInfo[]> {
  return callFunction("getRoles", args, (queries) => queries.roles(args));
}

/** {@link getRoles} for arguments that are outputs. Skipped in a preview while an argument is unknown. */
export function getRolesOutput(args: GetRolesOutputArgs = {}): pulumi.Output<RoleInfo[]> {
  return pulumi.output(args).apply(getRoles);
}

/**
 * Gets the owner of the configured credential (`GET /users/me`, once per run). Every credential can call this.
 *
 * @throws LookupError of kind `unauthenticated` if the server does not accept the credential, because it is wrong,
 *   revoked or expired; others if the server does not respond.
 *
 * @example
 * ```ts
 * const config = new pulumi.Config();
 * const { tenantId } = await flexprice.getCaller();
 * if (tenantId !== config.require("tenantId")) throw new pulumi.RunError("This is another tenant's key.");
 * ```
 */
export function getCaller(args: GetCallerArgs = {}): Promise<CallerInfo> {
  return callFunction("getCaller", args, (queries) => queries.caller(args));
}

/** {@link getCaller} for arguments that are outputs. Skipped in a preview while an argument is unknown. */
export function getCallerOutput(args: GetCallerOutputArgs = {}): pulumi.Output<CallerInfo> {
  return pulumi.output(args).apply(getCaller);
}

async function callFunction<Result>(
  name: string,
  args: object,
  run: (queries: FlexpriceQueries) => Promise<Result>,
): Promise<Result> {
  if (hasMocks()) return await callMock<Result>(name, args);
  // Keeps the run from ending before the function does, even if the program does not wait for it.
  const done = pulumi.runtime.rpcKeepAlive();
  try {
    rejectUnknownSettings();
    return await run(queriesOfRun());
  } catch (error) {
    throw isFailure(error) ? new LookupError(error.message, error.kind) : error;
  } finally {
    done();
  }
}

/** Whether `setMocks` has replaced the engine. */
function hasMocks(): boolean {
  return pulumi.runtime.hasMonitor() && "mocks" in Object(pulumi.runtime.getMonitor());
}

/** With `setMocks`, the mocks' `call` returns the result. Nothing is sent: the shell may have a real credential. */
async function callMock<Result>(name: string, args: object): Promise<Result> {
  const token = `flexprice:index:${name}`;
  const response: unknown = await pulumi.runtime.invoke(token, { ...args });
  const isList = LIST_FUNCTIONS.includes(name);
  const result = isList ? Object.values(Object(response))[0] : response;
  const isValid = isList ? Array.isArray(result) : Object.keys(Object(result)).length > 0;
  if (isValid) return result as Result;
  throw new LookupError(
    `Could not call ${name} in a test with mocks.\n  Reason: the mocks' call returned ${JSON.stringify(response)} for ${token}\n  What to do: let call return ${isList ? "an object whose one property is the list" : "the result"} for this token.`,
    "configuration",
  );
}

/** Functions that return a list. Pulumi's functions return objects, so mocks wrap the list in one. */
const LIST_FUNCTIONS: readonly string[] = ["getServiceAccounts", "getApiKeys", "getRoles"];

const runs = new WeakMap<pulumi.Resource, FlexpriceQueries>();

/**
 * The queries of the current run of a program. A run has one set of settings. With the Automation API, one process can
 * have several runs, in sequence or at once.
 */
function queriesOfRun(): FlexpriceQueries {
  const run = pulumi.runtime.getStackResource();
  const known = run && runs.get(run);
  if (known !== undefined) return known;
  // Loaded here, so that programs that call no functions do not load an HTTP client.
  const {
    ConnectionPool,
  }: typeof import("../session/connection-pool") = require("../session/connection-pool");
  const { FlexpriceQueries }: typeof import("./queries") = require("./queries");
  const source = { config: pulumi.runtime.getConfig, environment: process.env };
  const queries = new FlexpriceQueries(new ConnectionPool(source), recordFunctionSettings);
  // Outside of a run, as in unit tests with mocks, the settings may change at any time: nothing is cached.
  if (run !== undefined) runs.set(run, queries);
  return queries;
}
