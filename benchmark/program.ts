import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import type { ProgramSource } from "../scripts/workspace";

const FOLDER = join(__dirname, "program");

const PLUGIN = join(__dirname, "..", "dist", "plugin", "main.js");

/**
 * The program in benchmark/program as plain JavaScript. A compiler in the program's process would add to every
 * operation, and make the differences between providers look smaller than they are.
 */
export function program(nodeargs?: string): ProgramSource {
  const files = Object.fromEntries(readdirSync(FOLDER).map((name) => compiled(name)));
  const { "index.js": source = "", ...others } = files;
  return {
    source,
    language: "javascript",
    project: "benchmark",
    files: { ...others, "pulumi-resource-flexprice": `#!/bin/sh\nexec node '${PLUGIN}' "$@"\n` },
    plugins: { providers: [{ name: "flexprice", path: "." }] },
    ...(nodeargs === undefined ? {} : { runtimeOptions: { nodeargs } }),
  };
}

function compiled(name: string): [string, string] {
  const text = readFileSync(join(FOLDER, name), "utf8");
  if (!name.endsWith(".ts")) return [name, text];
  const { outputText } = transpileModule(text, {
    compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 },
  });
  return [name.replace(/ts$/, "js"), outputText];
}
