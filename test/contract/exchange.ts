import assert from "node:assert/strict";
import {
  type ContractCase,
  type ContractRequest,
  type Credential,
  EMPTY,
  type Expected,
  field,
  isRecord,
  Placeholder,
  PlainText,
} from "./case";
import type { Target } from "./target";

/** A response as received. */
interface ReceivedResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Names = Record<string, unknown>;

/** Runs one case: the given steps, the request, and the comparison. */
export async function run({ request, given = {}, ...expected }: ContractCase, target: Target) {
  const names: Names = { ...target.names };
  const created: unknown[] = [];
  try {
    for (const [name, step] of Object.entries(given)) {
      const { status, text } = await send(step, target.url, names);
      assert(status < 300, `"${name}" got ${status}: ${text}`);
      names[name] = parse(text);
      created.push(names[name]);
    }
    const response = await send(request, target.url, names);
    created.push(parse(response.text));
    compare(response, expected, names);
  } finally {
    await cleanUp(created, target);
  }
}

function compare(
  { status, headers, text }: ReceivedResponse,
  expected: Omit<ContractCase, "request" | "given">,
  names: Names,
): void {
  const statuses = [expected.status].flat();
  assert(statuses.includes(status), `expected ${statuses.join(" or ")}, got ${status}: ${text}`);
  const type = headers.get("content-type");
  if (expected.body === EMPTY) {
    assert.deepEqual({ text, type }, { text: "", type: null });
  } else if (expected.body instanceof PlainText) {
    assert.equal(text, expected.body.text);
    assert.match(`${type}`, /^text\//);
  } else {
    assert.equal(type, "application/json; charset=utf-8");
    assert.doesNotMatch(text, /[<>&]/, "Go escapes these in JSON");
    const actual = parse(text);
    assert.deepEqual(actual, fillPlaceholders(fill(expected.body, names), actual));
  }
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const actual = headers.get(name);
    if (value instanceof RegExp) assert.match(`${actual}`, value);
    else assert.equal(actual, value, name);
  }
}

async function send(
  request: ContractRequest,
  url: string,
  names: Names,
): Promise<ReceivedResponse> {
  const { method, path, body, as = "admin", headers = {} } = request;
  const text = typeof body === "string" ? body : JSON.stringify(fill(body, names));
  const response = await fetch(url + fillText(path, names), {
    method,
    redirect: "manual",
    headers: {
      ...(text !== undefined && { "Content-Type": "application/json" }),
      ...fillHeaders(credentialHeaders(as), names),
      ...fillHeaders(headers, names),
    },
    ...(text !== undefined && { body: text }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function credentialHeaders(as: Credential): Record<string, string> {
  if (as === "nobody") return {};
  if (as === "admin") {
    return {
      Authorization: "Bearer {operator.accessToken}",
      "X-Environment-ID": "{operator.environmentId}",
    };
  }
  if ("key" in as) return { "x-api-key": as.key };
  const { token, environment } = as;
  return {
    Authorization: `Bearer ${token}`,
    ...(environment !== undefined && { "X-Environment-ID": environment }),
  };
}

function fillHeaders(headers: Record<string, string>, names: Names): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, fillText(value, names)]),
  );
}

function fill(value: unknown, names: Names): unknown {
  if (typeof value === "string") return fillText(value, names);
  if (Array.isArray(value)) return value.map((element) => fill(element, names));
  if (!isRecord(value) || value instanceof Placeholder) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, fill(v, names)]));
}

function fillText(text: string, names: Names): string {
  return text.replace(/\{([a-zA-Z0-9_]+(?:\.[a-zA-Z_]+)+)\}/g, (_, path: string) =>
    valueAt(path, names),
  );
}

function valueAt(path: string, names: Names): string {
  let value: unknown = names;
  for (const part of path.split(".")) {
    if (part === "lower" && typeof value === "string") value = value.toLowerCase();
    else value = field(value, part);
  }
  assert(typeof value === "string", `the case has no {${path}}`);
  return value;
}

/** Replaces placeholders that accept the actual value with it, so that a difference is easy to read. */
function fillPlaceholders(expected: Expected, actual: unknown): unknown {
  if (expected instanceof Placeholder) {
    return expected.test(actual) ? actual : `<${expected.description}>`;
  }
  if (Array.isArray(expected)) {
    const elements: unknown[] = Array.isArray(actual) ? actual : [];
    return expected.map((element, i) => fillPlaceholders(element, elements[i]));
  }
  if (!isRecord(expected)) return expected;
  const fields = isRecord(actual) ? actual : {};
  return Object.fromEntries(
    Object.entries(expected).map(([key, value]) => [key, fillPlaceholders(value, fields[key])]),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Removes the keys and accounts of the case from a server that outlives it. */
async function cleanUp(created: unknown[], { url, names }: Target): Promise<void> {
  for (const secret of created.map((body) => field(body, "secret")).filter(isRecord)) {
    await send({ method: "DELETE", path: `/secrets/api/keys/${field(secret, "id")}` }, url, names);
  }
  const accounts = created.filter((body) => field(body, "type") === "service_account");
  for (const account of accounts) {
    await send({ method: "DELETE", path: `/users/${field(account, "id")}` }, url, names);
  }
}
