/**
 * What a dynamic resource costs before its provider does anything: the inputs, outputs and length of provider text of
 * pulumi-flexprice, behind it a provider that answers at once.
 */
import * as pulumi from "@pulumi/pulumi";

export class ServiceAccount extends pulumi.CustomResource {
  constructor(name: string, args: { roles: pulumi.Input<string>[] }) {
    super("pulumi-nodejs:dynamic/donothing:ServiceAccount", name, {
      ...args,
      name,
      tenantId: undefined,
      __provider: 'exports.handler = () => require("./do-nothing-answers.cjs").serviceAccount',
    });
  }
}

export class ApiKey extends pulumi.CustomResource {
  constructor(name: string, args: { serviceAccountId: pulumi.Input<string> }) {
    super(
      "pulumi-nodejs:dynamic/donothing:ApiKey",
      name,
      {
        apiKey: undefined,
        displayId: undefined,
        roles: undefined,
        userId: undefined,
        userType: undefined,
        expiresAt: undefined,
        createdAt: undefined,
        tenantId: undefined,
        ...args,
        name,
        type: "private_key",
        __provider: 'exports.handler = () => require("./do-nothing-answers.cjs").apiKey',
      },
      { additionalSecretOutputs: ["apiKey"] },
    );
  }
}
