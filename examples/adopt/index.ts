import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";

const config = new pulumi.Config();

const ingestor = new flexprice.ServiceAccount("usage-ingestor", {
  roles: ["event_ingestor"],
  adopt: config.get("account"),
});

const key = new flexprice.ApiKey("usage-ingestor", {
  serviceAccountId: ingestor.id,
  adopt: config.getSecretObject<flexprice.AdoptedApiKey>("key"),
});

export const accountId = ingestor.id;
export const keyId = key.id;
export const { apiKey } = key;
