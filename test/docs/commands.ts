import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { z } from "zod";
import { runChild } from "../../scripts/child";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { CHECKOUT } from "./page";

const manifestShape = z.object({
  name: z.string(),
  bin: z.record(z.string(), z.string()).default({}),
  scripts: z.record(z.string(), z.string()).default({}),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

const BIN = join(CHECKOUT, "node_modules", ".bin");

/** npm commands that refer to a package.json. */
const OF_MANIFEST: readonly string[] = ["ci", "install", "start", "test", "run"];

/** The simple commands of a shell script, as words, including those in `$(…)`. */
export function commandsIn(script: string): string[][] {
  const commands: string[][] = [[]];
  const inner: string[] = [];
  const joined = script.replace(/\\\n/g, " ");
  for (const [token] of joined.matchAll(
    /#[^\n]*|\n|&&|\|\||[|;]|(?:"[^"]*"|'[^']*'|\\.|[^\s"'|;&])+/g,
  )) {
    if (token.startsWith("#")) continue;
    if (/^(?:\n|&&|\|\||[|;])$/.test(token)) {
      commands.push([]);
      continue;
    }
    for (const [, substituted = ""] of token.matchAll(/\$\(([^)]*)\)/g)) inner.push(substituted);
    const word = token.replace(/["']/g, "");
    // Parts around a command: negation, assignments, redirections.
    const command = commands.at(-1);
    if (command?.length === 0 && /^(?:!|\w+=.*)$/.test(word)) continue;
    command?.push(word);
  }
  return [...commands, ...inner.flatMap(commandsIn)].filter((words) => words.length > 0);
}

/** What is wrong with a command in a folder of the checkout. */
export async function problemOf(
  words: readonly string[],
  folder: string,
): Promise<string | undefined> {
  const [program = "", ...args] = words;
  switch (program) {
    case "pulumi":
      return await unknownToHelp([program], args);
    case "npm":
      return OF_MANIFEST.includes(args[0] ?? "")
        ? manifestProblem(args, folder)
        : await unknownToHelp([program, ...args.slice(0, 1)], args.slice(1));
    case "npx":
      return await unknownToHelp(binary(args[0] ?? ""), args.slice(1));
    default: {
      const found = await runChild("sh", ["-c", 'command -v -- "$0"', program], { cwd: folder });
      return found.exitCode === 0 ? undefined : `there is no command ${program}`;
    }
  }
}

function manifestProblem(
  [command = "", ...args]: readonly string[],
  folder: string,
): string | undefined {
  const manifests = manifestsAbove(folder);
  const named = args.filter((arg) => !arg.startsWith("-"));
  if (command === "ci" || command === "install") {
    const known = manifests.flatMap(({ name, dependencies, devDependencies }) => [
      name,
      ...Object.keys({ ...dependencies, ...devDependencies }),
    ]);
    const unknown = named.find((wanted) => !known.includes(wanted));
    return unknown === undefined ? undefined : `package ${unknown} is none of ours`;
  }
  const script = command === "run" ? named[0] : command;
  return manifests.some(({ scripts }) => Object.hasOwn(scripts, script ?? ""))
    ? undefined
    : `no package.json has a script "${script}"`;
}

/** The subcommands and options that the command's help does not list. */
async function unknownToHelp(
  command: readonly string[],
  args: readonly string[],
): Promise<string | undefined> {
  const help = await helpOf(command);
  if (help === undefined) return `${command.join(" ")} has no help`;
  const [next = ""] = args;
  if (/^[a-z-]+$/.test(next) && !next.startsWith("-")) {
    // After a word that is not a subcommand, or an alias of one, it prints the same help again, or none.
    const ofNext = await helpOf([...command, next]);
    if (ofNext !== undefined && ofNext !== help)
      return await unknownToHelp([...command, next], args.slice(1));
    if (help.includes("[command]")) return `${command.join(" ")} has no command ${next}`;
  }
  const options = args.flatMap((arg) => /^--?[A-Za-z][\w-]*/.exec(arg)?.[0] ?? []);
  const unknown = options.find(
    (option) => !new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(help),
  );
  return unknown === undefined ? undefined : `${command.join(" ")} has no option ${unknown}`;
}

const helps = new Map<string, Promise<string | undefined>>();

function helpOf(command: readonly string[]): Promise<string | undefined> {
  const key = command.join(" ");
  const help = helps.get(key) ?? askForHelp(command);
  helps.set(key, help);
  return help;
}

async function askForHelp([program = "", ...args]: readonly string[]): Promise<string | undefined> {
  const { directory } = await ensurePulumi();
  const { PATH = "" } = process.env;
  const { exitCode, stdout } = await runChild(program, [...args, "--help"], {
    cwd: CHECKOUT,
    env: { ...process.env, PATH: [directory, PATH].join(delimiter) },
  });
  return exitCode === 0 ? stdout : undefined;
}

/** The command that npx runs: the package's own, or that of a dependency. */
function binary(name: string): string[] {
  const own = manifestsAbove(CHECKOUT)[0]?.bin[name];
  return own === undefined ? [join(BIN, name)] : [process.execPath, join(CHECKOUT, own)];
}

/** Those of the folder and its parent folders, up to the checkout. */
function manifestsAbove(folder: string): z.infer<typeof manifestShape>[] {
  const file = join(folder, "package.json");
  const here = existsSync(file)
    ? [manifestShape.parse(JSON.parse(readFileSync(file, "utf8")))]
    : [];
  return folder === CHECKOUT ? here : [...here, ...manifestsAbove(dirname(folder))];
}
