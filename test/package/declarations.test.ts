import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative, resolve } from "node:path";
import ts from "typescript";
import { CHECKOUT, manifest } from "./manifest";

describe("the declarations that users compile", () => {
  it("import only peer dependencies and Node: those of zod do not compile everywhere", () => {
    const allowed = [...Object.keys(manifest.peerDependencies), ...builtinModules];
    const { read, foreign } = reachable();
    assert.ok(read.length > Object.keys(manifest.exports).length, read.join());
    assert.deepEqual(
      foreign.filter(({ specifier }) => !allowed.includes(packageOf(specifier))),
      [],
    );
  });
});

interface Import {
  readonly from: string;
  readonly specifier: string;
}

/** All declarations that the entries reach, and what they import from other packages. */
function reachable(): { read: string[]; foreign: Import[] } {
  const open = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [] : [join(CHECKOUT, target.types)],
  );
  const read = new Set<string>();
  const foreign: Import[] = [];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (read.has(file)) continue;
    read.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith(".")) open.push(declaration(resolve(file, "..", specifier)));
      else foreign.push({ from: relative(CHECKOUT, file), specifier });
    }
  }
  return { read: [...read], foreign };
}

function importsOf(file: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(file, "utf8"));
  return [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}

function declaration(path: string): string {
  const found = [`${path}.d.ts`, join(path, "index.d.ts")].find(existsSync);
  assert.ok(found, `${path} has no declaration`);
  return found;
}

function packageOf(specifier: string): string {
  const [scope = "", name = ""] = specifier.replace(/^node:/, "").split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}
