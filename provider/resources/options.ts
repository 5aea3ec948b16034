import {
  type Alias,
  all,
  type ComponentResourceOptions,
  type CustomResourceOptions,
  createUrn,
  getProject,
  getStack,
  type Input,
  type ResourceOptions,
  RunError,
} from "@pulumi/pulumi";
import { quoted } from "../shared/redaction";
import { API_KEY_TYPE, SERVICE_ACCOUNT_TYPE } from "../shared/resource-types";
import { NO_ADOPTED_ACCOUNT, NO_DELETED_WITH, NOTHING_MOVED } from "./identity-rules";

/** The logical names that a component's account and key had outside of it. */
export interface MovedFrom {
  readonly serviceAccount?: string | undefined;
  readonly key?: string | undefined;
}

/** Throws a RunError, which Pulumi shows without the program's stack. */
function reject(what: string, reason: string, fix: string): never {
  throw new RunError(`Could not declare ${what}.\n  Reason: ${reason}\n  What to do: ${fix}`);
}

/** Dynamic providers cannot import: Pulumi would fail with a stack trace. */
export function rejectImport(
  type: "ServiceAccount" | "ApiKey",
  name: string,
  opts: CustomResourceOptions | undefined,
): void {
  if (opts?.import === undefined) return;
  const adopt =
    type === "ServiceAccount"
      ? `adopt: ${quoted(String(opts.import))}`
      : `adopt: { id: ${quoted(String(opts.import))}, apiKey: … }`;
  reject(
    `${type} ${quoted(name)}`,
    'dynamic resources have no option "import"',
    `leave it out, and adopt the existing object with ${adopt} in the arguments.`,
  );
}

/** JavaScript programs can leave the arguments out. */
export function rejectMissingArgs(type: string, name: string, args: unknown, needed: string): void {
  if (typeof args === "object" && args !== null) return;
  reject(
    `${type} ${quoted(name)}`,
    "it has no arguments",
    `pass them as the second argument, at least { ${needed}: … }.`,
  );
}

/**
 * With deletedWith, a key would leave the state without being revoked, and block its account. Children of a component
 * inherit the option.
 */
export function rejectDeletedWith(
  type: "ApiKey" | "ServiceIdentity",
  name: string,
  opts: ResourceOptions | undefined,
): void {
  if (opts?.deletedWith === undefined) return;
  reject(`${type} ${quoted(name)}`, NO_DELETED_WITH.reason, NO_DELETED_WITH.fix);
}

/** JavaScript programs can pass anything. What is not understood would be created instead. */
export function rejectUnusable(
  name: string,
  adopt: { readonly serviceAccountId?: unknown } | undefined,
  movedFrom: MovedFrom | undefined,
): void {
  const what = `ServiceIdentity ${quoted(name)}`;
  if (adopt != null && adopt.serviceAccountId == null) {
    reject(what, NO_ADOPTED_ACCOUNT.reason, NO_ADOPTED_ACCOUNT.fix);
  }
  if (movedFrom != null && movedFrom.serviceAccount == null && movedFrom.key == null) {
    reject(what, NOTHING_MOVED.reason, NOTHING_MOVED.fix);
  }
}

/** The options, so that a resource that the plugin created with this type is the same resource. */
export function withAlias(
  opts: CustomResourceOptions | undefined,
  type: string,
  name: string,
): CustomResourceOptions {
  const alias = opts?.parent === undefined ? topLevelUrn(type, name) : { type };
  return { ...opts, aliases: [...(opts?.aliases ?? []), alias] };
}

/** The aliases of a component's account, so that it is a resource that had the component's parent before. */
export function accountAliases(
  opts: ComponentResourceOptions | undefined,
  { serviceAccount: name }: MovedFrom,
): (Alias | string)[] {
  if (name === undefined) return [];
  const parent = opts?.parent;
  return [parent === undefined ? topLevelUrn(SERVICE_ACCOUNT_TYPE, name) : { name, parent }];
}

/** As {@link accountAliases}, for the key, whose parent may have been its account. */
export function keyAliases(
  opts: ComponentResourceOptions | undefined,
  { serviceAccount, key: name }: MovedFrom,
): (Alias | string)[] {
  if (name === undefined) return [];
  const parent = opts?.parent;
  const beside = parent === undefined ? topLevelUrn(API_KEY_TYPE, name) : { name, parent };
  if (serviceAccount === undefined) return [beside];
  const account = createUrn(serviceAccount, SERVICE_ACCOUNT_TYPE, parent);
  return [beside, { name, parent: account }];
}

/** The URN of a resource without a parent. The SDK takes longer to make one of an alias. */
function topLevelUrn(type: string, name: string): string {
  return `urn:pulumi:${getStack()}::${getProject()}::${type}::${name}`;
}

/** The input or its default. Only creates an output if the input is one. */
export function withDefault(
  given: Input<string> | undefined,
  fallback: Input<string>,
): Input<string> {
  if (given === undefined || typeof given === "string") return given ?? fallback;
  return all([given, fallback]).apply(([known, instead]) => known ?? instead);
}
