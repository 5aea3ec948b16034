import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { testFault } from "../support/faults";
import type { DocSession } from "./follow";

const CREATE = { method: "POST", path: /^\/v1\/users$/ };

/** Lets `up` create an account of this program, and kills one of the two processes during the response. */
export async function cutOff(
  { fixture }: DocSession,
  program: string,
  victim: "Pulumi" | "the provider",
): Promise<void> {
  const { emulator, workspace } = fixture;
  fixture.setSource(program);
  fixture.takeWrites();
  // A response that takes some seconds.
  emulator.faults.add({
    ...testFault({ kind: "slow", bytesPerSecond: 80 }, "after"),
    match: CREATE,
  });
  const up = workspace.start("up");
  while (!emulator.writes().some(({ path }) => CREATE.path.test(path))) await sleep(5);
  if (victim === "Pulumi") up.kill("SIGKILL");
  else workspace.killProviders();
  await up.done;
  // Without Pulumi, the provider ends too.
  await workspace.providersEnd();
}

/** Makes the notes about creates so old that a run may claim them. */
export function endLeases({ fixture }: DocSession): void {
  const folder = join(String(fixture.workspace.env["PULUMI_HOME"]), "flexprice", "creates");
  const threeMinutesAgo = Date.now() / 1_000 - 180;
  for (const note of readdirSync(folder)) {
    utimesSync(join(folder, note), threeMinutesAgo, threeMinutesAgo);
  }
}
