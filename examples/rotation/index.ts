import * as flexprice from "pulumi-flexprice";
import { SecretFile } from "./secret-file";

const ingestor = new flexprice.ServiceAccount("usage-ingestor", {
  roles: ["event_ingestor"],
  forceDestroy: true, // destroy also revokes keys that were left to expire
});

const key = new flexprice.ApiKey("usage-ingestor", {
  serviceAccountId: ingestor.id,
  expiresIn: "90d",
  rotateBefore: "14d",
  onDelete: "expire",
});

new SecretFile("usage-ingestor", { path: "ingestor.key", content: key.apiKey });

export const { expiresAt } = key;
