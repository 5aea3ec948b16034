/** Computes a value on first use and caches it. */
export function lazy<Value extends object>(compute: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= compute();
    return value;
  };
}

/** As {@link lazy}, for what can fail: a failure is not cached. */
export function lazyAsync<Value>(compute: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => {
    value ??= compute().catch((error) => {
      value = undefined;
      throw error;
    });
    return value;
  };
}
