import type { Output } from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";

/** Creates an account and its key through one of `flexprice:connections`. */
function usageIngestor(connection: string): Output<string> {
  const account = new flexprice.ServiceAccount(`usage-ingestor-${connection}`, {
    roles: ["event_ingestor"],
    connection,
  });
  const key = new flexprice.ApiKey(`usage-ingestor-${connection}`, {
    serviceAccountId: account.id,
    connection,
  });
  return key.apiKey;
}

export const sandboxApiKey = usageIngestor("sandbox");
export const productionApiKey = usageIngestor("production");
