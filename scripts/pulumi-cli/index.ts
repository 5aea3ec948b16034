import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, extname, join } from "node:path";
import { runChild } from "../child";
import { type Acquire, type ProgressTarget, PULUMI_VERSION } from "./acquire";
import { buildPulumi } from "./build";
import { cacheRoot, makeAnew, removeDrafts } from "./cache";
import { withCacheLock } from "./cache-lock";
import { downloadPulumi } from "./download";

/** The oldest CLI that is used from PATH. */
const OLDEST = [3, 200] as const;

const EXECUTABLE_SUFFIX = process.platform === "win32" ? ".exe" : "";
const LANGUAGE_HOST = "pulumi-language-nodejs";
const DYNAMIC_PROVIDER = "pulumi-resource-pulumi-nodejs";

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

/** Where lines of progress go. */
export function progressOf({ log }: EnsureOptions): ProgressTarget {
  return {
    log: log ?? ((line) => process.stderr.write(`${line}\n`)),
    inPlace: log === undefined && process.stderr.isTTY === true,
  };
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
  const progress = progressOf(options);
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

async function acquireInto(
  directory: string,
  origin: "download" | "built",
  acquire: Acquire,
  progress: ProgressTarget,
): Promise<string | undefined> {
  try {
    await makeAnew(directory, async (draft) => {
      const refusal = await acquire(draft, progress);
      if (refusal !== undefined) throw new Error(refusal);
      writeFileSync(join(draft, "origin"), origin);
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
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
