import { existsSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { coerce, satisfies } from "semver";
import { z } from "zod";
import { isFailure } from "../../shared/errors";
import { parseJson } from "../../shared/json";
import type { CommandContext } from "../command-context";
import { findPackage, manifest } from "../packages";
import { findProjectFile, type Project, readProject } from "../pulumi";
import { type Check, ok, problem, problemOf, warning } from "./check";

const SDK = "@pulumi/pulumi";
/** Programs of other runtimes can only use the plugin. */
const DYNAMIC_RUNTIMES: readonly string[] = ["nodejs", "bun"];

const SDK_RANGE = manifest.peerDependencies[SDK];

/** Whether a version lies in a range; a prerelease counts like its release. */
function isSupported(version: string, range: string): boolean {
  const release = coerce(version);
  return release !== null && satisfies(release, range);
}

/** Checks what the program and its provider run on. */
export async function* checkProgram(context: CommandContext): AsyncGenerator<Check> {
  const { nodeVersion } = context;
  yield isSupported(nodeVersion, manifest.engines.node)
    ? ok("Node.js", nodeVersion)
    : problem("Node.js", `${nodeVersion} is not ${manifest.engines.node}`, "install a newer one.");
  yield await checkCli(context);
  const project = yield* checkProject(context.directory);
  if (project === undefined) return;
  if (project.namesPlugin || !DYNAMIC_RUNTIMES.includes(project.runtime)) {
    yield await checkPlugin(context, project);
  } else {
    yield* checkPackages(project.programFolder);
  }
}

async function checkCli(context: CommandContext): Promise<Check> {
  const install = "install a current one: https://www.pulumi.com/docs/install/";
  const result = await context.run("pulumi", ["version"]);
  if (result === undefined) return problem("Pulumi CLI", "it is not on the PATH", install);
  if (result.status !== 0) {
    return problem("Pulumi CLI", `it does not tell its version: ${result.stderr.trim()}`, install);
  }
  const version = result.stdout.trim().replace(/^v/, "");
  return isSupported(version, SDK_RANGE)
    ? ok("Pulumi CLI", version)
    : problem("Pulumi CLI", `version "${version}" is not ${SDK_RANGE}`, install);
}

/** Returns the project, if there is one. */
function* checkProject(directory: string): Generator<Check, Project | undefined> {
  const file = findProjectFile(directory);
  if (file === undefined) {
    yield problem(
      "Project",
      `there is no Pulumi.yaml in ${directory} or above`,
      "run this in the folder of a Pulumi project.",
    );
    return undefined;
  }
  try {
    const project = readProject(file);
    const { programFolder } = project;
    yield existsSync(programFolder)
      ? ok("Project", `${file}, program in ${programFolder}`)
      : problem("Project", `"main" of ${file} does not exist`, "correct main in this file.");
    return project;
  } catch (error) {
    if (!isFailure(error)) throw error;
    yield problemOf("Project", error);
    return undefined;
  }
}

/** Looks for the plugin where Pulumi looks, in the same order. */
async function checkPlugin(context: CommandContext, { pluginPath }: Project): Promise<Check> {
  const install =
    'run "npm install pulumi-flexprice" in the project, and add to Pulumi.yaml: plugins: { providers: [{ name: flexprice, path: node_modules/.bin }] }.';
  if (pluginPath !== undefined) {
    return hasPlugin(pluginPath)
      ? ok("Plugin", `in ${pluginPath}`)
      : problem("Plugin", `Pulumi.yaml names ${pluginPath}, which has no ${PLUGIN}`, install);
  }
  const { PATH = "" } = context.environment;
  // npx puts these folders on the PATH of this command alone.
  const folders = PATH.split(delimiter).filter((one) => !/node_modules[\\/]\.bin$/.test(one));
  const folder = folders.find((one) => one !== "" && hasPlugin(one));
  if (folder !== undefined) return ok("Plugin", `in ${folder}, on the PATH`);
  const listed = await context.run("pulumi", ["plugin", "ls", "--json"]);
  const installed = installedPlugins.safeParse(parseJson(listed?.stdout ?? "")).data ?? [];
  const versions = installed.filter(({ name }) => name === "flexprice").map((one) => one.version);
  if (versions.length > 0)
    return ok("Plugin", `${versions.join(", ")}, installed in Pulumi's home`);
  return warning("Plugin", `there is no ${PLUGIN} here: Pulumi has to download it`, install);
}

const PLUGIN = "pulumi-resource-flexprice";

const installedPlugins = z.array(z.object({ name: z.string(), version: z.string() }));

/** Whether a path is the plugin, or a folder that has it. Windows has a launcher with an extension. */
function hasPlugin(path: string): boolean {
  const names = ["", ".exe", ".cmd"].map((extension) => `${PLUGIN}${extension}`);
  return names.includes(basename(path))
    ? existsSync(path)
    : names.some((name) => existsSync(join(path, name)));
}

/** The provider process runs in the program's folder, and loads what `require` finds from there. */
function* checkPackages(programFolder: string): Generator<Check> {
  const { name, version } = manifest;
  const own = findPackage(programFolder, name, "runtime");
  if (own === undefined) {
    yield problem(
      name,
      `${name}/runtime is not found from ${programFolder}, where Pulumi's provider process looks for it`,
      `npm install ${name}, there or above.`,
    );
  } else if (own.version === version) {
    yield ok(name, `${own.version} in ${own.folder}`);
  } else {
    yield warning(
      name,
      `${own.version} in ${own.folder}, and this command is ${version}`,
      `run the program's own: npx ${name} in ${programFolder}.`,
    );
  }
  yield checkSdk(programFolder, own?.folder);
}

function checkSdk(programFolder: string, ownFolder: string | undefined): Check {
  const install = `npm install ${SDK}@"${SDK_RANGE}" in the program's folder.`;
  const sdk = findPackage(programFolder, SDK, "package.json");
  if (sdk === undefined) return problem(SDK, `it is not found from ${programFolder}`, install);
  const found = `${sdk.version} in ${sdk.folder}`;
  if (!isSupported(sdk.version, SDK_RANGE))
    return problem(SDK, `${found} is not ${SDK_RANGE}`, install);
  const other = findPackage(ownFolder ?? programFolder, SDK, "package.json");
  if (other === undefined || other.folder === sdk.folder) return ok(SDK, found);
  // This package would register its resources with an SDK that the running program knows nothing of.
  return problem(
    SDK,
    `the program uses ${found}, and ${manifest.name} another copy, ${other.version} in ${other.folder}`,
    'install one version for both, and run "npm dedupe".',
  );
}
