/** This package's plugin, by classes as Pulumi generates them from its schema. */
import * as pulumi from "@pulumi/pulumi";

function options(type: string, secrets: string[]): pulumi.CustomResourceOptions {
  return {
    aliases: [{ type: `pulumi-nodejs:dynamic/flexprice:${type}` }],
    additionalSecretOutputs: secrets,
  };
}

export class ServiceAccount extends pulumi.CustomResource {
  constructor(name: string, args: { roles: pulumi.Input<string>[] }) {
    const inputs = {
      name: undefined,
      namePrefix: undefined,
      forceDestroy: undefined,
      adopt: undefined,
      connection: undefined,
      ...args,
      autoName: undefined,
      tenantId: undefined,
    };
    super("flexprice:index:ServiceAccount", name, inputs, options("ServiceAccount", []));
  }
}

export class ApiKey extends pulumi.CustomResource {
  constructor(name: string, args: { serviceAccountId: pulumi.Input<string> }) {
    super(
      "flexprice:index:ApiKey",
      name,
      {
        name: undefined,
        namePrefix: undefined,
        type: undefined,
        expiresAt: undefined,
        expiresIn: undefined,
        rotateBefore: undefined,
        rotationTriggers: undefined,
        onDelete: undefined,
        adopt: undefined,
        connection: undefined,
        ...args,
        apiKey: undefined,
        autoName: undefined,
        createdAt: undefined,
        displayId: undefined,
        roles: undefined,
        tenantId: undefined,
        userId: undefined,
        userType: undefined,
      },
      options("ApiKey", ["apiKey"]),
    );
  }
}
