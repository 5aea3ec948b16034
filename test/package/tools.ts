import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheRoot } from "../../scripts/pulumi-cli/cache";
import { sample } from "../support/sample";
import { output } from "./command";

const CURRENT = Number.parseInt(process.versions.node, 10);

/** The supported Node versions, the same as in .github/workflows/ci.yml. */
export const SUPPORTED_NODES: readonly number[] = [20, 22, 24];

/** The Node that runs this test; in the nightly workflow, all of them. */
export const NODES = sample([CURRENT, ...SUPPORTED_NODES.filter((node) => node !== CURRENT)]);

/** The time limit for a new machine to download all of them, in milliseconds. */
export const DOWNLOADS_MS = 15 * 60_000;

export async function allNodes(): Promise<void> {
  for (const major of NODES) await nodeFolder(major);
}

/** The folder with the binary of this Node. */
export async function nodeFolder(major: number): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return dirname(process.execPath);
  return join(await tool("node", major), "bin");
}

/** The script of pnpm, and the folder where it stores packages. */
export async function pnpm(): Promise<{ script: string; store: string }> {
  return {
    script: join(await tool("pnpm", 10), "bin", "pnpm.cjs"),
    store: join(cacheRoot(), "pnpm-store"),
  };
}

/** The folder of an npm package, installed once into the cache. */
async function tool(name: string, major: number): Promise<string> {
  const directory = join(cacheRoot(), `${name}-${major}`);
  if (!existsSync(directory)) {
    const draft = `${directory}.draft-${randomBytes(4).toString("hex")}`;
    mkdirSync(draft);
    try {
      writeFileSync(join(draft, "package.json"), JSON.stringify({ private: true }));
      const options = ["--no-audit", "--no-fund", "--prefer-offline"];
      await output("npm", ["install", ...options, `${name}@${major}`], { cwd: draft });
      renameSync(draft, directory);
    } catch (error) {
      // Another process may have been faster.
      if (!existsSync(directory)) throw error;
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  return join(directory, "node_modules", name);
}
