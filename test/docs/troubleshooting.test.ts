import { setTimeout as sleep } from "node:timers/promises";
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

/** Pulumi is killed while Flexprice makes the reader's account. */
async function killWhileCreating({ bench }: Scene): Promise<void> {
  const { emulator, workspace } = bench;
  bench.setSource(WITH_READER);
  bench.takeWrites();
  const isCreate = { method: "POST", path: /^\/v1\/users$/ };
  emulator.faults.add({ kind: "slow", bytesPerSecond: 80, when: "after", match: isCreate });
  const up = workspace.start("up");
  while (!emulator.writes().some(({ path }) => isCreate.path.test(path))) await sleep(5);
  process.kill(Number(up.pid), "SIGKILL");
  await up.done;
  // The provider waits for the answer before it ends too.
  while (workspace.processes().some(({ command }) => command.includes("dynamic-provider")))
    await sleep(50);
}

follow("docs/troubleshooting.md", {
  before: {
    "Could not archive": destroyWithForeignKey,
    "currently locked": killWhileCreating,
  },
  status: { "currently locked": 1 },
});
