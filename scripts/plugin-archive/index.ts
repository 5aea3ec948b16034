import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { create } from "tar";
import { bundlePlugin } from "./bundle";
import { BUNDLE, cmdLauncher, shellLauncher, versionCheck } from "./launchers";

const CHECKOUT = resolve(__dirname, "..", "..");

/** As Go names them, and Pulumi with it. */
const PLATFORMS = ["linux", "darwin", "windows"].flatMap((system) =>
  ["amd64", "arm64"].map((processor) => `${system}-${processor}`),
);

interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
}

/**
 * Writes the archives of a release into a folder, by the names that Pulumi looks for. All have the same content, and
 * the same input gives the same bytes.
 */
export async function writeArchives(folder: string): Promise<string[]> {
  const { version, engines }: Manifest = JSON.parse(
    readFileSync(join(CHECKOUT, "package.json"), "utf8"),
  );
  mkdirSync(folder, { recursive: true });
  const archives = PLATFORMS.map((platform) =>
    join(folder, `pulumi-resource-flexprice-v${version}-${platform}.tar.gz`),
  );
  const content = mkdtempSync(join(tmpdir(), "pulumi-flexprice-plugin-"));
  try {
    const files = await writeContent(content, engines.node.replace(">=", ""));
    const [first = "", ...others] = archives;
    await create(
      { cwd: content, file: first, gzip: true, portable: true, mtime: new Date(0) },
      files,
    );
    for (const other of others) copyFileSync(first, other);
  } finally {
    rmSync(content, { recursive: true, force: true });
  }
  return archives;
}

/** @param node - The oldest version of Node.js that runs the plugin. */
async function writeContent(folder: string, node: string): Promise<string[]> {
  const { code, licenses } = await bundlePlugin(versionCheck(node));
  const files: Record<string, string> = {
    "pulumi-resource-flexprice": shellLauncher(node),
    "pulumi-resource-flexprice.cmd": cmdLauncher(node),
    [BUNDLE]: code,
    LICENSE: readFileSync(join(CHECKOUT, "LICENSE"), "utf8"),
    "LICENSES-OF-DEPENDENCIES.txt": licenses,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), name === "pulumi-resource-flexprice" ? 0o755 : 0o644);
  }
  return Object.keys(files);
}

if (require.main === module) {
  const [folder = join(CHECKOUT, ".scratch")] = process.argv.slice(2);
  void writeArchives(folder).then((archives) => process.stdout.write(`${archives.join("\n")}\n`));
}
