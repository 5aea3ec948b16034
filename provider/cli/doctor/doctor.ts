import type { CommandContext } from "../command-context";
import { EXIT, type ExitStatus } from "../exit-status";
import { pluralize } from "../listing";
import type { ConnectOptions } from "../session";
import { withProgress } from "../terminal";
import { type Check, printCheck } from "./check";
import { checkProgram } from "./program";
import { checkServer } from "./server";
import { checkSettings } from "./settings";

export interface DoctorOptions extends ConnectOptions {
  readonly json?: boolean;
}

/** Checks everything that a program needs to work, and says how to fix what does not. */
export async function doctor(options: DoctorOptions, context: CommandContext): Promise<ExitStatus> {
  const checks: Check[] = [];
  const running = runChecks(options, context);
  const next = () =>
    withProgress(context, (show) => {
      show("Checking …");
      return running.next();
    });
  for (let step = await next(); step.done !== true; step = await next()) {
    checks.push(step.value);
    if (options.json !== true) printCheck(step.value, context);
  }
  const countOf = (wanted: Check["status"]) =>
    checks.filter(({ status }) => status === wanted).length;
  const [problems, warnings] = [countOf("problem"), countOf("warning")];
  context.stdout.write(
    options.json === true
      ? `${JSON.stringify({ problems, warnings, checks }, null, 2)}\n`
      : `\n${pluralize(problems, "problem")}, ${pluralize(warnings, "warning")}.\n`,
  );
  return problems === 0 ? EXIT.done : EXIT.found;
}

async function* runChecks(options: DoctorOptions, context: CommandContext): AsyncGenerator<Check> {
  yield* checkProgram(context);
  const session = yield* checkSettings(context, options);
  if (session !== undefined) yield* checkServer(session);
}
