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
import { manifest } from "./manifest";
import { type OrphansOptions, orphans } from "./orphans";

/** The command line `npx pulumi-flexprice`; gives the exit status. */
export async function main(args: readonly string[], shell: CommandContext): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.done;
  const program = commandLine(shell, (ended) => {
    status = ended;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    shell.stderr.write(`${isFailure(error) ? error.message : unexpected(error)}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

function commandLine(shell: CommandContext, end: (status: ExitStatus) => void): Command {
  const program = new Command(manifest.name)
    .description("Flexprice service accounts and API keys in Pulumi: what helps around a program.")
    .version(manifest.version)
    .addHelpText("afterAll", EXIT_STATUSES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(escapeControlByLine(redact(text))),
      getOutHelpWidth: () => shell.stdout.columns ?? 80,
      getErrHelpWidth: () => shell.stderr.columns ?? 80,
    })
    .showHelpAfterError("(--help shows what there is)");

  const runs =
    <Options>(command: (options: Options, shell: CommandContext) => Promise<ExitStatus>) =>
    async (options: Options) =>
      end(await command(options, shell));

  program
    .command("dev-server")
    .description("run an embedded Flexprice, to try programs without an account")
    .option("--port <number>", "port to listen on; 0: any that is free", wholeNumber, 8080)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--seed <number>", "the same tenant, operator and key in every run", wholeNumber)
    .option("--accounts <number>", "service accounts to begin with, a key each", wholeNumber, 0)
    .option("--log", "show each request on standard error")
    .option("--json", "print one line of JSON instead of text")
    .action(runs<DevServerOptions>(devServer));

  asksServer(program.command("doctor"))
    .description(
      "check what the program in this folder needs: tools, packages, settings, credential",
    )
    .option("--json", "print JSON instead of text")
    .action(runs<DoctorOptions>(doctor));

  asksServer(program.command("generate"))
    .description("write a TypeScript program that takes over the service accounts that exist")
    .option("--out <file>", "write to a file that is not there yet; default: standard output")
    .option("--force", "overwrite the file")
    .action(runs<GenerateOptions>(generate));

  asksServer(program.command("orphans"))
    .description("list the keys and service accounts that no given stack knows")
    .requiredOption(
      "--stack-export <files...>",
      'what "pulumi stack export" wrote, for every stack of this tenant; "-": standard input',
    )
    .addOption(
      new Option(
        "--older-than <duration>",
        "how much older than the state in every export something must be to count",
      )
        .argParser(duration)
        .default(durationMs("24h"), "24h"),
    )
    .option("--keep <ids...>", "ids of keys and accounts that are to stay")
    .option("--user-keys", "count keys of users, too: those of people and of pipelines")
    .option("--expired", "count keys that have expired, too")
    .option("--revoke", "revoke the keys, then archive the accounts, after a confirmation")
    .option("--yes", "do not ask for the confirmation")
    .option("--json", "print JSON instead of text")
    .action(runs<OrphansOptions>(orphans));

  return program;
}

function asksServer(command: Command): Command {
  return command
    .option("--stack <name>", "take flexprice: settings of this stack; default: the selected one")
    .option("--no-stack", "take settings from FLEXPRICE_ environment variables alone")
    .option("--connection <name>", "one of flexprice:connections");
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

/** A mistake of ours: what it takes to find it, and no credential. */
function unexpected(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return escapeControlByLine(redact(text));
}

if (require.main === module) {
  void main(process.argv.slice(2), realCommandContext()).then((status) => {
    process.exitCode = status;
  });
}
