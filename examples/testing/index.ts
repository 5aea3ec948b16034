import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";

const role = new pulumi.Config().require("role");

const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: [role] });

const key = new flexprice.ApiKey("usage-ingestor", {
  serviceAccountId: ingestor.id,
  expiresIn: "90d",
  rotateBefore: "14d",
});

export const apiKey = key.apiKey;
