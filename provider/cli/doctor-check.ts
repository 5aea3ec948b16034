import type { FlexpriceError } from "../shared/errors";
import { escapeControlByLine, redact } from "../shared/redaction";

/** One thing that was looked at. */
export interface Check {
  readonly check: string;
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do; absent where all is well. */
  readonly fix?: string;
}

export function ok(check: string, finding: string): Check {
  return { check, status: "ok", message: escapeControlByLine(redact(finding)) };
}

export function warning(check: string, finding: string, fix: string): Check {
  return { ...ok(check, finding), status: "warning", fix: escapeControlByLine(redact(fix)) };
}

export function problem(check: string, finding: string, fix: string): Check {
  return { ...warning(check, finding, fix), status: "problem" };
}

/** A failure, which has its cure in it. */
export function problemOf(check: string, { reason, fix }: FlexpriceError): Check {
  return problem(check, reason, fix);
}
