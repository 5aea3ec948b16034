import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { exchangesOf } from "../engine/console";
import { commandsIn, problemOf } from "./commands";
import { CHECKOUT, type Page, pagePaths, readPage } from "./page";

/** A command in a document, and its place. */
interface Documented {
  readonly script: string;
  readonly where: string;
}

describe("commands in documents", () => {
  for (const path of pagePaths()) {
    const commands = documentedIn(readPage(path));
    if (commands.length === 0) continue;
    it(`exist, with their options: ${path}`, async () => {
      assert.deepEqual(await problems(commands, join(CHECKOUT, dirname(path))), []);
    });
  }

  it("exist, also in the advice of errors", async () => {
    assert.deepEqual(await problems(quotedInSources(), CHECKOUT), []);
  });

  it("are all found in a script", () => {
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

  it("are rejected with a typo", async () => {
    const typos = [
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
      typos.map((script) => ({ script, where: script })),
      CHECKOUT,
    );
    assert.equal(found.length, typos.length, found.join("\n"));
  });
});

async function problems(commands: readonly Documented[], folder: string): Promise<string[]> {
  const found = commands.map(async ({ script, where }) => {
    const problems = await Promise.all(commandsIn(script).map((words) => problemOf(words, folder)));
    return problems.flatMap((problem) => (problem === undefined ? [] : [`${where}: ${problem}`]));
  });
  return (await Promise.all(found)).flat();
}

function documentedIn({ path, blocks, prose }: Page): Documented[] {
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
function quotedInSources(): Documented[] {
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
