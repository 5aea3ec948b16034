import * as github from "@pulumi/github";
import * as flexprice from "pulumi-flexprice";

const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });

new github.ActionsSecret(
  "usage-ingestor",
  { repository: "billing", secretName: "FLEXPRICE_API_KEY", value: ingestor.apiKey },
  // If the provider replaces the secret, the delete would otherwise hit the new value: both have one name.
  { deleteBeforeReplace: true },
);

export const { expiresAt } = ingestor;
