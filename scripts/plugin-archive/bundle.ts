import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const CHECKOUT = resolve(__dirname, "..", "..");
const SDK = createRequire(require.resolve("@pulumi/pulumi/package.json"));

export interface Bundle {
  readonly code: string;
  /** The licenses of the packages that the code contains. */
  readonly licenses: string;
}

/** The plugin and everything that it needs, as one file. */
export async function bundlePlugin(banner: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: CHECKOUT,
    entryPoints: ["provider/plugin/main.ts"],
    bundle: true,
    platform: "node",
    // An old Node must be able to read the banner. It cannot if it does not understand the rest.
    target: "node12",
    supported: { "node-colon-prefix-require": true, "node-colon-prefix-import": true },
    // Names stay: stack traces are readable. With short ones, V8 also compiles all modules at once.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    banner: { js: banner },
    alias: {
      "@grpc/grpc-js": SDK.resolve("@grpc/grpc-js"),
      "google-protobuf": dirname(SDK.resolve("google-protobuf/package.json")),
    },
    plugins: [staticRequires, englishOnly],
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const code = outputFiles.map(({ text }) => text).join("");
  return { code, licenses: licensesOf(Object.keys(metafile.inputs)) };
}

/** Loads gRPC and Pulumi's messages by what the bundler sees, instead of by the path of the installed SDK. */
const staticRequires: Plugin = {
  name: "static-requires",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]shared[\\/]grpc\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const contents = source.replaceAll("sdk()(", "require(").replace(/^const sdk = .*\n/m, "");
      if (/\bsdk\b/.test(contents)) throw new Error(`${path} loads more than it did`);
      return { contents, loader: "ts" };
    });
  },
};

/** Leaves out zod's messages in fifty other languages: a tenth of the bundle. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

/** By package, so that the order is the same wherever the packages lie. */
function licensesOf(inputs: readonly string[]): string {
  const licenses = new Map<string, string>();
  for (const input of inputs) {
    const [folder, name] =
      /^(?:.*[\\/])?node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(input) ?? [];
    if (folder === undefined || name === undefined || licenses.has(name)) continue;
    const files = readdirSync(join(CHECKOUT, folder));
    const file = files.find((file) => /^licen[cs]e(\.|$)/i.test(file));
    if (file === undefined) throw new Error(`${name} has no license`);
    licenses.set(name, readFileSync(join(CHECKOUT, folder, file), "utf8").trim());
  }
  return [...licenses]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, text]) => `${name}\n\n${text}\n`)
    .join(`\n${"-".repeat(80)}\n\n`);
}
