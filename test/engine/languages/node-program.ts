/** The program of the examples in other languages, with generated classes. Node programs have those of this package. */
export const NODE_PROGRAM = {
  "Pulumi.yaml": `
name: flexprice-nodejs
runtime: nodejs
config:
  role:
    type: string
    default: event_ingestor
  release:
    type: string
    default: first
`,
  // Without one, Pulumi's SDK would take the checkout's own.
  "package.json": JSON.stringify({ private: true, main: "index.ts" }),
  "index.ts": `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "./sdks/flexprice";

const config = new pulumi.Config();

const ingestor = new flexprice.ServiceAccount("usage-ingestor", {
  roles: [config.require("role")],
});

const key = new flexprice.ApiKey("usage-ingestor", {
  serviceAccountId: ingestor.id,
  expiresIn: "90d",
  rotateBefore: "14d",
  rotationTriggers: { release: config.require("release") },
});

export const accountId = ingestor.id;
export const keyId = key.id;
export const apiKey = key.apiKey;
`,
};
