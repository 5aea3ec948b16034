import { z } from "zod";

/**
 * Stands for a value that is unknown before `up`, at any depth of the inputs. The same as `runtime.unknownValue` of
 * the SDK, which the plugin does not load.
 */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isUnknown(value: unknown): boolean {
  return value === UNKNOWN;
}

/** Whether the value is unknown or contains an unknown value. */
export function containsUnknown(value: unknown): boolean {
  if (isUnknown(value)) return true;
  if (Array.isArray(value)) return value.some(containsUnknown);
  return typeof value === "object" && value !== null && Object.values(value).some(containsUnknown);
}

/** Applies the schema once the value is known. Unknown values pass. */
export function unlessUnknown(schema: z.ZodType): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    if (isUnknown(value)) return;
    const parsed = schema.safeParse(value);
    for (const issue of parsed.error?.issues ?? []) {
      context.addIssue({ code: "custom", message: issue.message, path: [...issue.path] });
    }
  });
}

/**
 * The resource's own inputs, without `__provider` of the engine, `__functions` of the class, and the nulls of
 * JavaScript programs.
 */
export function omitProvider<Inputs extends object>({
  __provider: _,
  __functions: _l,
  ...inputs
}: Inputs & { __provider?: unknown; __functions?: unknown }): Inputs {
  const given = Object.entries(inputs).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Inputs;
}

/** The named properties, without the undefined ones: a state has no empty properties. */
export function pickDefined<Source extends object, Name extends keyof Source>(
  source: Source,
  ...names: Name[]
): Partial<Pick<Source, Name>> {
  const picked: Partial<Pick<Source, Name>> = {};
  for (const name of names) {
    if (source[name] !== undefined) picked[name] = source[name];
  }
  return picked;
}
