import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";

export const CHECKOUT = resolve(__dirname, "..", "..");

/** The parts of package.json that matter for installing the package. */
export const manifest = z
  .object({
    version: z.string(),
    main: z.string(),
    types: z.string(),
    bin: z.record(z.string(), z.string()).default({}),
    exports: z.record(
      z.string(),
      z.union([z.string(), z.object({ types: z.string(), default: z.string() })]),
    ),
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    peerDependencies: z.record(z.string(), z.string()),
    peerDependenciesMeta: z.record(z.string(), z.object({ optional: z.boolean() })).default({}),
    engines: z.object({ node: z.string() }),
  })
  .parse(JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")));

/** The specifiers that users may import, e.g. `pulumi-flexprice/runtime`. */
export const entries = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target !== "string")
  .map(([subpath]) => `pulumi-flexprice${subpath.slice(1)}`);

/** The packages that only some entries need, in the versions of this checkout. */
export const optionalPeers = Object.fromEntries(
  Object.entries(manifest.peerDependenciesMeta)
    .filter(([, { optional }]) => optional)
    .map(([name]) => [name, installedVersion(name)]),
);

export function installedVersion(name: string): string {
  const file = join(CHECKOUT, "node_modules", name, "package.json");
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, "utf8"))).version;
}
