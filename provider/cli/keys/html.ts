import { escapeControl, redact } from "../../shared/redaction";

/** Markup that needs no more escaping. */
class Markup {
  constructor(readonly text: string) {}
}

export type { Markup };

type Value = string | number | undefined | Markup | readonly Value[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Markup from a template. Texts in it are redacted and escaped, so that none can become markup. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(parts.map((part, i) => part + render(values[i])).join(""));
}

/** Markup as it is. Only for texts of this package. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function render(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (value === undefined) return "";
  if (typeof value === "object") return value.map(render).join("");
  return escapeControl(redact(String(value))).replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one);
}
