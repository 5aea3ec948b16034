import * as kubernetes from "@pulumi/kubernetes";
import * as flexprice from "pulumi-flexprice";

const ingestor = new flexprice.ServiceIdentity("usage-ingestor", { roles: ["event_ingestor"] });

// Its name is left to Pulumi, so each key gets a Secret of its own. The old Secret stays until the rollout is done.
const secret = new kubernetes.core.v1.Secret(
  "usage-ingestor",
  {
    metadata: { namespace: "billing", annotations: { "flexprice/key-id": ingestor.key.id } },
    immutable: true,
    stringData: { FLEXPRICE_API_KEY: ingestor.apiKey },
  },
  { replaceOnChanges: ["stringData"] },
);

const labels = { app: "usage-ingestor" };
new kubernetes.apps.v1.Deployment("usage-ingestor", {
  metadata: { namespace: "billing" },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: "usage-ingestor",
            image: "registry.example.com/usage-ingestor:1.4.0",
            // The new name starts new pods.
            envFrom: [{ secretRef: { name: secret.metadata.name } }],
          },
        ],
      },
    },
  },
});

export const { expiresAt } = ingestor;
