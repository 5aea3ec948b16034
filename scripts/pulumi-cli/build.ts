import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../child";
import { Progress } from "../progress";
import { type Acquire, type ProgressTarget, PULUMI_VERSION } from "./acquire";

const MODULE = "github.com/pulumi/pulumi/pkg/v3";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const BUILD_MS = 40 * 60_000;

/** A Go program and the version of its module. */
export interface GoProgram {
  /** For the lines of progress. */
  title: string;
  module: string;
  version: string;
  /** The package to build: an import path, or a path below the folder. */
  package: string;
  /** Name of the executable. */
  output: string;
  /** A variable that the linker sets, and its value. */
  variable?: string;
}

export const buildPulumi: Acquire = (directory, target) =>
  buildGo(directory, target, {
    title: `Building Pulumi v${PULUMI_VERSION} from source (4 to 5 minutes on two cores, once)`,
    module: MODULE,
    version: PULUMI_VERSION,
    package: `${MODULE}/cmd/pulumi`,
    output: "pulumi",
    variable: `${VERSION_VARIABLE}=v${PULUMI_VERSION}`,
  });

/**
 * Builds a program from the Go module proxy, or returns in one line why it could not. `go install …@version` would need
 * the proxy's version list, which is not served everywhere; a module that requires the exact version does not. No
 * -trimpath: it would make every package of a warm build cache compile again.
 */
export async function buildGo(
  directory: string,
  target: ProgressTarget,
  program: GoProgram,
): Promise<string | undefined> {
  if (process.platform === "win32") return "not supported on Windows";
  const missing = await goProblem();
  if (missing !== undefined) return missing;

  writeFileSync(
    join(directory, "go.mod"),
    `module ${program.output}\n\ngo 1.24\n\nrequire ${program.module} v${program.version}\n`,
  );
  const progress = new Progress(program.title, target.log, target.inPlace);
  let packages = 0;
  const linked = ["-s -w", ...(program.variable === undefined ? [] : [`-X ${program.variable}`])];
  const { exitCode, stderr, timedOut } = await runChild(
    "go",
    [
      ...["build", "-v", "-ldflags", linked.join(" ")],
      ...["-o", join(directory, program.output), program.package],
    ],
    {
      cwd: directory,
      env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off" },
      timeoutMs: BUILD_MS,
      onOutput: (text) => {
        const lines = text.trim().split("\n");
        const last = lines.at(-1) ?? "";
        if (last.startsWith("go: ")) {
          progress.detail = last.slice("go: ".length);
          return;
        }
        packages += lines.length;
        progress.detail = `${packages} packages compiled, now ${last}`;
      },
    },
  );
  if (exitCode === 0) {
    progress.end("done");
    return undefined;
  }
  progress.end("failed");
  if (timedOut) return `no result in ${BUILD_MS / 60_000} minutes`;
  return stderr.trim().split("\n").slice(-3).join(" / ");
}

/** Why Go cannot be used here. */
export async function goProblem(): Promise<string | undefined> {
  const { exitCode, output } = await runChild("go", ["version"], { timeoutMs: 20_000 });
  return exitCode === 0 ? undefined : `go is not usable (${output.trim() || "not found"})`;
}
