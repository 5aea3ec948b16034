import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "./command";
import { pack } from "./tarball";
import { pnpm } from "./tools";

export type PackageManager = "npm" | "pnpm";

/** A folder outside of the checkout with the package as users install it. */
export interface Consumer {
  readonly folder: string;
  dispose(): void;
}

/** Installs the packed package together with these packages, e.g. a version of `@pulumi/pulumi`. */
export async function install(
  manager: PackageManager,
  packages: Readonly<Record<string, string>>,
): Promise<Consumer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "pulumi-flexprice-consumer-")));
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  const tarball = await pack();
  try {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
    const specifiers = [
      tarball.file,
      ...Object.entries(packages).map(([name, version]) => `${name}@${version}`),
    ];
    if (manager === "npm") {
      const flags = ["--prefer-offline", "--no-audit", "--no-fund"];
      await output("npm", ["install", ...flags, ...specifiers], { cwd: folder });
    } else {
      const { script, store } = await pnpm();
      // Otherwise pnpm lets packages find the dependencies of others by chance.
      const flags = ["--prefer-offline", "--config.hoist=false", "--store-dir", store];
      await output(process.execPath, [script, "add", ...flags, ...specifiers], { cwd: folder });
    }
    return { folder, dispose };
  } catch (error) {
    dispose();
    throw error;
  } finally {
    tarball.dispose();
  }
}
