import { cutOff, endLeases } from "./cut-off";
import { follow, type Scene } from "./follow";

const WITH_READER = `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
new flexprice.ApiKey("usage-ingestor", { serviceAccountId: ingestor.id });
new flexprice.ServiceAccount("usage-reader", { roles: ["event_reader"] });
`;

/** Somebody makes a key that the stack does not know. */
async function destroyWithForeignKey(scene: Scene): Promise<void> {
  const { bench } = scene;
  const [account] = bench.accounts();
  const { environmentId } = bench.operator;
  bench.emulator.createKey(String(account?.id), environmentId, { name: "made by hand" });
  await scene.type(["pulumi destroy --skip-preview"], 1);
}

follow("docs/troubleshooting.md", {
  before: {
    "Could not archive": destroyWithForeignKey,
    "currently locked": (scene) => cutOff(scene, WITH_READER, "Pulumi"),
    "pulumi cancel\npulumi up": endLeases,
  },
  status: { "currently locked": 1 },
});
