import { runtime } from "@pulumi/pulumi";
import { z } from "zod";

/** A value that is not known before `up`: Pulumi sends this text in its place, at any depth of the inputs. */
export function isUnknown(value: unknown): boolean {
  return value === runtime.unknownValue;
}

/** Whether the value is unknown or has something unknown in it. */
export function containsUnknown(value: unknown): boolean {
  if (isUnknown(value)) return true;
  if (Array.isArray(value)) return value.some(containsUnknown);
  return typeof value === "object" && value !== null && Object.values(value).some(containsUnknown);
}

/** Checks the value by the schema once it is known; until then every value may pass. */
export function unlessUnknown(schema: z.ZodType): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    if (isUnknown(value)) return;
    const parsed = schema.safeParse(value);
    for (const issue of parsed.error?.issues ?? []) {
      context.addIssue({ code: "custom", message: issue.message, path: [...issue.path] });
    }
  });
}
