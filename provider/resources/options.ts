import { type CustomResourceOptions, type ResourceOptions, RunError } from "@pulumi/pulumi";
import { quoted } from "../shared/redaction";

/** A RunError is shown by its message alone, without the program's stack. */
function reject(what: string, reason: string, fix: string): never {
  throw new RunError(`Could not declare ${what}.\n  Reason: ${reason}\n  What to do: ${fix}`);
}

/** Pulumi gives a dynamic provider no way to import: it would fail with a trace. */
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
    `leave it out, and take the existing object over with ${adopt} among the arguments.`,
  );
}

/** JavaScript programs may leave them out. */
export function rejectMissingArgs(type: string, name: string, args: unknown, needed: string): void {
  if (typeof args === "object" && args !== null) return;
  reject(
    `${type} ${quoted(name)}`,
    "it has no arguments",
    `pass them as the second argument, at least { ${needed}: … }.`,
  );
}

/**
 * A key that is deleted with something else would leave the state alive, and keep its account from being archived. The
 * parts of a component inherit the option.
 */
export function rejectDeletedWith(
  type: "ApiKey" | "ServiceIdentity",
  name: string,
  opts: ResourceOptions | undefined,
): void {
  if (opts?.deletedWith === undefined) return;
  reject(
    `${type} ${quoted(name)}`,
    'the option "deletedWith" would drop the key from the state without revoking it',
    "leave it out: a key is revoked before its account is archived.",
  );
}
