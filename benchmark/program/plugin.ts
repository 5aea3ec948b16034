/** This package's plugin, by classes as Pulumi generates them from its schema. */
import * as pulumi from "@pulumi/pulumi";

export class ServiceAccount extends pulumi.CustomResource {
  constructor(name: string, args: { roles: pulumi.Input<string>[] }) {
    super("flexprice:index:ServiceAccount", name, {
      name: undefined,
      namePrefix: undefined,
      forceDestroy: undefined,
      adopt: undefined,
      connection: undefined,
      ...args,
      autoName: undefined,
      tenantId: undefined,
    });
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
      { additionalSecretOutputs: ["apiKey"] },
    );
  }
}
