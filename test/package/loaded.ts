import { join } from "node:path";
import { z } from "zod";
import { output } from "./command";
import { nodeFolder } from "./tools";

const LOADED = `
require("@pulumi/pulumi");
const before = new Set(Object.keys(require.cache));
require("pulumi-flexprice");
const files = Object.keys(require.cache).filter((file) => !before.has(file));
console.log(JSON.stringify(files));
`;

/** The modules that `require("pulumi-flexprice")` loads after the SDK, as paths below node_modules. */
export async function loadedByImport(folder: string): Promise<string[]> {
  const printed = await output(process.execPath, ["-e", LOADED], { cwd: folder });
  return z
    .array(z.string())
    .parse(JSON.parse(printed))
    .map((file) => file.split(/[\\/]node_modules[\\/]/).at(-1) ?? file);
}

const NAMES = `
import { createRequire } from "node:module";
const [specifier] = process.argv.slice(1);
const required = Object.keys(createRequire(process.cwd() + "/program.js")(specifier));
const { default: _, "module.exports": __, __esModule: ___, ...imported } = await import(specifier);
console.log(JSON.stringify({ required, imported: Object.keys(imported) }));
`;

const names = z.object({ required: z.array(z.string()), imported: z.array(z.string()) });

/** The exports of an entry for `require` and for `import` on this Node. */
export async function namesOf(
  specifier: string,
  folder: string,
  node: number,
): Promise<z.infer<typeof names>> {
  const binary = join(await nodeFolder(node), "node");
  const args = ["--input-type=module", "--eval", NAMES, specifier];
  return names.parse(JSON.parse(await output(binary, args, { cwd: folder })));
}
