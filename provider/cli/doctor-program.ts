import { existsSync } from "node:fs";
import { isFailure } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { type Check, ok, problem, problemOf, warning } from "./doctor-check";
import { type InstalledPackage, otherCopies, resolveFrom } from "./installed";
import { manifest } from "./manifest";
import { findProjectFile, type Project, readProject } from "./pulumi";
import { isWithin } from "./versions";

const SDK = "@pulumi/pulumi";
const SDK_RANGE = manifest.peerDependencies[SDK];

/** Looks at what the program and its provider run on. */
export async function* checkProgram(shell: CommandContext): AsyncGenerator<Check> {
  const { nodeVersion } = shell;
  yield isWithin(nodeVersion, manifest.engines.node)
    ? ok("Node.js", nodeVersion)
    : problem("Node.js", `${nodeVersion} is not ${manifest.engines.node}`, "install a newer one.");
  yield await checkCli(shell);
  const project = yield* checkProject(shell.directory);
  if (project !== undefined) yield* checkPackages(project);
}

async function checkCli(shell: CommandContext): Promise<Check> {
  const install = "install a current one: https://www.pulumi.com/docs/install/";
  const asked = await shell.run("pulumi", ["version"]);
  if (asked === undefined) return problem("Pulumi CLI", "there is none on the PATH", install);
  const version = asked.stdout.trim().replace(/^v/, "");
  if (asked.status !== 0 || !/^\d+\.\d+/.test(version)) {
    return problem("Pulumi CLI", `it does not tell its version: ${asked.stderr.trim()}`, install);
  }
  return isWithin(version, SDK_RANGE)
    ? ok("Pulumi CLI", version)
    : problem("Pulumi CLI", `${version} is not ${SDK_RANGE}`, install);
}

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
    yield classifyProject(project, file);
    return project;
  } catch (error) {
    if (!isFailure(error)) throw error;
    yield problemOf("Project", error);
    return undefined;
  }
}

function classifyProject({ programFolder, runtime }: Project, file: string): Check {
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

/** The provider process runs in the program's folder and loads what `require` finds from there. */
function* checkPackages({ programFolder }: Project): Generator<Check> {
  const own = resolveFrom(programFolder, `${manifest.name}/runtime`);
  yield checkOwnPackage(own, programFolder);
  const sdk = resolveFrom(programFolder, `${SDK}/package.json`);
  yield checkSdk(sdk, programFolder);
  const copies = [`${manifest.name}/package.json`, `${SDK}/package.json`].flatMap((request) =>
    [...otherCopies(programFolder, request)].map(([user, copy]) => ({ user, copy, request })),
  );
  for (const { user, copy, request } of copies) {
    const name = request.replace("/package.json", "");
    const text = `${user} uses another copy of it, ${copy.version} in ${copy.folder}`;
    const fix = 'let all of them have one version, and run "npm dedupe".';
    // Resources of this package would be registered with an SDK that the running program knows nothing of.
    yield user === manifest.name ? problem(name, text, fix) : warning(name, text, fix);
  }
}

function checkOwnPackage(own: InstalledPackage | undefined, programFolder: string): Check {
  if (own === undefined) {
    return problem(
      manifest.name,
      `${manifest.name}/runtime is not found from ${programFolder}, where Pulumi's provider process looks for it`,
      `npm install ${manifest.name}, there or above.`,
    );
  }
  const found = `${own.version} in ${own.folder}`;
  if (own.version === manifest.version) return ok(manifest.name, found);
  return warning(
    manifest.name,
    `${found}, and this command is ${manifest.version}`,
    `run the program's own: npx ${manifest.name} in ${programFolder}.`,
  );
}

function checkSdk(sdk: InstalledPackage | undefined, programFolder: string): Check {
  const install = `npm install ${SDK}@"${SDK_RANGE}" in the program's folder.`;
  if (sdk === undefined) return problem(SDK, `it is not found from ${programFolder}`, install);
  const found = `${sdk.version} in ${sdk.folder}`;
  return isWithin(sdk.version, SDK_RANGE)
    ? ok(SDK, found)
    : problem(SDK, `${found} is not ${SDK_RANGE}`, install);
}
