import type { FlexpriceError } from "../shared/errors";
import { escapeControlByLine, redact } from "../shared/redaction";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "problem";
  readonly finding: string;
  /** What to do; absent where all is well. */
  readonly cure?: string;
}

export function ok(check: string, finding: string): Finding {
  return { check, status: "ok", finding: escapeControlByLine(redact(finding)) };
}

export function warning(check: string, finding: string, cure: string): Finding {
  return { ...ok(check, finding), status: "warning", cure: escapeControlByLine(redact(cure)) };
}

export function problem(check: string, finding: string, cure: string): Finding {
  return { ...warning(check, finding, cure), status: "problem" };
}

/** A failure, which has its cure in it. */
export function problemOf(check: string, { answer, advice }: FlexpriceError): Finding {
  return problem(check, answer, advice);
}
