#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { durationMs } from "../shared/duration";
import { isFailure } from "../shared/errors";
import { escapeControlByLine, redact } from "../shared/redaction";
import { type CommandContext, realCommandContext } from "./command-context";
import { type DevServerOptions, devServer } from "./dev-server";
import { type DoctorOptions, doctor } from "./doctor";
import { EXIT, EXIT_STATUSES, type ExitStatus, UsageError } from "./exit-status";
import { type GenerateOptions, generate } from "./generate";
import { type OrphansOptions, orphans } from "./orphans";
import { manifest } from "./packages";

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
    context.stderr.write(`${isFailure(error) ? error.message : unexpected(error)}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

function commandLine(context: CommandContext, end: (status: ExitStatus) => void): Command {
  const program = new Command(manifest.name)
    .description("Tools for Pulumi programs that manage Flexprice service accounts and API keys.")
    .version(manifest.version)
    .addHelpText("afterAll", EXIT_STATUSES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(escapeControlByLine(redact(text))),
      getOutHelpWidth: () => context.stdout.columns ?? 80,
      getErrHelpWidth: () => context.stderr.columns ?? 80,
    })
    .showHelpAfterError("(run with --help for usage)");

  const runs =
    <Options>(command: (options: Options, context: CommandContext) => Promise<ExitStatus>) =>
    async (options: Options) =>
      end(await command(options, context));

  program
    .command("dev-server")
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
    .option("--log", "log each request to standard error")
    .option("--json", "print one line of JSON instead of text")
    .action(runs<DevServerOptions>(devServer));

  withServerOptions(program.command("doctor"))
    .description("check the tools, packages, settings and credential of the program in this folder")
    .option("--json", "print JSON instead of text")
    .action(runs<DoctorOptions>(doctor));

  withServerOptions(program.command("generate"))
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

  withServerOptions(program.command("orphans"))
    .description("list keys and service accounts that no given stack knows")
    .requiredOption(
      "--stack-export <files...>",
      'outputs of "pulumi stack export", one for every stack of this tenant; "-": standard input',
    )
    .addOption(
      new Option(
        "--older-than <duration>",
        "skip anything that is not this much older than the state in every export",
      )
        .argParser(duration)
        .default(durationMs("24h"), "24h"),
    )
    .option("--keep <ids...>", "ids of keys and accounts to leave alone")
    .option("--user-keys", "include keys of users, such as people and pipelines")
    .option("--expired", "include expired keys")
    .option("--revoke", "revoke the keys and archive the accounts, after a confirmation")
    .option("--yes", "skip the confirmation")
    .option("--json", "print JSON instead of text")
    .action(runs<OrphansOptions>(orphans));

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
