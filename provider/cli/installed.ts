import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";

/** A package as Node finds it from somewhere. */
export interface InstalledPackage {
  readonly version: string;
  /** Without symbolic links. */
  readonly folder: string;
}

const dependencies = z.record(z.string(), z.string()).default({});

const manifestShape = z.object({
  name: z.string(),
  version: z.string().default("0.0.0"),
  dependencies,
  peerDependencies: dependencies,
});
type Manifest = z.infer<typeof manifestShape>;

/** The package that `require` finds from a folder by this path in it; undefined where it finds none. */
export function resolveFrom(folder: string, request: string): InstalledPackage | undefined {
  try {
    const file = createRequire(join(folder, "index.js")).resolve(request);
    return packageOf(realpathSync(file), nameIn(request));
  } catch {
    return undefined;
  }
}

/** The packages that a folder sees and that use another copy of a package than the folder itself, by their names. */
export function otherCopies(
  folder: string,
  request: string,
): ReadonlyMap<string, InstalledPackage> {
  const wanted = nameIn(request);
  const own = resolveFrom(folder, request)?.folder;
  const others = new Map<string, InstalledPackage>();
  for (const path of packagesSeenFrom(folder)) {
    const user = readManifest(path);
    if (user === undefined) continue;
    if (!(wanted in user.dependencies || wanted in user.peerDependencies)) continue;
    const copy = resolveFrom(realpathSync(path), request);
    if (copy !== undefined && copy.folder !== own) others.set(user.name, copy);
  }
  return others;
}

function packageOf(file: string, name: string): InstalledPackage | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const found = readManifest(folder);
    if (found?.name === name) return { version: found.version, folder };
  }
  return undefined;
}

function readManifest(folder: string): Manifest | undefined {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return undefined;
  return manifestShape.safeParse(JSON.parse(readFileSync(file, "utf8"))).data;
}

function* packagesSeenFrom(folder: string): Generator<string> {
  const seen = new Set<string>();
  for (let above = folder; ; above = dirname(above)) {
    for (const name of packagesIn(join(above, "node_modules"))) {
      // What lies nearer hides what lies further away.
      if (!seen.has(name)) yield join(above, "node_modules", name);
      seen.add(name);
    }
    if (above === dirname(above)) return;
  }
}

function packagesIn(modules: string): string[] {
  return entriesOf(modules).flatMap((name) =>
    name.startsWith("@")
      ? entriesOf(join(modules, name)).map((inner) => `${name}/${inner}`)
      : [name],
  );
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
}

/** "@pulumi/pulumi" in "@pulumi/pulumi/package.json". */
function nameIn(request: string): string {
  return request
    .split("/")
    .slice(0, request.startsWith("@") ? 2 : 1)
    .join("/");
}
