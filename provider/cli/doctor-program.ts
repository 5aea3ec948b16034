import { existsSync } from "node:fs";
import { coerce, satisfies } from "semver";
import { isFailure } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { type Check, ok, problem, problemOf, warning } from "./doctor-check";
import { findPackage, manifest } from "./packages";
import { findProjectFile, type Project, readProject } from "./pulumi";

const SDK = "@pulumi/pulumi";
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
  const programFolder = yield* checkProject(context.directory);
  if (programFolder !== undefined) yield* checkPackages(programFolder);
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

/** Gives the folder of the program, where there is one. */
function* checkProject(directory: string): Generator<Check, string | undefined> {
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
    yield checkProjectFile(project, file);
    return project.programFolder;
  } catch (error) {
    if (!isFailure(error)) throw error;
    yield problemOf("Project", error);
    return undefined;
  }
}

function checkProjectFile({ programFolder, runtime }: Project, file: string): Check {
  if (runtime !== "nodejs" && runtime !== "bun") {
    return problem(
      "Project",
      `the runtime in ${file} is ${runtime}, and dynamic providers need a program in TypeScript or JavaScript`,
      "keep the Flexprice resources in a project with runtime: nodejs.",
    );
  }
  if (!existsSync(programFolder)) {
    return problem("Project", `"main" of ${file} does not exist`, "correct main in this file.");
  }
  return ok("Project", `${file}, program in ${programFolder}`);
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
