import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runChild } from "../../toolchain/child";
import { ok } from "../../toolchain/workspace";

const CHECKOUT = resolve(__dirname, "..", "..");

/** What a program of this SDK's time had beside it. */
const COMPILERS = { typescript: "~5.9.0", "ts-node": "^10.9.2" };

/**
 * A folder for a program which finds an old SDK, and this package as npm would install it. `dispose` removes it;
 * the SDK stays in the cache.
 */
export async function folderWithSdk(version: string): Promise<{ path: string; dispose(): void }> {
  const run = mkdtempSync(join(tmpdir(), "pulumi-flexprice-sdk-"));
  const dispose = () => rmSync(run, { recursive: true, force: true });
  try {
    symlinkSync(
      join(await cachedSdk(version), "node_modules"),
      join(run, "node_modules"),
      "junction",
    );
    const path = join(run, "program");
    await placePackage(run, join(path, "node_modules", "pulumi-flexprice"));
    writeFileSync(join(path, "Pulumi.yaml"), JSON.stringify({ name: "test", runtime: "nodejs" }));
    writeFileSync(join(path, "package.json"), JSON.stringify({ name: "test", private: true }));
    return { path, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** What `npm pack` takes, and nothing else of the checkout. */
async function placePackage(run: string, target: string): Promise<void> {
  await ok(
    runChild("npm", ["pack", "--ignore-scripts", "--pack-destination", run, "--silent"], {
      cwd: CHECKOUT,
    }),
  );
  const { version } = ownManifest();
  await ok(runChild("tar", ["-xzf", `pulumi-flexprice-${version}.tgz`], { cwd: run }));
  mkdirSync(target, { recursive: true });
  cpSync(join(run, "package"), target, { recursive: true });
}

/** Installs the SDK and the package's dependencies once, into the cache. */
async function cachedSdk(version: string): Promise<string> {
  const { XDG_CACHE_HOME } = process.env;
  const cache = join(XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-flexprice");
  const directory = join(cache, `sdk-${version}`);
  const manifest = JSON.stringify({
    private: true,
    dependencies: { "@pulumi/pulumi": version, ...COMPILERS, ...ownManifest().dependencies },
  });
  if (isInstalled(directory, manifest)) return directory;

  const draft = `${directory}.draft-${randomBytes(4).toString("hex")}`;
  mkdirSync(draft, { recursive: true });
  try {
    writeFileSync(join(draft, "package.json"), manifest);
    await ok(
      runChild("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], {
        cwd: draft,
        timeoutMs: 170_000,
      }),
    );
    rmSync(directory, { recursive: true, force: true });
    renameSync(draft, directory);
  } catch (error) {
    // Another process may have been quicker.
    if (!isInstalled(directory, manifest)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return directory;
}

function isInstalled(directory: string, manifest: string): boolean {
  const file = join(directory, "package.json");
  // npm writes the file anew, in its own layout.
  return existsSync(file) && JSON.stringify(JSON.parse(readFileSync(file, "utf8"))) === manifest;
}

function ownManifest(): { version: string; dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8"));
}
