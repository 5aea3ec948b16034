import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { structs } from "../shared/grpc";
import { UNKNOWN } from "../shared/unknowns";

/** Inputs or outputs of a resource, a provider or a function. Never contains undefined or null. */
export type Properties = Readonly<Record<string, unknown>>;

/** Marks an object on the wire as a special value. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** What stands for an unknown boolean, number, array or object. The lifecycles know the marker of texts only. */
const UNKNOWN_KINDS: readonly unknown[] = [
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];

/** What the engine and the dynamic front end put beside a resource's own properties. */
const INTERNAL = /^__/;

/** Reads properties off the wire: secrets as plain values, without nulls. */
export function fromStruct(struct: Struct | undefined): Properties {
  const plain = withoutMarks(struct?.toJavaScript() ?? {});
  return isObject(plain)
    ? Object.fromEntries(Object.entries(plain).filter(([name]) => !INTERNAL.test(name)))
    : {};
}

/** The names of the properties that are secrets, or contain one. */
export function secretsIn(struct: Struct | undefined): string[] {
  const entries = Object.entries(struct?.toJavaScript() ?? {});
  return entries.filter(([, value]) => containsSecret(value)).map(([name]) => name);
}

/** Whether a value on the wire is a secret, or contains one. */
export function containsSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(containsSecret);
  if (!isObject(value)) return false;
  const isSecret =
    value[SIGNATURE] === SECRET || (value[SIGNATURE] === OUTPUT && value["secret"] === true);
  return isSecret || Object.values(value).some(containsSecret);
}

/** Writes properties to the wire. The engine encrypts the named ones in the state. */
export function toStruct(properties: Properties, secrets: readonly string[] = []): Struct {
  const given = Object.entries(properties).filter(([, value]) => value !== undefined);
  return structs().Struct.fromJavaScript(
    Object.fromEntries(
      given.map(([name, value]) => [
        name,
        secrets.includes(name) ? asSecret(value) : defined(value),
      ]),
    ),
  );
}

function asSecret(value: unknown): JavaScriptValue {
  return { [SIGNATURE]: SECRET, value: defined(value) };
}

function withoutMarks(value: unknown): unknown {
  if (UNKNOWN_KINDS.includes(value)) return UNKNOWN;
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isObject(value)) return value;
  switch (value[SIGNATURE]) {
    case SECRET:
      return withoutMarks(value["value"]);
    case OUTPUT:
      return "value" in value ? withoutMarks(value["value"]) : UNKNOWN;
    default: {
      const given = Object.entries(value).filter(([, entry]) => entry !== null);
      return mapValues(Object.fromEntries(given), withoutMarks);
    }
  }
}

type JavaScriptValue = Parameters<typeof Struct.fromJavaScript>[0][string];

/** The value without undefined properties, which the wire cannot carry. */
function defined(value: unknown): JavaScriptValue {
  if (Array.isArray(value)) return value.map(defined);
  if (isObject(value)) {
    const given = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return mapValues(Object.fromEntries(given), defined);
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (value === null || value === undefined) return null;
  throw new Error(`a ${typeof value} cannot be sent to the engine`);
}

/**
 * Inputs with texts in place of numbers and booleans: programs in YAML send a text as one if it looks like one. All
 * inputs are texts, except for flags.
 */
export function withTexts({ forceDestroy, ...inputs }: Properties): Properties {
  return { ...mapValues(inputs, asTexts), ...(forceDestroy === undefined ? {} : { forceDestroy }) };
}

function asTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asTexts);
  if (isObject(value)) return mapValues(value, asTexts);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  map: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
