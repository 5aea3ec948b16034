import { createRequire } from "node:module";
import { join } from "node:path";
import type typescript from "typescript";
import { entries } from "./manifest";

/** `module` and `moduleResolution` as programs have them; Pulumi's own template has the first. */
export const RESOLUTIONS = {
  node10: "CommonJS",
  node16: "Node16",
  nodenext: "NodeNext",
  bundler: "ESNext",
};

/** What a program sees of every entry, and of the resources' inputs and outputs. */
const PROGRAM = `
import * as flexprice from "pulumi-flexprice";
${entries.map((entry, index) => `import * as entry${index} from "${entry}";`).join("\n")}
export const all = [${entries.map((_, index) => `entry${index}`).join(", ")}];
export const args: flexprice.ApiKeyArgs = { expiresIn: "90d" };
const key = new flexprice.ApiKey("ci", args);
export const value: { apply(take: (apiKey: string) => string): unknown } = key.apiKey;
// @ts-expect-error: what is no such input is refused, so that the types above are really there.
new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"], nme: "ci" });
`;

/**
 * What this folder's own compiler says, at its strictest, of a program that imports every entry, and of all the
 * declarations of the package that it reads. Those of other packages are not looked into.
 */
export function typeProblems(folder: string, module: string, moduleResolution: string): string[] {
  const ts: typeof typescript = createRequire(join(folder, "program.js"))("typescript");
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    {
      target: "ES2022",
      module,
      moduleResolution,
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    },
    folder,
  );
  const file = join(folder, "program.ts");
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, PROGRAM, ts.ScriptTarget.ES2022)
      : getSourceFile(path, ...rest);
  const program = ts.createProgram([file], options, host);
  const looked = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName === file || fileName.includes("/pulumi-flexprice/"));
  const problems = [
    ...errors,
    ...program.getOptionsDiagnostics(),
    ...looked.flatMap((source) => [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]),
  ];
  return problems.map(
    (problem) =>
      `${problem.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`,
  );
}
