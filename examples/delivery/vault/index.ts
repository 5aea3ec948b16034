import * as pulumi from "@pulumi/pulumi";
import * as vault from "@pulumi/vault";
import * as flexprice from "pulumi-flexprice";

const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });

// Each key becomes a version of one secret.
new vault.kv.SecretV2("usage-ingestor", {
  mount: "secret",
  name: "billing/usage-ingestor",
  dataJson: pulumi.jsonStringify({
    apiKey: ingestor.apiKey,
    keyId: ingestor.key.id,
    expiresAt: ingestor.expiresAt,
  }),
});

export const { expiresAt } = ingestor;
