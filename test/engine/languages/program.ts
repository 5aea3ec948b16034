import { randomBytes } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type Document, parseDocument } from "yaml";
import { goProblem } from "../../../scripts/pulumi-cli/build";
import { ensureLanguage, type Language } from "../../../scripts/pulumi-cli/languages";
import { ensurePython } from "../../../scripts/pulumi-cli/python";
import { EngineFixture } from "../fixture";
import { NODE_PROGRAM } from "./node-program";
import { CHECKOUT, cachedFolder, generatedSdk, hashOf, mustRun, PLUGIN } from "./sdk";

/** Where `pulumi package add` puts the SDK in a program's folder. */
const SDK = join("sdks", "flexprice");
const GO_BINARY = "program";

interface Preparation {
  env?: Record<string, string>;
  options?: Record<string, unknown>;
}

/** Gives a copy of a program what `pulumi install` would. */
const PREPARE: Record<Language, (folder: string, kind: string) => Promise<Preparation>> = {
  yaml: async () => {
    await ensureLanguage("yaml");
    return {};
  },
  python: async (folder) => {
    symlinkSync(await ensurePython(), join(folder, "venv"));
    return { env: { PYTHONPATH: join(await generatedSdk("python"), "installed") } };
  },
  go: async (folder, kind) => {
    cpSync(await compiledGo(folder, kind), folder, { recursive: true });
    // Otherwise the host would compile the program in each operation.
    return { options: { binary: GO_BINARY } };
  },
  nodejs: async (folder) => {
    link(folder, join(await generatedSdk("nodejs"), "bin"));
    return {};
  },
};

/** A program on the engine, beside an embedded Flexprice. */
export interface LanguageProgram {
  fixture: EngineFixture;
  folder: string;
  close: () => Promise<void>;
}

/**
 * Opens the example in this language. For Node, whose examples use this package, it is one with generated classes.
 * @param files - Replace those of the example, by name.
 * @param kind - Programs of one kind replace each other where compiled ones are kept.
 */
export async function openProgram(
  language: Language,
  files: Readonly<Record<string, string>> = {},
  kind = "program",
): Promise<LanguageProgram> {
  const folder = join(CHECKOUT, ".scratch", randomBytes(6).toString("hex"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    copyProgram(language, folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { env = {}, options = {} } = await PREPARE[language](folder, kind);
    amendProject(folder, options);
    const fixture = await EngineFixture.on(folder, { env });
    return { fixture, folder, close: () => fixture.close().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Copies the example, without what somebody who has tried it in its folder has made there. */
export function copyProgram(language: Language, folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (language === "nodejs") {
    for (const [name, text] of Object.entries(NODE_PROGRAM))
      writeFileSync(join(folder, name), text);
    return;
  }
  const generated = ["sdks", "venv", "go.sum"];
  cpSync(join(CHECKOUT, "examples", language), folder, {
    recursive: true,
    filter: (source) => !generated.includes(basename(source)),
  });
  // The example names a folder that is not beside the copy.
  editProject(folder, (project) => project.delete("plugins"));
}

/** Puts the plugin of this checkout into a folder. */
export function placePlugin(folder: string): void {
  writeFileSync(join(folder, LAUNCHER), launcherText(), { mode: 0o755 });
}

/** The command that Pulumi looks for. */
export const LAUNCHER = "pulumi-resource-flexprice";

/** A script that starts the plugin of this checkout. */
export function launcherText(): string {
  return `#!/bin/sh\nexec "${process.execPath}" "${join(PLUGIN, "main.js")}" "$@"\n`;
}

/** Brings the plugin. If it were on PATH, a warning of that would be in every output. */
function amendProject(folder: string, options: Record<string, unknown>): void {
  editProject(folder, (project) => {
    const runtime = project.get("runtime");
    if (typeof runtime === "string") project.set("runtime", { name: runtime, options });
    project.set("plugins", { providers: [{ name: "flexprice", path: "." }] });
  });
  placePlugin(folder);
}

function editProject(folder: string, edit: (project: Document) => void): void {
  const file = join(folder, "Pulumi.yaml");
  const project = parseDocument(readFileSync(file, "utf8"));
  edit(project);
  writeFileSync(file, project.toString());
}

/** Compiles a program once for all runs. Go needs the network only for modules that it has never seen. */
async function compiledGo(folder: string, kind: string): Promise<string> {
  const missing = await goProblem();
  if (missing !== undefined)
    throw new Error(`${missing}. Install Go (https://go.dev/doc/install).`);
  const sdk = await generatedSdk("go");
  const key = hashOf(
    sdk,
    ...readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8")),
  );
  return await cachedFolder(`go-${kind}`, key, async (draft) => {
    cpSync(folder, draft, { recursive: true });
    link(draft, sdk);
    await mustRun("go", ["build", "-o", GO_BINARY, "."], {
      cwd: draft,
      env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off" },
      timeoutMs: 10 * 60_000,
    });
  });
}

function link(folder: string, sdk: string): void {
  mkdirSync(join(folder, "sdks"));
  symlinkSync(sdk, join(folder, SDK));
}
