import assert from "node:assert/strict";
import { request } from "node:http";
import fc from "fast-check";
import type { Emulator, Operator } from "../../provider/emulator";
import { startEmulator } from "../support/emulator-client";

/** Possible values of a path segment or a query parameter. */
const text = fc.oneof(
  fc.constantFrom("", "x", "%00", "%2F", "%2e%2e", "..", "%ff", "%zz", "+", ";", "user_1", "0"),
  fc.constantFrom("9223372036854775808", "-1", "1.5", "1e3", "NaN", "true", "null", "\u00e4"),
  fc.string({ maxLength: 12 }).map(encodeURIComponent),
);

/** A field's value. Half of the values have the right type, so that requests get past the decoding. */
const value = fc.oneof(
  fc.constantFrom("service_account", "private_key", "event_reader", "ci", "a\0b", "\ud83e"),
  fc.constantFrom(["event_reader"], ["super_admin", "nope"], [], {}, "", null, true),
  fc.constantFrom(0, -1, 1.5, 1_001, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE),
  fc.constantFrom("2030-01-01T00:00:00Z", "2030-01-01T00:00:00+23:59", "9999-12-31T23:59:59.9Z"),
  fc.jsonValue({ maxDepth: 2 }),
);

const FIELDS = [
  ...["type", "name", "roles", "email", "metadata", "service_account_id", "expires_at", "limit"],
  ...["offset", "sort", "filters", "user_ids", "status", "password", "tenant_name", "event_name"],
  ...["external_customer_id", "properties", "source", "timestamp", "events", "__proto__"],
];

/** Valid bodies. With a changed field or two, they get past the decoding. */
const VALID: Readonly<Record<string, object>> = {
  "PUT /users/me": { name: "me" },
  "POST /users": { type: "service_account", name: "ci", roles: ["event_reader"] },
  "POST /users/search": { type: "service_account", limit: 10, offset: 0 },
  "POST /environments": { name: "more", type: "development" },
  "POST /secrets/api/keys": { name: "ci", type: "private_key" },
  "POST /events": { event_name: "call", external_customer_id: "c", properties: {} },
  "POST /events/bulk": { events: [{ event_name: "call", external_customer_id: "c" }] },
  "POST /auth/signup": { email: "a@b.co", password: "long enough", tenant_name: "new" },
  "POST /auth/login": { email: "admin@example.com", password: "x" },
};

const bodyFor = (route: string) =>
  fc.oneof(
    fc.constantFrom("", "{", "null", "[]", "{}", '"x"', "\0", '{"a":1}}'),
    ...[{}, VALID[route] ?? {}].map((base) =>
      fc
        .array(fc.tuple(fc.constantFrom(...FIELDS), value), { maxLength: 3 })
        .map((fields) => JSON.stringify({ ...base, ...Object.fromEntries(fields) })),
    ),
  );

const query = fc
  .array(
    fc.tuple(fc.constantFrom("limit", "offset", "user_id", "sort", "order", "user_type"), text),
    {
      maxLength: 3,
    },
  )
  .map((pairs) => pairs.map(([name, parameter]) => `${name}=${parameter}`).join("&"));

const ROUTES = [
  ...["GET /users/me", "PUT /users/me", "POST /users", "POST /users/search", "PUT /users/:id"],
  ...["DELETE /users/:id", "PUT /users/:id/roles", "GET /environments", "POST /environments"],
  ...["GET /environments/:id", "GET /rbac/roles", "GET /rbac/roles/:id"],
  ...["POST /secrets/api/keys", "GET /secrets/api/keys", "DELETE /secrets/api/keys/:id"],
  ...["POST /events", "POST /events/bulk", "GET /events", "POST /auth/signup", "POST /auth/login"],
];

interface ReceivedResponse {
  readonly status: number;
  readonly text: string;
}

describe("invalid requests", () => {
  let emulator: Emulator;
  let operator: Operator;
  before(async () => {
    ({ emulator, operator } = await startEmulator());
  });
  after(() => emulator.stop());

  /** Sends the path as it is: fetch would normalize it. */
  function send(method: string, path: string, body: string): Promise<ReceivedResponse> {
    const { hostname, port, pathname } = new URL(emulator.url);
    return new Promise((resolve, reject) => {
      const headers = { "x-api-key": operator.apiKey, "content-type": "application/json" };
      const options = { hostname, port, method, path: pathname + path, headers };
      const outgoing = request(options, (incoming) => {
        let content = "";
        incoming.setEncoding("utf8").on("data", (chunk) => {
          content += chunk;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text: content }));
      });
      const hasBody = method === "POST" || method === "PUT";
      outgoing.on("error", reject).end(hasBody ? body : undefined);
    });
  }

  /** The existing objects. Each part of them can be changed by one of the routes. */
  const objects = () => JSON.stringify([emulator.accounts(), emulator.keys(operator.tenantId)]);

  for (const route of ROUTES) {
    it(`to ${route} get the server's errors, and change nothing`, async () => {
      const [method = "", pattern = ""] = route.split(" ");
      await fc.assert(
        fc.asyncProperty(text, query, bodyFor(route), async (id, parameters, body) => {
          const path = `${pattern.replace(":id", id)}${parameters === "" ? "" : `?${parameters}`}`;
          const before = objects();
          const { status, text } = await send(method, path.replace(/[^\x21-\x7e]/g, ""), body);
          assert.doesNotMatch(text, /emulator bug/);
          assert(status >= 200 && status <= 501, String(status));
          if (method === "GET" || status >= 300) assert.equal(objects(), before);
          if (status >= 400) assertShape(status, text);
        }),
        { numRuns: 150, seed: 20261127 },
      );
    });
  }
});

/** An error of the server: from a handler, the roles, the credential, Go's server, or a panic. */
function assertShape(status: number, text: string): void {
  if (status === 500 && text === "") return;
  if (/^\d{3} /.test(text)) return;
  const error: unknown = JSON.parse(text);
  assert(typeof error === "object" && error !== null, text);
  const message =
    "code" in error || !("error" in error) ? Reflect.get(error, "message") : error.error;
  assert.equal(typeof message, "string", text);
}
