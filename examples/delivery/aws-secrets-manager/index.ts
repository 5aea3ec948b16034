import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";

const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });

const secret = new aws.secretsmanager.Secret("usage-ingestor", { name: "billing/usage-ingestor" });

// Each key becomes a version. AWS moves AWSCURRENT to the new one, and AWSPREVIOUS to the one before.
new aws.secretsmanager.SecretVersion("usage-ingestor", {
  secretId: secret.id,
  secretString: pulumi.jsonStringify({
    apiKey: ingestor.apiKey,
    keyId: ingestor.key.id,
    expiresAt: ingestor.expiresAt,
  }),
});

export const { expiresAt } = ingestor;
