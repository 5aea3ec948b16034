import assert from "node:assert/strict";
import {
  type PolicyResource,
  type PolicyResourceOptions,
  type ReportViolation,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  unknownCheckingProxy,
} from "@pulumi/policy";

/** The types of the resources, by front end. */
export const FRONT_ENDS = [
  {
    title: "the dynamic provider",
    ACCOUNT: "pulumi-nodejs:dynamic/flexprice:ServiceAccount",
    KEY: "pulumi-nodejs:dynamic/flexprice:ApiKey",
  },
  {
    title: "the plugin",
    ACCOUNT: "flexprice:index:ServiceAccount",
    KEY: "flexprice:index:ApiKey",
  },
] as const;

export const STACK = "pulumi:pulumi:Stack";

/** A resource of a stack, as policies see it. */
export interface StackResource {
  readonly type: string;
  readonly name: string;
  readonly props: Record<string, unknown>;
  /** Names of the resources from which `serviceAccountId` comes. */
  readonly owners?: readonly string[];
}

const OPTIONS: PolicyResourceOptions = {
  protect: false,
  ignoreChanges: [],
  aliases: [],
  customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
  additionalSecretOutputs: [],
};

class NotApplicable extends Error {}

/** The violations of a policy for one resource, before its creation. */
export async function violationsOf(
  policy: ResourceValidationPolicy,
  type: string,
  inputs: Record<string, unknown>,
  config: object = {},
): Promise<string[]> {
  const messages: string[] = [];
  const args = {
    ...common({ type, name: "ci", props: inputs }),
    ...context(config),
    asType: () => assert.fail("the policies ask by type"),
  };
  for (const validate of [policy.validateResource ?? []].flat()) {
    try {
      await validate(args, (message) => messages.push(message));
    } catch (error) {
      if (!(error instanceof NotApplicable)) throw error;
    }
  }
  return messages;
}

/** The violations of a policy for a stack: messages, each with its resource. */
export async function stackViolations(
  policy: StackValidationPolicy,
  resources: readonly StackResource[],
  config: object = {},
): Promise<string[]> {
  const lines: string[] = [];
  const report: ReportViolation = (message, urn = "the stack") => lines.push(`${urn}: ${message}`);
  await policy.validateStack(
    { resources: resources.map(policyResource), ...context(config) },
    report,
  );
  return lines;
}

function policyResource(resource: StackResource): PolicyResource {
  const origins = (resource.owners ?? []).map((name) => {
    return policyResource({ type: "any:type:Account", name, props: {} });
  });
  return {
    ...common(resource),
    asType: () => assert.fail("the policies ask by type"),
    dependencies: origins,
    propertyDependencies: origins.length === 0 ? {} : { serviceAccountId: origins },
  };
}

function common({ type, name, props }: StackResource) {
  return {
    type,
    name,
    urn: `${type.split(":").at(-1)}::${name}`,
    opts: OPTIONS,
    // As the package does: reading an unknown value throws.
    props: unknownCheckingProxy(props),
    isType: () => assert.fail("the policies ask for the type of either front end"),
  };
}

function context(config: object) {
  return {
    stackTags: new Map<string, string>(),
    getConfig: <T extends object>() => config as T,
    notApplicable: (): never => {
      throw new NotApplicable();
    },
  };
}
