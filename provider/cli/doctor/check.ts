import { styleText } from "node:util";
import type { FlexpriceError } from "../../shared/errors";
import { escapeControlByLine, redact } from "../../shared/redaction";
import type { CommandContext } from "../command-context";
import { writeParagraph } from "../terminal";

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do; absent where the status is `ok`. */
  readonly fix?: string;
}

const COLORS = { ok: "green", warning: "yellow", problem: "red" } as const;

export function ok(name: string, message: string): Check {
  return { name, status: "ok", message: escapeControlByLine(redact(message)) };
}

export function warning(name: string, message: string, fix: string): Check {
  return { ...ok(name, message), status: "warning", fix: escapeControlByLine(redact(fix)) };
}

export function problem(name: string, message: string, fix: string): Check {
  return { ...warning(name, message, fix), status: "problem" };
}

export function problemOf(name: string, { reason, fix }: FlexpriceError): Check {
  return problem(name, reason, fix);
}

export function printCheck({ name, status, message, fix }: Check, context: CommandContext): void {
  const mark = `${status.padEnd("problem".length)}  `;
  const text = fix === undefined ? `${name}: ${message}` : `${name}: ${message}\n→ ${fix}`;
  writeParagraph(context.stdout, mark, text, (plain) =>
    styleText(COLORS[status], plain, { stream: context.stdout }),
  );
}
