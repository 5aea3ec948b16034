import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../child";
import { Progress } from "../progress";
import { type Acquire, PULUMI_VERSION } from "./acquire";

const INSTALLER = "https://get.pulumi.com/install.sh";
const PROBE_MS = 4_000;
const DOWNLOAD_MS = 10 * 60_000;

/**
 * Lets the npm package `pulumi` do the official download: it runs Pulumi's own installer, which puts
 * the CLI and the language hosts under $PULUMI_HOME/versions/<version>/bin.
 */
export const downloadPulumi: Acquire = async (directory, target) => {
  const unreachable = await probe();
  if (unreachable !== undefined) return unreachable;

  const progress = new Progress(
    `Downloading Pulumi v${PULUMI_VERSION}`,
    target.log,
    target.inPlace,
  );
  const home = join(directory, "home");
  const { exitCode, output, timedOut } = await runChild(
    process.platform === "win32" ? "npm.cmd" : "npm",
    [
      ...["exec", "--yes", "--fetch-retries=0", `--package=pulumi@${PULUMI_VERSION}`],
      ...["--", "pulumi", "version"],
    ],
    {
      cwd: directory,
      env: { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
      timeoutMs: DOWNLOAD_MS,
      onOutput: (text) => {
        progress.detail = text;
      },
    },
  );
  if (exitCode !== 0) {
    progress.end("failed");
    return timedOut ? `no result in ${DOWNLOAD_MS / 60_000} minutes` : lastLines(output);
  }
  const bin = join(home, "versions", PULUMI_VERSION, "bin");
  for (const file of readdirSync(bin)) renameSync(join(bin, file), join(directory, file));
  rmSync(home, { recursive: true, force: true });
  progress.end("done");
  return undefined;
};

/** The launcher waits long for a host that does not respond, which a machine without internet should not. */
async function probe(): Promise<string | undefined> {
  try {
    const response = await fetch(INSTALLER, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
    return response.ok ? undefined : `${INSTALLER} answered ${response.status}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return `${INSTALLER} cannot be reached (${cause instanceof Error ? cause.message : cause})`;
  }
}

function lastLines(output: string): string {
  return output.trim().split("\n").slice(-3).join(" / ");
}
