import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";

const ingestorRole = new pulumi.Config().require("ingestorRole");

const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: [ingestorRole] });
const reader = new flexprice.ServiceAccount("usage-reader", { roles: ["event_reader"] });

const ingestorKey = new flexprice.ApiKey("usage-ingestor", { serviceAccountId: ingestor.id });
const readerKey = new flexprice.ApiKey("usage-reader", { serviceAccountId: reader.id });

export const ingestorId = ingestor.id;
export const ingestorApiKey = ingestorKey.apiKey;
export const readerApiKey = readerKey.apiKey;
