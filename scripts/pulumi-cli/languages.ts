import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { runChild } from "../child";
import { type EnsureOptions, ensurePulumi, type PulumiCli, progressOf } from ".";
import { type ProgressTarget, PULUMI_VERSION } from "./acquire";
import { buildGo } from "./build";
import { cacheRoot, madeOnce } from "./cache";

/** The newest version that was served and builds with its own requirements. */
const YAML_VERSION = "1.30.0";
const YAML_MODULE = "github.com/pulumi/pulumi-yaml";
const YAML_HOST = "pulumi-language-yaml";

const STAND_IN_SOURCES = join(__dirname, "languages");
/** The Python SDK's own program that runs programs. */
const RUNNER = "pulumi-language-python-exec";

/** The names that the stand-in is started under. Node programs have language-host.cjs, which lets it generate. */
const STAND_INS = ["pulumi-language-python", "pulumi-language-go", "pulumi-generate-nodejs"];

export type Language = "yaml" | "python" | "go" | "nodejs";

/**
 * Gets what runs programs in this language and generates SDKs for it. A genuine CLI has it. For a built one, this is
 * built when it is first asked for, and put beside the CLI.
 */
export async function ensureLanguage(
  language: Language,
  options: EnsureOptions = {},
): Promise<PulumiCli> {
  const cli = await ensurePulumi(options);
  if (cli.origin !== "built") return cli;
  const progress = progressOf(options);
  const [make, names] =
    language === "yaml" ? [buildYamlHost, [YAML_HOST]] : [buildStandIns, [...STAND_INS, RUNNER]];
  try {
    const made = await madeOnce(folderOf(language), progress.log, (draft) => make(draft, progress));
    for (const name of names) placeBeside(join(made, name), join(cli.directory, name));
    return cli;
  } catch (error) {
    throw new Error(
      `There is no Pulumi language host for ${language}: ${error instanceof Error ? error.message : error}. Install Pulumi (https://www.pulumi.com/docs/install/), which includes it, so that \`pulumi\` is on PATH.`,
    );
  }
}

/** Elsewhere on PATH, the CLI would find it too, and warn of it. Another checkout may have put its own there. */
function placeBeside(source: string, target: string): void {
  if (existsSync(target) && statSync(target).ino === statSync(source).ino) return;
  const draft = `${target}.${process.pid}`;
  linkSync(source, draft);
  renameSync(draft, target);
  // Where another process was faster, both are the same file, and the rename did nothing.
  rmSync(draft, { force: true });
}

function folderOf(language: Language): string {
  const machine = `${process.platform}-${process.arch}`;
  const name =
    language === "yaml"
      ? `pulumi-yaml-${YAML_VERSION}`
      : // Checkouts of several versions share the cache.
        `pulumi-languages-${PULUMI_VERSION}-${hashOf(STAND_IN_SOURCES)}`;
  return join(cacheRoot(), `${name}-${machine}`);
}

async function buildYamlHost(draft: string, progress: ProgressTarget): Promise<void> {
  const refusal = await buildGo(draft, progress, {
    title: `Building ${YAML_HOST} v${YAML_VERSION} (1 to 2 minutes on two cores, once)`,
    module: YAML_MODULE,
    version: YAML_VERSION,
    package: `${YAML_MODULE}/cmd/${YAML_HOST}`,
    output: YAML_HOST,
    variable: `${YAML_MODULE}/pkg/version.Version=${YAML_VERSION}`,
  });
  if (refusal !== undefined) throw new Error(refusal);
}

async function buildStandIns(draft: string, progress: ProgressTarget): Promise<void> {
  cpSync(STAND_IN_SOURCES, join(draft, "source"), { recursive: true });
  const [first = "", ...others] = STAND_INS;
  const refusal = await buildGo(draft, progress, {
    title: "Building language hosts for Python and Go (seconds after a build of Pulumi, once)",
    module: "github.com/pulumi/pulumi/pkg/v3",
    version: PULUMI_VERSION,
    package: "./source",
    output: first,
  });
  if (refusal !== undefined) throw new Error(refusal);
  for (const name of others) linkSync(join(draft, first), join(draft, name));
  copyFileSync(join(await sdkFolder(draft), "python", "cmd", RUNNER), join(draft, RUNNER));
  // Modules are read-only.
  chmodSync(join(draft, RUNNER), 0o755);
}

/** The source of the SDKs, which the build has downloaded. */
async function sdkFolder(module: string): Promise<string> {
  const { stdout } = await runChild(
    "go",
    ["list", "-mod=mod", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
    { cwd: module, env: { ...process.env, GOWORK: "off" } },
  );
  return stdout.trim();
}

function hashOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, name)));
  return hash.digest("hex").slice(0, 8);
}
