import { createRequire } from "node:module";
import { join } from "node:path";
import type typescript from "typescript";
import { entries } from "./manifest";

/** `module` and `moduleResolution` of programs. The first is that of Pulumi's template. */
export const RESOLUTIONS = {
  node10: "CommonJS",
  nodenext: "NodeNext",
  node16: "Node16",
  bundler: "ESNext",
};

/** Uses every entry, and the inputs and outputs of the resources. */
const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
${entries.map((entry, index) => `import * as entry${index} from "${entry}";`).join("\n")}
export const all = [${entries.map((_, index) => `entry${index}`).join(", ")}];
export const args: flexprice.ApiKeyArgs = { expiresIn: "90d" };
const key = new flexprice.ApiKey("ci", args);
export const value: { apply(take: (apiKey: string) => string): unknown } = key.apiKey;
// @ts-expect-error: an unknown input is rejected, which proves that the types above exist.
new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"], nme: "ci" });
`;

/** The strictest settings. Other packages of the user may be less strict, and are not checked. */
const STRICTEST = {
  target: "ES2022",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
};

/** As in `pulumi new typescript`: no skipLibCheck, so that every declaration is checked. */
const TEMPLATE = {
  strict: true,
  outDir: "bin",
  target: "es2020",
  sourceMap: true,
  experimentalDecorators: true,
  pretty: true,
  noFallthroughCasesInSwitch: true,
  noImplicitReturns: true,
  forceConsistentCasingInFileNames: true,
};

/**
 * The messages of this folder's compiler, with the strictest settings, about a program that imports every entry, and
 * about all declarations of the package. Those of other packages are not checked.
 */
export function typeProblems(folder: string, module: string, moduleResolution: string): string[] {
  const compiled = compile(folder, PROGRAM, { ...STRICTEST, module, moduleResolution });
  const { program, file } = compiled;
  const sources = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName === file || fileName.includes("/pulumi-flexprice/"));
  return texts(compiled, [
    ...compiled.errors,
    ...program.getOptionsDiagnostics(),
    ...sources.flatMap((source) => [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]),
  ]);
}

/** Its own declarations do not compile for anyone, which this package cannot fix. */
const UNSOUND = "/node_modules/@pulumi/policy/";

/**
 * The messages of `tsc` about a program with the settings of Pulumi's template that uses every export of every entry:
 * about the program, the package, and all other declarations that the compiler reads for them.
 */
export function templateProblems(
  folder: string,
  module: string,
  moduleResolution: string,
): string[] {
  const options = { ...TEMPLATE, module, moduleResolution };
  const compiled = compile(folder, everyExport(folder, options), options);
  return texts(compiled, [
    ...compiled.errors,
    ...compiled.ts
      .getPreEmitDiagnostics(compiled.program)
      .filter(({ file }) => file?.fileName.includes(UNSOUND) !== true),
  ]);
}

/** A program that uses every export of every entry, values as values and types as types. */
function everyExport(folder: string, options: Record<string, unknown>): string {
  const imports = entries.map((entry, index) => `import * as entry${index} from "${entry}";`);
  const { ts, program, file } = compile(folder, imports.join("\n"), options);
  const checker = program.getTypeChecker();
  const uses = (program.getSourceFile(file)?.statements ?? []).flatMap((statement, index) => {
    if (!ts.isImportDeclaration(statement)) return [];
    const symbol = checker.getSymbolAtLocation(statement.moduleSpecifier);
    if (symbol === undefined) throw new Error(`${entries[index]} is not found`);
    const exports = checker.getExportsOfModule(symbol);
    if (exports.length === 0) throw new Error(`${entries[index]} exports nothing`);
    return exports.map((exported) => {
      const { name } = exported;
      const meant =
        exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const asType = exported.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration) === true;
      return meant.flags & ts.SymbolFlags.Value && !asType
        ? `export const value${index}_${name} = entry${index}.${name};`
        : `export type Type${index}_${name} = entry${index}.${name};`;
    });
  });
  return [...imports, ...uses].join("\n");
}

interface Compiled {
  readonly ts: typeof typescript;
  readonly program: typescript.Program;
  readonly errors: readonly typescript.Diagnostic[];
  readonly file: string;
}

function compile(folder: string, source: string, json: Record<string, unknown>): Compiled {
  const ts: typeof typescript = createRequire(join(folder, "program.js"))("typescript");
  const { options, errors } = ts.convertCompilerOptionsFromJson(json, folder);
  const file = join(folder, "program.ts");
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => folder;
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, source, ts.ScriptTarget.ES2022)
      : getSourceFile(path, ...rest);
  return { ts, errors, file, program: ts.createProgram([file], options, host) };
}

function texts({ ts }: Compiled, problems: readonly typescript.Diagnostic[]): string[] {
  return problems.map(
    (problem) =>
      `${problem.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`,
  );
}
