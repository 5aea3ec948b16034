import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { lazy } from "../shared/lazy";
import { escapeControl, escapeControlByLine, quoted, redact } from "../shared/redaction";
import { closestMatch } from "../shared/roles";
import { unlessUnknown } from "./inputs";

/** The failures of a schema, in the form that Pulumi shows next to the resource. */
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
 * A failure at a property, e.g. `roles` or `roles[1]`. The reason contains the property: in a separate field, Pulumi
 * would print the property's whole value with it, even a secret one.
 */
export function checkFailure(property: string, reason: string): dynamic.CheckFailure {
  const text = property === "" ? reason : `${property}: ${reason}`;
  return { property: "", reason: escapeControlByLine(redact(text)) };
}

/** The server would turn half of a surrogate pair into another character. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function isName(text: string): boolean {
  return text.trim() !== "" && !text.includes("\0");
}

const NAME_RULE = "must not be blank or contain NUL";

const ACCOUNT_NAME_RULE = "must be 1 to 255 characters long, not blank, without NUL";

function nameSchema(typeRule: string, rule: string, maxLength = Number.POSITIVE_INFINITY) {
  return unlessUnknown(
    z
      .string(typeRule)
      .refine((text) => isName(text) && [...text].length <= maxLength, rule)
      .refine(isWellFormed, "must be well-formed Unicode"),
  );
}

export const accountName = lazy(() => nameSchema(ACCOUNT_NAME_RULE, ACCOUNT_NAME_RULE, 255));

export const keyName = lazy(() => nameSchema("must be a string", NAME_RULE));

/** The prefix of a unique name: any text that is a valid name. */
export const namePrefix = lazy(() => nameSchema(NAME_RULE, NAME_RULE));

/** Id of a service account. */
export const accountId = lazy(() =>
  unlessUnknown(
    z
      .string()
      .regex(
        /^user_\w+$/,
        'must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
      ),
  ),
);

/** Name of a connection in `flexprice:connections`. */
export const connectionName = lazy(() =>
  unlessUnknown(z.string("must name a connection").min(1, "must name a connection")),
);
