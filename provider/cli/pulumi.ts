import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { errorText, FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { rememberSecret } from "../shared/redaction";
import type { CommandContext } from "./command-context";

/** The part of a Pulumi project that concerns this package. */
export interface Project {
  /** The folder in which the program and the provider run. */
  readonly programFolder: string;
  readonly runtime: string;
  /** Whether the file names the package of the plugin, so that its program uses that front end. */
  readonly namesPlugin: boolean;
  /** Where the file says that the plugin is; undefined if it does not say. */
  readonly pluginPath: string | undefined;
}

const PROJECT_FILES = ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"];

const projectShape = z.object({
  main: z.string().optional(),
  runtime: z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]),
  plugins: z
    .object({ providers: z.array(z.object({ name: z.string(), path: z.string().optional() })) })
    .partial()
    .nullish(),
  packages: z.record(z.string(), z.unknown()).nullish(),
});

/** The project file that Pulumi finds from a folder: in it, or in the nearest folder above. */
export function findProjectFile(directory: string): string | undefined {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    const file = PROJECT_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (file !== undefined || dirname(folder) === folder) return file;
  }
}

/** @throws FlexpriceError of kind `configuration` if the file is not a Pulumi project. */
export function readProject(file: string): Project {
  const { main = ".", runtime, plugins, packages } = parseProject(file);
  const path = resolve(dirname(file), main);
  const isFile = existsSync(path) && !statSync(path).isDirectory();
  const plugin = plugins?.providers?.find(({ name }) => name === "flexprice");
  return {
    programFolder: isFile ? dirname(path) : path,
    runtime,
    namesPlugin: plugin !== undefined || packages?.["flexprice"] !== undefined,
    pluginPath: plugin?.path === undefined ? undefined : resolve(dirname(file), plugin.path),
  };
}

function parseProject(file: string): z.infer<typeof projectShape> {
  try {
    return projectShape.parse(parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : errorText(error);
    throw new FlexpriceError({
      kind: "configuration",
      operation: `read the Pulumi project ${file}`,
      reason: reason.trim(),
      fix: "correct the file; it needs at least a name and a runtime.",
    });
  }
}

/** A decrypted value of a stack's config. */
interface ConfigValue {
  readonly value: string;
  /** Whether it is encrypted in the stack's file. */
  readonly secret: boolean;
}

/** The config of the chosen stack, or why no stack counts. */
export type StackConfig =
  | { readonly kind: "read"; readonly values: ReadonlyMap<string, ConfigValue> }
  | NoStack;

interface NoStack {
  readonly kind: "none";
  readonly why: string;
  readonly fix: string;
}

/** A stack's name, or false for no stack. Undefined: the selected stack, if there is one. */
export type StackChoice = string | false | undefined;

const configShape = z.record(
  z.string(),
  z.object({ value: z.string().default(""), secret: z.boolean().default(false) }),
);

/**
 * Asks the Pulumi CLI for the stack's config.
 * @throws FlexpriceError of kind `configuration` if the stack exists but its config cannot be read.
 */
export async function readStackConfig(
  context: CommandContext,
  stack: StackChoice,
): Promise<StackConfig> {
  const unreadable = (reason: string, fix: string) =>
    new FlexpriceError({
      kind: "configuration",
      operation: `read the config of ${stack === undefined ? "the selected stack" : `stack ${stack}`}`,
      reason,
      fix,
    });
  const output = await askPulumi(context, stack, "config", "--json", "--show-secrets");
  if (output.kind === "none") {
    // Without the stack that the user named, the command would use another server.
    if (typeof stack === "string") throw unreadable(output.why, output.fix);
    return output;
  }
  if (output.kind === "failed") {
    throw unreadable(
      output.why,
      "fix what the Pulumi CLI reports, or use only environment variables: --no-stack.",
    );
  }
  const parsed = configShape.safeParse(parseJson(output.content));
  if (!parsed.success) {
    throw unreadable(
      "the output of pulumi config --json has an unknown format",
      "update the Pulumi CLI, or use only environment variables: --no-stack.",
    );
  }
  for (const { value, secret } of Object.values(parsed.data)) {
    if (secret) rememberSecret(value);
  }
  return { kind: "read", values: new Map(Object.entries(parsed.data)) };
}

/** Asks the Pulumi CLI for the stack's state, with encrypted secrets. */
export function readStackState(context: CommandContext, stack: StackChoice): Promise<StackOutput> {
  return askPulumi(context, stack, "stack export");
}

/** What the Pulumi CLI prints about the chosen stack, or why it prints nothing. */
type StackOutput =
  | { readonly kind: "read"; readonly content: string }
  | NoStack
  | { readonly kind: "failed"; readonly why: string };

async function askPulumi(
  context: CommandContext,
  stack: StackChoice,
  command: string,
  ...options: string[]
): Promise<StackOutput> {
  const none = (why: string, fix: string): NoStack => ({ kind: "none", why, fix });
  if (stack === false) return none("--no-stack was given", "leave out --no-stack.");
  if (findProjectFile(context.directory) === undefined) {
    return none(
      "there is no Pulumi project here",
      "run the command in the folder of the project's Pulumi.yaml.",
    );
  }
  const result = await context.run("pulumi", [
    ...[...command.split(" "), ...options, "--non-interactive", "--color", "never"],
    ...(stack === undefined ? [] : ["--stack", stack]),
  ]);
  if (result === undefined) {
    return none(
      "there is no pulumi CLI on the PATH",
      "install it (https://www.pulumi.com/docs/install/), or use only environment variables: --no-stack.",
    );
  }
  const { status, stdout, stderr } = result;
  if (status === 0) return { kind: "read", content: stdout };
  if (/no stack selected/.test(stderr)) {
    return none("no stack is selected", "select it: pulumi stack select.");
  }
  const why = `pulumi ${command} ended with exit status ${status}: ${stderr.trim()}`;
  return { kind: "failed", why };
}
