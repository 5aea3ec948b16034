import type { dynamic } from "@pulumi/pulumi";
import type { z } from "zod";
import { escapeControl, escapeControlByLine, quoted, redact } from "../shared/redaction";
import { closestMatch } from "../shared/roles";

/** Failures of a schema, in the form in which Pulumi shows them beside the resource. */
export function toCheckFailures(
  error: z.ZodError | undefined,
  properties: readonly string[] = [],
): dynamic.CheckFailure[] {
  return (error?.issues ?? []).map((issue) => {
    if (issue.code === "unrecognized_keys") {
      const [key = "", ...others] = issue.keys;
      const near = others.length === 0 ? closestMatch(key, properties) : undefined;
      const suggestion = near === undefined ? "" : `. Did you mean ${quoted(near)}?`;
      return checkFailure(
        "",
        `unknown property ${issue.keys.map(escapeControl).join(", ")}${suggestion}`,
      );
    }
    const path = issue.path.map((part) =>
      typeof part === "number" ? `[${part}]` : `.${escapeControl(String(part))}`,
    );
    return checkFailure(path.join("").replace(/^\./, ""), issue.message);
  });
}

/**
 * A failure at a property, e.g. `roles` or `roles[1]`. The property stands in the reason: named in a place of its
 * own Pulumi prints its whole value with it, also one that is secret.
 */
export function checkFailure(property: string, reason: string): dynamic.CheckFailure {
  const text = property === "" ? reason : `${property}: ${reason}`;
  return { property: "", reason: escapeControlByLine(redact(text)) };
}
