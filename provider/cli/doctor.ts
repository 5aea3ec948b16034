import type { ConnectOptions } from "./session";
import type { Finding } from "./doctor-check";
import { examineProgram } from "./doctor-program";
import { examineServer } from "./doctor-server";
import { examineSettings } from "./doctor-settings";
import { EXIT, type ExitStatus } from "./exit-status";
import type { Shell } from "./command-context";
import { type Colour, coloured, writeParagraph } from "./terminal";
import { counted } from "./wording";

export interface DoctorOptions extends ConnectOptions {
  readonly json?: boolean;
}

const COLOURS: Readonly<Record<Finding["status"], Colour>> = {
  ok: "green",
  warning: "yellow",
  problem: "red",
};

/** Looks at all that a program needs to work, and says how to mend what is amiss. */
export async function doctor(options: DoctorOptions, shell: Shell): Promise<ExitStatus> {
  const findings: Finding[] = [];
  for await (const finding of examine(options, shell)) {
    findings.push(finding);
    if (options.json !== true) show(finding, shell);
  }
  const problems = countOf(findings, "problem");
  const warnings = countOf(findings, "warning");
  shell.stdout.write(
    options.json === true
      ? `${JSON.stringify({ problems, warnings, findings }, null, 2)}\n`
      : `\n${counted(problems, "problem")}, ${counted(warnings, "warning")}.\n`,
  );
  return problems === 0 ? EXIT.done : EXIT.found;
}

async function* examine(options: DoctorOptions, shell: Shell): AsyncGenerator<Finding> {
  yield* examineProgram(shell);
  const contact = yield* examineSettings(shell, options);
  if (contact !== undefined) yield* examineServer(contact);
}

function show({ check, status, finding, cure }: Finding, shell: Shell): void {
  const mark = `${status.padEnd("problem".length)}  `;
  const text = cure === undefined ? `${check}: ${finding}` : `${check}: ${finding}\n→ ${cure}`;
  writeParagraph(shell.stdout, mark, text, (plain) =>
    coloured(shell, shell.stdout, COLOURS[status], plain),
  );
}

function countOf(findings: readonly Finding[], status: Finding["status"]): number {
  return findings.filter((finding) => finding.status === status).length;
}
