import { z } from "zod";
import { isUnknown } from "../shared/unknowns";

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
export function ownInputs<Inputs extends object>({
  __provider: _provider,
  __functions: _functions,
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
