/**
 * The inputs alone: the engine mixes `__provider` in, the class `__functions`, and JavaScript programs give null for what
 * is not given.
 */
export function omitProvider<Inputs extends object>({
  __provider: _,
  __functions: _l,
  ...inputs
}: Inputs & { __provider?: unknown; __functions?: unknown }): Inputs {
  const given = Object.entries(inputs).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Inputs;
}

/** Those of the named properties that are there: a state holds no empty places. */
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
