import type { CommandContext } from "./command-context";
import type { Check } from "./doctor-check";
import { checkProgram } from "./doctor-program";
import { checkServer } from "./doctor-server";
import { checkSettings } from "./doctor-settings";
import { EXIT, type ExitStatus } from "./exit-status";
import type { ConnectOptions } from "./session";
import { type Colour, coloured, writeParagraph } from "./terminal";
import { pluralize } from "./wording";

export interface DoctorOptions extends ConnectOptions {
  readonly json?: boolean;
}

const COLOURS: Readonly<Record<Check["status"], Colour>> = {
  ok: "green",
  warning: "yellow",
  problem: "red",
};

/** Looks at all that a program needs to work, and says how to mend what is amiss. */
export async function doctor(options: DoctorOptions, shell: CommandContext): Promise<ExitStatus> {
  const findings: Check[] = [];
  for await (const finding of runChecks(options, shell)) {
    findings.push(finding);
    if (options.json !== true) show(finding, shell);
  }
  const problems = countOf(findings, "problem");
  const warnings = countOf(findings, "warning");
  shell.stdout.write(
    options.json === true
      ? `${JSON.stringify({ problems, warnings, findings }, null, 2)}\n`
      : `\n${pluralize(problems, "problem")}, ${pluralize(warnings, "warning")}.\n`,
  );
  return problems === 0 ? EXIT.done : EXIT.found;
}

async function* runChecks(options: DoctorOptions, shell: CommandContext): AsyncGenerator<Check> {
  yield* checkProgram(shell);
  const contact = yield* checkSettings(shell, options);
  if (contact !== undefined) yield* checkServer(contact);
}

function show({ check, status, message: finding, fix }: Check, shell: CommandContext): void {
  const mark = `${status.padEnd("problem".length)}  `;
  const text = fix === undefined ? `${check}: ${finding}` : `${check}: ${finding}\n→ ${fix}`;
  writeParagraph(shell.stdout, mark, text, (plain) =>
    coloured(shell, shell.stdout, COLOURS[status], plain),
  );
}

function countOf(findings: readonly Check[], status: Check["status"]): number {
  return findings.filter((finding) => finding.status === status).length;
}
