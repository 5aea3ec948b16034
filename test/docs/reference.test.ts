import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { SETTINGS } from "../../provider/config/keys";
import * as functions from "../../provider/functions";
import schema from "../../provider/plugin/schema.json";
import { CHECKOUT, readPage } from "./page";
import { cellsOf } from "./table";

describe("reference pages", () => {
  for (const [type, page] of [
    ["ServiceAccount", "service-account"],
    ["ApiKey", "api-key"],
    ["ServiceIdentity", "service-identity"],
  ] as const) {
    const { prose } = readPage(`docs/${page}.md`);
    const source = sourceOf(`resources/${page}`);

    it(`list every input of ${type}, and whether it is required`, () => {
      const members = interfaceMembers(source, `${type}Args`);
      for (const [heading, optional] of [
        ["### Required", false],
        ["### Optional", true],
      ] as const) {
        const names = members.filter((one) => one.optional === optional).map(({ name }) => name);
        assert.deepEqual(namesIn(prose, heading), names.sort(), heading);
      }
    });

    it(`list every output of ${type}`, () => {
      const id = type === "ServiceIdentity" ? [] : ["id"];
      assert.deepEqual(namesIn(prose, "## Outputs"), [...id, ...properties(source, type)].sort());
    });
  }

  it("list the arguments of every function in its section", () => {
    const { prose } = readPage("docs/functions.md");
    const names = Object.keys(functions).filter((name) => /^get.*(?<!Output)$/.test(name));
    const source = sourceOf("functions/types");
    for (const name of names) {
      assert.ok(prose.includes(`\n### ${name}\n`), name);
      const [, section = ""] = prose.split(`\n### ${name}\n`);
      const [own = ""] = section.split("\n#");
      const args = `${name.replace("get", "Get")}Args`;
      assert.deepEqual(
        namesIn(`\n## Arguments\n${own}`, "## Arguments"),
        interfaceMembers(source, args)
          .map((member) => member.name)
          .sort(),
        name,
      );
    }
  });

  it("name every function and its result in other languages", () => {
    const rows = cellsOf(readPage("docs/plugin.md").prose, "### Names in other languages");
    const expected = Object.entries(schema.functions).map(([token, { outputs }]) => {
      const name = token.replace("flexprice:index:", "");
      const [property = "", ...others] = Object.keys(outputs.properties);
      const list = others.length === 0 ? property : undefined;
      const python = `${snakeCase(name)}(…)${list === undefined ? "" : `.${list}`}`;
      return [name, `flexprice:${name}`, python, list && `.${pascalCase(list)}`];
    });
    assert.deepEqual(
      rows
        .map(([name = "", yaml = "", python = "", go = ""]) => [
          ...[codeIn(name), codeIn(yaml), codeIn(python)],
          /`(\.\w+)`/.exec(go)?.[1],
        ])
        .filter(([name]) => name?.startsWith("get"))
        .sort(),
      expected.sort(),
    );
  });

  for (const [page, heading] of [
    ["README.md", "## Configuration"],
    ["docs/installation-configuration.md", "## Settings"],
  ] as const) {
    it(`list every setting with its environment variable: ${page}`, () => {
      const rows = cellsOf(readPage(page).prose, heading);
      assert.deepEqual(
        Object.fromEntries(
          rows.map(([key = "", variable = ""]) => [codeIn(key), codeIn(variable)]),
        ),
        Object.fromEntries(
          Object.entries(SETTINGS).map(([name, variable]) => [`flexprice:${name}`, variable]),
        ),
      );
    });
  }
});

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function pascalCase(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function codeIn(cell: string): string {
  return /`([^`]+)`/.exec(cell)?.[1] ?? cell;
}

/** The names in the first column of the table under a heading, sorted. */
function namesIn(prose: string, heading: string): string[] {
  return cellsOf(prose, heading)
    .map(([cell = ""]) => codeIn(cell))
    .sort();
}

function sourceOf(path: string): ts.SourceFile {
  const file = join(CHECKOUT, "provider", `${path}.ts`);
  return ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest);
}

/** The members of an interface or an intersection of object types, without inherited ones. */
function interfaceMembers(
  source: ts.SourceFile,
  name: string,
): { name: string; optional: boolean }[] {
  const found = new Map<string, boolean>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node)) {
      found.set(node.name.getText(source), node.questionToken !== undefined);
    } else ts.forEachChild(node, visit);
  };
  for (const statement of source.statements) {
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
    if (isType && statement.name.text === name) ts.forEachChild(statement, visit);
  }
  return [...found].map(([member, optional]) => ({ name: member, optional }));
}

/** The non-static properties of a class. */
function properties(source: ts.SourceFile, name: string): string[] {
  const type = source.statements.find(
    (statement): statement is ts.ClassDeclaration =>
      ts.isClassDeclaration(statement) && statement.name?.text === name,
  );
  assert(type !== undefined, name);
  return type.members
    .filter(ts.isPropertyDeclaration)
    .filter(({ modifiers }) => !modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword))
    .map((member) => member.name.getText(source));
}
