/**
 * What a dynamic resource costs apart from its provider: the inputs, outputs and length of provider text of
 * pulumi-flexprice. Behind it a provider that answers at once, or after the one request that a write cannot do without.
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
