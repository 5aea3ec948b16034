import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";

const ownShape = z.object({
  name: z.string(),
  version: z.string(),
  engines: z.object({ node: z.string() }),
  peerDependencies: z.object({ "@pulumi/pulumi": z.string() }),
});

/** This package's own package.json. */
export const manifest = ownShape.parse(
  JSON.parse(readFileSync(join(__dirname, "..", "..", "package.json"), "utf8")),
);

/** A package as Node finds it. */
export interface InstalledPackage {
  readonly version: string;
  /** Without symbolic links. */
  readonly folder: string;
}

const installedShape = z.object({ name: z.string(), version: z.string() });

/** The package that `require` finds from a folder by a path in it, such as `pulumi-flexprice/runtime`. */
export function findPackage(
  from: string,
  name: string,
  path: string,
): InstalledPackage | undefined {
  try {
    const file = createRequire(join(from, "index.js")).resolve(`${name}/${path}`);
    for (let folder = dirname(realpathSync(file)); ; folder = dirname(folder)) {
      const found = readManifest(folder);
      if (found?.name === name) return { version: found.version, folder };
      if (folder === dirname(folder)) return undefined;
    }
  } catch {
    return undefined;
  }
}

function readManifest(folder: string): z.infer<typeof installedShape> | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return installedShape.safeParse(content).data;
  } catch {
    return undefined;
  }
}
