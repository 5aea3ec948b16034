#!/usr/bin/env node
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { durationMs } from "../shared/duration";
import { isFailure } from "../shared/errors";
import { escapeControlByLine, redact } from "../shared/redaction";
import { type CommandContext, realCommandContext } from "./command-context";
import { completionScript, SHELLS, type Shell } from "./completion";
import { type DevServerOptions, devServer } from "./dev-server/dev-server";
import { type DoctorOptions, doctor } from "./doctor/doctor";
import { EXIT, EXIT_STATUSES, type ExitStatus, UsageError } from "./exit-status";
import { type GenerateOptions, generate } from "./generate/generate";
import { parseFailOn } from "./keys/fail-on";
import { type KeysOptions, keys } from "./keys/keys";
import { type OrphansOptions, orphans } from "./orphans/orphans";
import { manifest } from "./packages";
import { type RevokeOptions, revoke } from "./revoke";
import { copyable, paragraph, writeLines } from "./terminal";

/** Runs the command line `npx pulumi-flexprice`; gives the exit status. */
export async function main(args: readonly string[], context: CommandContext): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.done;
  const program = commandLine(context, (ended) => {
    status = ended;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    // Commander has printed it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    writeLines(context.stderr, isFailure(error) ? error.message : unexpected(error));
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

function commandLine(context: CommandContext, end: (status: ExitStatus) => void): Command {
  const program = new Command(manifest.name)
    .description("Tools for Pulumi programs that manage Flexprice service accounts and API keys.")
    .version(manifest.version)
    .addHelpText("afterAll", EXIT_STATUSES)
    .exitOverride()
    // Otherwise a narrow terminal breaks the words of the descriptions.
    .configureHelp({ minWidthToWrap: 16 })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) =>
        writeLines(context.stderr, escapeControlByLine(redact(text.replace(/\n$/, "")))),
      getOutHelpWidth: () => context.stdout.columns || 80,
      getErrHelpWidth: () => context.stderr.columns || 80,
    })
    .showHelpAfterError("(run with --help for usage)");

  const runs =
    <Options>(command: (options: Options, context: CommandContext) => Promise<ExitStatus>) =>
    async (options: Options) =>
      end(await command(options, context));

  /** Appends examples to the help: what each is for, and the words after `npx pulumi-flexprice`. */
  const withExamples = (command: Command, ...examples: readonly [string, string][]): Command => {
    const shown = examples.flatMap(([purpose, args]) => [
      paragraph(context.stdout, "  # ", purpose),
      copyable(context.stdout, `npx ${manifest.name} ${command.name()} ${args}`.trimEnd()),
    ]);
    return command.addHelpText("after", `\nExamples:\n${shown.join("\n")}`);
  };

  withExamples(
    program.command("dev-server"),
    ["the same tenant and key in every run, and 20 accounts:", "--seed 1 --accounts 20"],
    ["keep the data, and start 77 days ahead:", "--state flexprice.dev.json --advance 77d"],
  )
    .description("run an embedded Flexprice to try programs without an account")
    .option("--port <number>", "port to listen on; 0: any free port", wholeNumber, 8080)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--seed <number>", "create the same tenant, operator and key in every run", wholeNumber)
    .option(
      "--accounts <number>",
      "service accounts to start with, with one key each",
      wholeNumber,
      0,
    )
    .option("--advance <duration>", "move the clock ahead, such as 77d", duration)
    .option("--state <file>", "keep data and clock in this file, with all keys in plain text")
    .option("--log", "log each request to standard error")
    .option("--json", "print one line of JSON instead of text")
    .action(runs<DevServerOptions>(devServer));

  withExamples(
    withServerOptions(program.command("doctor")),
    ["check the selected stack:", ""],
    ["check a connection of another stack:", "--stack prod --connection eu"],
  )
    .description("check the tools, packages, settings and credential of the program in this folder")
    .option("--json", "print JSON instead of text")
    .action(runs<DoctorOptions>(doctor));

  withExamples(
    withServerOptions(program.command("generate")),
    ["adopt everything in a new program:", "--out index.ts"],
    [
      "declare components, without what a stack has:",
      "--component --stack-export prod.json --out index.ts",
    ],
  )
    .description("write a TypeScript program that adopts the existing service accounts")
    .option("--out <file>", "write to a new file; default: standard output")
    .option("--force", "overwrite an existing file")
    .option(
      "--stack-export <files...>",
      'leave out what stacks have: outputs of "pulumi stack export"; "-": standard input',
    )
    .option("--name <pattern>", 'only accounts with this name; "*" stands for any text')
    .option("--role <role>", "only accounts with this role")
    .option("--component", "declare one ServiceIdentity for each account and its key")
    .action(runs<GenerateOptions>(generate));

  withExamples(
    withServerOptions(program.command("keys")),
    ["list the keys, and which stack has them:", "--stack-export prod.json"],
    [
      "fail a pipeline if a key needs attention:",
      "--stack-export prod.json --fail-on expired,unmanaged,expiring=7d",
    ],
    ["write a page:", "--stack-export prod.json --html keys.html"],
  )
    .description("list the API keys, and what is wrong with them")
    .option(
      "--stack-export <files...>",
      'outputs of "pulumi stack export", one for every stack of this tenant; "-": standard input',
    )
    .option("--left", "list only the keys that a rotation left to expire, and that still work")
    .option(
      "--fail-on <conditions>",
      'end with exit status 1 if a key has one of these problems, e.g. "expired,expiring=14d"',
      parseFailOn,
    )
    .addOption(
      olderThan(
        "a key must be this much older than the state in every export to count as in no stack",
      ),
    )
    .option(
      "--user-keys",
      "keys of users, such as people and pipelines, can count as in no stack, too",
    )
    .option("--html <file>", "write a page with a timeline and filters to a new file")
    .option("--force", "overwrite an existing file")
    .option("--json", "print JSON instead of text")
    .action(runs<KeysOptions>(keys));

  withExamples(
    withServerOptions(program.command("orphans")),
    ["list what two stacks do not manage:", "--stack-export prod.json dev.json"],
    ["ask, then remove it:", "--stack-export prod.json dev.json --revoke"],
    ["remove it in a script:", "--stack-export prod.json dev.json --stacks 2 --revoke --yes"],
  )
    .description("list keys and service accounts that no given stack manages")
    .requiredOption(
      "--stack-export <files...>",
      'outputs of "pulumi stack export", one for every stack of this tenant; "-": standard input',
    )
    .addOption(
      olderThan("skip anything that is not this much older than the state in every export"),
    )
    .option("--keep <ids...>", "ids of keys and accounts to leave alone")
    .option("--user-keys", "include keys of users, such as people and pipelines")
    .option("--expired", "include expired keys")
    .option(
      "--stacks <number>",
      "fail unless the exports are of this many stacks with resources of the tenant",
      wholeNumber,
    )
    .option("--revoke", "ask, then revoke the keys and archive the accounts")
    .option("--yes", "skip the question, for at most 20 objects; needs --stacks")
    .option("--yes-revoke <number>", "as --yes, for exactly this many objects", wholeNumber)
    .option("--json", "print JSON instead of text")
    .action(runs<OrphansOptions>(orphans));

  withExamples(withServerOptions(program.command("revoke")), [
    "revoke a key that has leaked:",
    "secret_01JKPNXJM04YM1KJ54Y80FAZMF --stack prod",
  ])
    .description("revoke a key that has leaked, after showing what uses it")
    .argument("<key-id>", "id of the key, secret_…")
    .option(
      "--stack-export <files...>",
      'outputs of "pulumi stack export" to look for the key in, beside the selected stack; "-": standard input',
    )
    .option("--yes", "skip the confirmation")
    .action(async (id: string, options: RevokeOptions) => end(await revoke(id, options, context)));

  withExamples(program.command("completion"), [
    "complete commands and options in bash:",
    "bash > ~/.pulumi-flexprice.bash",
  ])
    .description("print a script that completes commands and options in your shell")
    .addArgument(new Argument("<shell>", "the shell to complete them in").choices(SHELLS))
    .action((shell: Shell) => {
      context.stdout.write(completionScript(shell, program));
    });

  return program;
}

function withServerOptions(command: Command): Command {
  return command
    .option(
      "--stack <name>",
      "use the flexprice: settings of this stack; default: the selected one",
    )
    .option("--no-stack", "use only FLEXPRICE_ environment variables")
    .option("--connection <name>", "use one of flexprice:connections");
}

function olderThan(description: string): Option {
  return new Option("--older-than <duration>", description)
    .argParser(duration)
    .default(durationMs("24h"), "24h");
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function duration(text: string): number {
  const length = durationMs(text);
  if (length === undefined) throw new InvalidArgumentError('It must be like "24h" or "7d".');
  return length;
}

/** A bug: the text locates it, and holds no credential. */
function unexpected(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return escapeControlByLine(redact(text));
}

if (require.main === module) {
  void main(process.argv.slice(2), realCommandContext()).then((status) => {
    process.exitCode = status;
  });
}
