import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { exchangesOf } from "../engine/console";
import { commandsIn, problemOf } from "./commands";
import { CHECKOUT, type Page, pagePaths, readPage } from "./page";

/** A command in a document, and its place. */
interface Told {
  readonly script: string;
  readonly where: string;
}

describe("commands in documents", () => {
  for (const path of pagePaths()) {
    const told = toldBy(readPage(path));
    if (told.length === 0) continue;
    it(`exist, and so do their options: ${path}`, async () => {
      assert.deepEqual(await problems(told, join(CHECKOUT, dirname(path))), []);
    });
  }

  it("exist in the advice of errors, too", async () => {
    assert.deepEqual(await problems(toldBySources(), CHECKOUT), []);
  });

  it("are found in a script", () => {
    const script = `
A=1 pulumi up --yes \\
  --diff # -x
! x | grep -E 'a|b;' && npm ci
y="$(pulumi stack output z)" sh`;
    assert.deepEqual(commandsIn(script), [
      ["pulumi", "up", "--yes", "--diff"],
      ["x"],
      ["grep", "-E", "a|b;"],
      ["npm", "ci"],
      ["sh"],
      ["pulumi", "stack", "output", "z"],
    ]);
  });

  it("do not pass with a slip in them", async () => {
    const slips = [
      "pulumi upp",
      "pulumi config gett flexprice:baseUrl",
      "pulumi preview --expect-no-change",
      "pulumi config set --sekret a",
      "npm run starte",
      "npm install pulumi-flexprize",
      "npx flexprize",
      "pulumy up",
    ];
    const found = await problems(
      slips.map((script) => ({ script, where: script })),
      CHECKOUT,
    );
    assert.equal(found.length, slips.length, found.join("\n"));
  });
});

async function problems(told: readonly Told[], folder: string): Promise<string[]> {
  const found = told.map(async ({ script, where }) => {
    const seen = await Promise.all(commandsIn(script).map((words) => problemOf(words, folder)));
    return seen.flatMap((problem) => (problem === undefined ? [] : [`${where}: ${problem}`]));
  });
  return (await Promise.all(found)).flat();
}

function toldBy({ path, blocks, prose }: Page): Told[] {
  const typed = blocks.flatMap(({ language, line, text }) =>
    scriptsOf(language, text).map((script) => ({ script, where: `${path}:${line}` })),
  );
  const named = [...prose.matchAll(/`((?:pulumi|npm|npx) [^`…]+)`/g)].map(([, script = ""]) => ({
    script,
    where: `${path}, "${script}"`,
  }));
  return [...typed, ...named];
}

function scriptsOf(language: string, text: string): string[] {
  switch (language) {
    case "sh":
      return [text];
    case "console":
      return exchangesOf(text).map(({ command }) => command);
    case "yaml":
      return runSteps(parse(text));
    default:
      return [];
  }
}

/** The commands of a workflow, at any place in it. */
function runSteps(workflow: unknown): string[] {
  if (typeof workflow !== "object" || workflow === null) return [];
  return Object.entries(workflow).flatMap(([key, value]) =>
    key === "run" && typeof value === "string" ? [value] : runSteps(value),
  );
}

/** The quoted commands in texts of the provider. */
function toldBySources(): Told[] {
  return readdirSync(join(CHECKOUT, "provider"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const source = readFileSync(join(CHECKOUT, "provider", file), "utf8");
      return [...source.matchAll(/"((?:pulumi|npm|npx) [^"\n]+)"/g)].map(([, script = ""]) => ({
        script: script.replace(/\$\{[^}]*\}/g, "x"),
        where: `${file}, "${script}"`,
      }));
    });
}
