import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { unknownSettingError, unknownSettings } from "../config/keys";
import { FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { rememberSecret } from "../shared/redaction";
import type { CommandContext } from "./command-context";

/** A Pulumi project, as far as its program concerns this package. */
export interface Project {
  /** The folder of Pulumi.yaml. */
  readonly folder: string;
  /** The folder in which the program and the provider run. */
  readonly programFolder: string;
  readonly runtime: string;
}

const PROJECT_FILES = ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"];

const projectShape = z.object({
  main: z.string().optional(),
  runtime: z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]),
});

/** The project file that Pulumi finds from a folder: there or in the nearest folder above. */
export function findProjectFile(directory: string): string | undefined {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    const file = PROJECT_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (file !== undefined || dirname(folder) === folder) return file;
  }
}

/** @throws FlexpriceError of kind `configuration` where the file is no Pulumi project. */
export function readProject(file: string): Project {
  const { main = ".", runtime } = parseProject(file);
  const folder = dirname(file);
  const path = resolve(folder, main);
  const isFile = existsSync(path) && !statSync(path).isDirectory();
  return { folder, programFolder: isFile ? dirname(path) : path, runtime };
}

function parseProject(file: string): z.infer<typeof projectShape> {
  try {
    return projectShape.parse(parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason =
      error instanceof z.ZodError ? z.prettifyError(error) : String(Object(error).message);
    throw new FlexpriceError({
      kind: "configuration",
      operation: `read the Pulumi project ${file}`,
      reason: reason.trim(),
      fix: "correct the file; it needs at least a name and a runtime.",
    });
  }
}

/** A value of a stack's config, decrypted. */
interface ConfigValue {
  readonly value: string;
  /** Whether it is encrypted in the stack's file. */
  readonly secret: boolean;
}

/** The config of the stack that counts here, or why none does. */
export type StackConfig =
  | { readonly kind: "read"; readonly values: ReadonlyMap<string, ConfigValue> }
  | { readonly kind: "none"; readonly why: string; readonly fix: string };

/** A name, or false for no stack at all; absent: the one that is selected in the project, if any. */
export type StackChoice = string | false | undefined;

const configShape = z.record(
  z.string(),
  z.object({ value: z.string().default(""), secret: z.boolean().default(false) }),
);

/**
 * Asks the Pulumi CLI for the stack's config.
 * @throws FlexpriceError of kind `configuration` when there is a stack and its config cannot be read.
 */
export async function readStackConfig(
  shell: CommandContext,
  stack: StackChoice,
): Promise<StackConfig> {
  if (stack === false) {
    return { kind: "none", why: "--no-stack was given", fix: "leave out --no-stack." };
  }
  const isNamed = stack !== undefined;
  const operation = `read the config of ${isNamed ? `stack ${stack}` : "the selected stack"}`;
  const refuse = (reason: string, fix: string) =>
    new FlexpriceError({ kind: "configuration", operation, reason, fix });
  const none = (why: string, fix: string): StackConfig => {
    if (isNamed) throw refuse(why, fix);
    return { kind: "none", why, fix };
  };
  if (findProjectFile(shell.directory) === undefined) {
    return none(
      "there is no Pulumi project here",
      "run the command in the folder of the project's Pulumi.yaml.",
    );
  }
  const asked = await shell.run("pulumi", [
    ...["config", "--json", "--show-secrets", "--non-interactive", "--color", "never"],
    ...(isNamed ? ["--stack", stack] : []),
  ]);
  if (asked === undefined) {
    return none(
      "there is no pulumi CLI on the PATH",
      "install it (https://www.pulumi.com/docs/install/), or use the environment alone: --no-stack.",
    );
  }
  if (asked.status !== 0 && /no stack selected/.test(asked.stderr)) {
    return none("no stack is selected", "select it: pulumi stack select.");
  }
  if (asked.status !== 0) {
    throw refuse(
      `pulumi config ended with exit status ${asked.status}: ${asked.stderr.trim()}`,
      "put right what the Pulumi CLI complains about, or use the environment alone: --no-stack.",
    );
  }
  const parsed = configShape.safeParse(parseJson(asked.stdout));
  if (!parsed.success) {
    throw refuse(
      "pulumi config --json did not print what it prints in the versions that this package knows",
      "update the Pulumi CLI, or use the environment alone: --no-stack.",
    );
  }
  for (const { value, secret } of Object.values(parsed.data)) {
    if (secret) rememberSecret(value);
  }
  return { kind: "read", values: new Map(Object.entries(parsed.data)) };
}

/** @throws FlexpriceError for a setting that means nothing, most likely a slip that would change where we connect. */
export function rejectUnknown(config: StackConfig): void {
  const [unknown] = unknownSettings(config.kind === "read" ? [...config.values.keys()] : []);
  if (unknown !== undefined) throw unknownSettingError(unknown);
}
