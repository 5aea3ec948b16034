import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ChildOptions, runChild } from "../../../scripts/child";
import { madeOnce } from "../../../scripts/pulumi-cli/cache";
import { ensureLanguage, type Language } from "../../../scripts/pulumi-cli/languages";
import { ensurePython, python, pythonOf } from "../../../scripts/pulumi-cli/python";

export const CHECKOUT = resolve(__dirname, "..", "..", "..");

/** The compiled provider plugin. */
export const PLUGIN = join(CHECKOUT, "dist", "plugin");

const TYPESCRIPT = require.resolve("typescript/lib/tsc.js");

/** A language that Pulumi generates an SDK for. */
type SdkLanguage = Exclude<Language, "yaml">;

/** Makes a generated SDK usable where that takes more than its files. */
const FINISH: Record<SdkLanguage, (sdk: string) => Promise<void>> = {
  python: async (sdk) => {
    await python(pythonOf(await ensurePython()), [
      ...["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"],
      ...["--no-index", "--no-build-isolation", "--target", join(sdk, "installed"), sdk],
    ]);
  },
  go: async () => {},
  nodejs: async (sdk) => {
    // It is written for an older compiler.
    await mustRun(process.execPath, [TYPESCRIPT, "-p", sdk, "--ignoreDeprecations", "6.0"]);
    cpSync(join(sdk, "package.json"), join(sdk, "bin", "package.json"));
  },
};

/**
 * Returns the folder of the SDK that Pulumi's generator makes of the plugin's schema. It is made again when the schema
 * or the CLI changes.
 */
export async function generatedSdk(language: SdkLanguage): Promise<string> {
  const { binary } = await ensureLanguage(language);
  const schema = schemaText();
  const key = hashOf(schema, binary, String(statSync(binary).mtimeMs));
  const folder = await cachedFolder(`sdk-${language}`, key, async (draft) => {
    const file = join(draft, "schema.json");
    writeFileSync(file, schema);
    // The language host for Node finds the SDK from here.
    const out = ["--language", language, "--out", draft];
    await mustRun(binary, ["package", "gen-sdk", ...out, file], {
      cwd: CHECKOUT,
      env: { ...process.env, PULUMI_HOME: join(draft, "home"), PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    await FINISH[language](join(draft, language));
  });
  return join(folder, language);
}

/** As `pulumi package add` reads it: it always asks for this, and `gen-sdk` does not. */
function schemaText(): string {
  const schema: { meta?: object } = JSON.parse(readFileSync(join(PLUGIN, "schema.json"), "utf8"));
  return JSON.stringify({ ...schema, meta: { ...schema.meta, supportPack: true } });
}

/** Returns a folder that is created once for all runs, until its key changes. */
export function cachedFolder(
  kind: string,
  key: string,
  make: (draft: string) => Promise<void>,
): Promise<string> {
  const scratch = join(CHECKOUT, ".scratch");
  return madeOnce(join(scratch, `${kind}-${key}`), console.log, async (draft) => {
    await make(draft);
    const outdated = new RegExp(`^${kind}-[0-9a-f]+$`);
    for (const name of readdirSync(scratch).filter((name) => outdated.test(name))) {
      rmSync(join(scratch, name), { recursive: true });
    }
  });
}

export function hashOf(...texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 16);
}

/** Runs a command that must succeed. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<void> {
  const { exitCode, output } = await runChild(command, args, { timeoutMs: 120_000, ...options });
  if (exitCode !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${output}`);
}
