/**
 * The cost of a dynamic resource without its provider: the same inputs, outputs and length of provider text as in
 * pulumi-flexprice. The provider responds at once, or after the one request that each write needs.
 */
import * as pulumi from "@pulumi/pulumi";

export function answeredBy(module: "./do-nothing-answers.cjs" | "./requests-only-answers.cjs") {
  class ServiceAccount extends pulumi.CustomResource {
    constructor(name: string, args: { roles: pulumi.Input<string>[] }) {
      super("pulumi-nodejs:dynamic/donothing:ServiceAccount", name, {
        ...args,
        name: undefined,
        namePrefix: name,
        autoName: undefined,
        tenantId: undefined,
        __provider: `exports.handler = () => require("${module}").serviceAccount`,
      });
    }
  }

  class ApiKey extends pulumi.CustomResource {
    constructor(name: string, args: { serviceAccountId: pulumi.Input<string> }) {
      super(
        "pulumi-nodejs:dynamic/donothing:ApiKey",
        name,
        {
          apiKey: undefined,
          autoName: undefined,
          displayId: undefined,
          roles: undefined,
          userId: undefined,
          userType: undefined,
          expiresAt: undefined,
          createdAt: undefined,
          tenantId: undefined,
          ...args,
          name: undefined,
          namePrefix: name,
          type: "private_key",
          __provider: `exports.handler = () => require("${module}").apiKey`,
        },
        { additionalSecretOutputs: ["apiKey"] },
      );
    }
  }

  return { ServiceAccount, ApiKey };
}
