import {
  type Alias,
  all,
  type ComponentResourceOptions,
  type CustomResourceOptions,
  getProject,
  getStack,
  type Input,
  type ResourceOptions,
  RunError,
} from "@pulumi/pulumi";
import { quoted } from "../shared/redaction";
import { NO_DELETED_WITH } from "./identity-rules";

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

/**
 * The options, so that a resource that the plugin created with this type is the same resource.
 */
export function withAlias(
  opts: CustomResourceOptions | undefined,
  type: string,
  name: string,
): CustomResourceOptions {
  const alias = opts?.parent === undefined ? topLevelUrn(type, name) : { type };
  return { ...opts, aliases: [...(opts?.aliases ?? []), alias] };
}

/** The alias of a component's child, so that it is the resource that stood in the component's place before. */
export function flatAlias(
  opts: ComponentResourceOptions | undefined,
  type: string,
  name: string,
): Alias | string {
  return opts?.parent === undefined ? topLevelUrn(type, name) : { parent: opts.parent };
}

/** The URN of a resource without a parent. The SDK takes long to make one of an alias. */
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
