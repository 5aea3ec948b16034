import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, extname, join } from "node:path";
import { runChild } from "../child";
import { type Acquire, type ProgressTarget, PULUMI_VERSION } from "./acquire";
import { buildPulumi } from "./build";
import { withCacheLock } from "./cache-lock";
import { downloadPulumi } from "./download";

/** The oldest CLI that is used from PATH. */
const OLDEST = [3, 200] as const;

const EXECUTABLE_SUFFIX = process.platform === "win32" ? ".exe" : "";
const LANGUAGE_HOST = "pulumi-language-nodejs";
const DYNAMIC_PROVIDER = "pulumi-resource-pulumi-nodejs";
const DRAFT_INFIX = ".draft-";

export interface PulumiCli {
  /** Absolute path of the CLI. */
  binary: string;
  /** Its folder, for PATH: it contains the language host and the dynamic provider. */
  directory: string;
  origin: "path" | "download" | "built";
}

export interface EnsureOptions {
  /** Called with each line of progress. Default: standard error, in place on a terminal. */
  log?: (line: string) => void;
}

let ensured: Promise<PulumiCli> | undefined;

/** Finds, downloads or builds a Pulumi CLI, and caches the result for the life of the process. */
export function ensurePulumi(options: EnsureOptions = {}): Promise<PulumiCli> {
  ensured ??= findOrMake(options).catch((error: unknown) => {
    ensured = undefined;
    throw error;
  });
  return ensured;
}

async function findOrMake(options: EnsureOptions): Promise<PulumiCli> {
  const progress: ProgressTarget = {
    log: options.log ?? ((line) => process.stderr.write(`${line}\n`)),
    inPlace: options.log === undefined && process.stderr.isTTY === true,
  };
  const onPath = await findOnPath();
  if (typeof onPath !== "string") return onPath;

  const directory = join(
    cacheRoot(),
    `pulumi-${PULUMI_VERSION}-${process.platform}-${process.arch}`,
  );
  const tried = [`pulumi on PATH: ${onPath}`];
  return await withCacheLock(`${directory}.lock`, progress.log, async () => {
    const cached = fromCache(directory);
    if (cached) return cached;
    removeDrafts(directory);
    for (const [origin, title, acquire] of [
      ["download", `official download of v${PULUMI_VERSION}`, downloadPulumi],
      ["built", `build of v${PULUMI_VERSION} from source with Go`, buildPulumi],
    ] as const) {
      const refusal = await acquireInto(directory, origin, acquire, progress);
      if (refusal === undefined) {
        const made = fromCache(directory);
        if (made) return made;
      }
      tried.push(`${title}: ${refusal ?? "the result is not complete"}`);
    }
    throw new Error(
      [
        "No Pulumi CLI could be found or made.",
        ...tried.map((line) => `  - ${line}`),
        "Install Pulumi (https://www.pulumi.com/docs/install/) so that `pulumi` is on PATH, or install Go (https://go.dev/doc/install) and run this again.",
      ].join("\n"),
    );
  });
}

/** A CLI on PATH that can run Node programs, or why there is none. */
async function findOnPath(): Promise<PulumiCli | string> {
  const found = onPath("pulumi");
  if (found === undefined) return "not found";
  const binary = realpathSync(found);
  if (extname(binary) === ".js") return `${found} is the launcher of the npm package, not a CLI`;
  const { exitCode, stdout, output } = await runChild(binary, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 20_000,
  });
  const [, major, minor] = /v?(\d+)\.(\d+)\./.exec(stdout) ?? [];
  if (exitCode !== 0 || major === undefined) {
    return `${found} does not tell its version: ${output.trim().slice(0, 200)}`;
  }
  if (Number(major) !== OLDEST[0] || Number(minor) < OLDEST[1]) {
    return `${found} is ${stdout.trim()}, older than v${OLDEST.join(".")}`;
  }
  const directory = dirname(binary);
  for (const companion of [LANGUAGE_HOST, DYNAMIC_PROVIDER]) {
    if (!isExecutable(join(directory, companion)) && onPath(companion) === undefined) {
      return `${found} has no ${companion} beside it or on PATH`;
    }
  }
  return { binary, directory, origin: "path" };
}

/** Creates the result in another folder and renames it, so that no other process sees an incomplete CLI. */
async function acquireInto(
  directory: string,
  origin: "download" | "built",
  acquire: Acquire,
  progress: ProgressTarget,
): Promise<string | undefined> {
  const draft = `${directory}${DRAFT_INFIX}${randomBytes(4).toString("hex")}`;
  mkdirSync(draft, { recursive: true });
  try {
    const refusal = await acquire(draft, progress);
    if (refusal !== undefined) return refusal;
    writeFileSync(join(draft, "origin"), origin);
    rmSync(directory, { recursive: true, force: true });
    renameSync(draft, directory);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Removes incomplete folders of killed processes. Only the holder of the lock works on them. */
function removeDrafts(directory: string): void {
  const prefix = `${basename(directory)}${DRAFT_INFIX}`;
  for (const name of readdirSync(dirname(directory)).filter((name) => name.startsWith(prefix))) {
    rmSync(join(dirname(directory), name), { recursive: true, force: true });
  }
}

function fromCache(directory: string): PulumiCli | undefined {
  const binary = join(directory, `pulumi${EXECUTABLE_SUFFIX}`);
  if (!isExecutable(binary) || !existsSync(join(directory, "origin"))) return undefined;
  const origin = readFileSync(join(directory, "origin"), "utf8");
  if (origin !== "built") return { binary, directory, origin: "download" };
  // The files beside a built CLI come from this checkout, and are updated with it.
  placeCompanion(join(__dirname, "language-host.cjs"), join(directory, LANGUAGE_HOST));
  placeCompanion(
    join(dirname(require.resolve("@pulumi/pulumi/package.json")), DYNAMIC_PROVIDER),
    join(directory, DYNAMIC_PROVIDER),
  );
  return { binary, directory, origin };
}

function placeCompanion(source: string, target: string): void {
  if (existsSync(target) && readFileSync(target).equals(readFileSync(source))) return;
  const draft = `${target}.${process.pid}`;
  copyFileSync(source, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, target);
}

/** The folder for what is built or downloaded once. */
export function cacheRoot(): string {
  const { XDG_CACHE_HOME } = process.env;
  const directory = join(XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-flexprice");
  mkdirSync(directory, { recursive: true });
  return directory;
}

function onPath(name: string): string | undefined {
  const { PATH = "" } = process.env;
  return PATH.split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, `${name}${EXECUTABLE_SUFFIX}`))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (require.main === module) {
  ensurePulumi().then(
    (cli) => process.stdout.write(`${cli.binary} (${cli.origin})\n`),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
