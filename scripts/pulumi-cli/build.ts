import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../child";
import { Progress } from "../progress";
import { type Acquire, PULUMI_VERSION } from "./acquire";

const MODULE = "github.com/pulumi/pulumi/pkg/v3";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const BUILD_MS = 40 * 60_000;

/**
 * Builds the CLI from the Go module proxy. `go install …@version` would need the proxy's version
 * list, which is not served everywhere; a module that requires the exact version does not. No
 * -trimpath: it would make every package of a warm build cache compile again.
 */
export const buildPulumi: Acquire = async (directory, target) => {
  if (process.platform === "win32") return "not supported on Windows";
  const found = await runChild("go", ["version"], { timeoutMs: 20_000 });
  if (found.exitCode !== 0) return `go is not usable (${found.output.trim() || "not found"})`;

  writeFileSync(
    join(directory, "go.mod"),
    `module pulumi-cli\n\ngo 1.24\n\nrequire ${MODULE} v${PULUMI_VERSION}\n`,
  );
  const progress = new Progress(
    `Building Pulumi v${PULUMI_VERSION} from source (4 to 5 minutes on two cores, once)`,
    target.log,
    target.inPlace,
  );
  let packages = 0;
  const { exitCode, stderr, timedOut } = await runChild(
    "go",
    [
      ...["build", "-v", "-ldflags", `-s -w -X ${VERSION_VARIABLE}=v${PULUMI_VERSION}`],
      ...["-o", join(directory, "pulumi"), `${MODULE}/cmd/pulumi`],
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
};
