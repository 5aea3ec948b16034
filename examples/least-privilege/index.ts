import * as flexprice from "pulumi-flexprice";

const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });
const dashboard = new flexprice.ServiceIdentity("usage-dashboard", { roles: ["event_reader"] });

export const ingestorApiKey = ingestor.apiKey;
export const dashboardApiKey = dashboard.apiKey;
