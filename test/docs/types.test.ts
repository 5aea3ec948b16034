import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { asModule } from "./module";
import { type Block, CHECKOUT, pagePaths, readDocstrings, readPage } from "./page";

describe("TypeScript in documents", () => {
  it("compiles with strict settings", () => {
    const sources = readdirSync(join(CHECKOUT, "provider"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readDocstrings(join("provider", file)));
    const blocks = [...pagePaths().map(readPage), ...sources].flatMap(({ blocks }) => blocks);
    assert.deepEqual(problemsOf(blocks.filter(({ language }) => language === "ts")), []);
  });

  it("does not compile with a mistake", () => {
    const block = { page: "a.md", line: 7, language: "ts" };
    assert.deepEqual(
      problemsOf([
        { ...block, text: 'new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });' },
        { ...block, text: '\nnew flexprice.ServiceAccount("ci", { rolls: ["event_reader"] });' },
      ]).map((problem) => problem.replace(/ in type.*/, "")),
      ["a.md:8: Object literal may only specify known properties, but 'rolls' does not exist"],
    );
  });
});

/** Examples in comments can omit the function around them, programs cannot. */
const AWAIT_OUTSIDE = 1309;

/** The compiler's messages about the blocks, as one program with the project's settings. */
function problemsOf(blocks: readonly Block[]): string[] {
  const files = new Map(
    blocks.map((block, index) => [join(CHECKOUT, "test", "docs", `block-${index}.ts`), block]),
  );
  const config = ts.getParsedCommandLineOfConfigFile(
    join(CHECKOUT, "tsconfig.json"),
    // Examples may declare more than they use.
    { noUnusedLocals: false },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => assert.fail(text(messageText)),
    },
  );
  assert.ok(config);
  const host = ts.createCompilerHost(config.options);
  const { fileExists, readFile, getSourceFile } = host;
  const source = (path: string) => {
    const block = files.get(path);
    return block && asModule(block.text);
  };
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => source(path) ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const code = source(path);
    return code === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, code, language);
  };
  const program = ts.createProgram([...files.keys()], config.options, host);
  return ts.getPreEmitDiagnostics(program).flatMap(({ code, file, start = 0, messageText }) => {
    const block = file && files.get(file.fileName);
    if (file === undefined || block === undefined) return [text(messageText)];
    if (code === AWAIT_OUTSIDE && !block.page.endsWith(".md")) return [];
    const line = block.line + file.getLineAndCharacterOfPosition(start).line;
    return [`${block.page}:${line}: ${text(messageText)}`];
  });
}

function text(message: string | ts.DiagnosticMessageChain): string {
  return ts.flattenDiagnosticMessageText(message, " ");
}
