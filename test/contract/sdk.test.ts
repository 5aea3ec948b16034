import assert from "node:assert/strict";
import type { Flexprice } from "@flexprice/sdk" with { "resolution-mode": "import" };
import type { Emulator, Operator } from "../../provider/emulator";
import { EmulatorClient, startEmulator } from "../support/emulator-client";
import { field, isRecord } from "./case";

/**
 * The official client as an independent judge: it follows the vendor's description of the
 * API, and validates what it receives.
 *
 * Version 2.0.1 declares an optional field as a union with undefined. Since zod 4.4 (pull request 5899
 * there), such a field may be undefined but not absent. So this client rejects every response that
 * omits one, even from a real server: service accounts have no `email`, keys no `last_used_at`, errors
 * neither `error` nor `success`. These tests ignore only this complaint.
 */
describe("official client", () => {
  let emulator: Emulator;
  let operator: Operator;
  let connect: (apiKey: string) => Flexprice;
  let client: Flexprice;

  before(async () => {
    const sdk = await import("@flexprice/sdk");
    connect = (apiKeyAuth) => new sdk.Flexprice({ serverURL: emulator.url, apiKeyAuth });
  });

  beforeEach(async () => {
    ({ emulator, operator } = await startEmulator());
    client = connect(operator.apiKey);
  });

  afterEach(() => emulator.stop());

  /** Resolves to the raw response, once the client has accepted its format. */
  async function accepted(status: number, call: Promise<unknown>): Promise<unknown> {
    await call.catch((error: unknown) => {
      if (!isOnlyAbsence(error)) throw error;
    });
    const last = emulator.requests.at(-1);
    assert.equal(last?.status, status);
    return last.responseBody;
  }

  /** Resolves to the error body, once the client has rejected with this status. */
  async function rejected(status: number, call: Promise<unknown>): Promise<unknown> {
    const error: unknown = await call.then(
      () => assert.fail("the client accepted it"),
      (reason: unknown) => reason,
    );
    assert.equal(field(error, "statusCode"), status);
    assert.equal(emulator.requests.at(-1)?.status, status);
    return emulator.requests.at(-1)?.responseBody;
  }

  const newAccount = (roles = ["event_ingestor"]) =>
    accepted(201, client.users.createUser({ type: "service_account", roles }));

  async function newKey(serviceAccountId: string, expiresAt?: string): Promise<unknown> {
    return accepted(
      201,
      client.secrets.createApiKey({
        name: "p1",
        type: "private_key",
        serviceAccountId,
        ...(expiresAt !== undefined && { expiresAt }),
      }),
    );
  }

  const idOf = (value: unknown) => String(field(value, "id"));

  it("reads the caller", async () => {
    const me = await accepted(200, client.users.getUserInfo());
    assert.deepEqual([idOf(me), field(me, "type")], [operator.userId, "user"]);
  });

  it("creates an account, but cannot name it", async () => {
    // The client only has type and roles, and silently drops anything else.
    const account = await accepted(
      201,
      client.users.createUser(
        Object.assign(
          { type: "service_account" as const, roles: ["event_ingestor", "event_reader"] },
          { name: "ci-bot" },
        ),
      ),
    );
    assert.deepEqual(field(account, "roles"), ["event_ingestor", "event_reader"]);
    assert.equal(field(account, "name"), undefined);
    assert.deepEqual(Object.keys(emulator.requests.at(-1)?.body ?? {}).sort(), ["roles", "type"]);
  });

  it("finds accounts page by page", async () => {
    const ids = [idOf(await newAccount()), idOf(await newAccount()), idOf(await newAccount())];
    const page = await accepted(
      200,
      client.users.queryUser({ limit: 2, offset: 1, type: "service_account", userIds: ids }),
    );
    const items = field(page, "items");
    assert(Array.isArray(items));
    assert.deepEqual(items.map(idOf), [ids[1], ids[0]]);
    assert.deepEqual(field(page, "pagination"), { total: 3, limit: 2, offset: 3 });
  });

  it("gets the panic of a search without a page", async () => {
    await assert.rejects(client.users.queryUser({}), {
      statusCode: 500,
      body: "",
      contentType: "",
    });
  });

  it("creates, lists and deletes keys", async () => {
    const accountId = idOf(await newAccount());
    const key = await newKey(accountId, "2030-06-01T12:00:00+05:30");
    const secret = field(key, "secret");
    assert.equal(field(secret, "expires_at"), "2030-06-01T12:00:00+05:30");

    const list = () => accepted(200, client.secrets.listApiKeys(1, 0));
    const items = field(await list(), "items");
    assert(Array.isArray(items));
    assert.deepEqual(items.map(idOf), [idOf(secret)]);
    assert.equal(field(items[0], "expires_at"), "2030-06-01T06:30:00Z");

    await accepted(204, client.secrets.deleteApiKey(idOf(secret)));
    assert.equal(field(field(await list(), "pagination"), "total"), 1, "the operator's own");
  });

  it("has no way to archive an account", () => {
    // The client does not have these two routes.
    assert.equal("deleteUser" in client.users, false);
    assert.equal("updateUser" in client.users, false);
  });

  it("reads roles", async () => {
    const { roles } = await client.rbac.listRbacRoles();
    assert.deepEqual(roles.map(idOf).sort(), [
      "all_reader",
      "all_writer",
      "event_ingestor",
      "event_reader",
      "super_admin",
    ]);
    const { role } = await client.rbac.getRbacRole("event_reader");
    assert.deepEqual(role.permissions, { event: ["read"] });
  });

  it("creates an environment", async () => {
    const { id, type } = await client.environments.createEnvironment({
      name: "Staging",
      type: "development",
    });
    assert.deepEqual([id, type], [emulator.environments(operator.tenantId).at(-1), "development"]);
  });

  it("sends events with the key of an event_ingestor", async () => {
    const key = await newKey(idOf(await newAccount()));
    const sender = connect(String(field(key, "api_key")));
    const event = {
      eventName: "call",
      externalCustomerId: "c1",
      eventId: "event_1",
      timestamp: "2026-08-22T10:00:00Z",
      properties: { tokens: "12" },
    };
    assert.deepEqual(await sender.events.ingestEvent(event), {
      event_id: "event_1",
      message: "Event accepted for processing",
    });
    assert.deepEqual(await sender.events.ingestEventsBulk({ events: [event, event] }), {
      message: "Events accepted for processing",
    });
  });

  it("cannot send events with the key of an event_reader", async () => {
    const key = await newKey(idOf(await newAccount(["event_reader"])));
    const reader = connect(String(field(key, "api_key")));
    const event = { eventName: "call", externalCustomerId: "c1" };
    assert.deepEqual(await rejected(403, reader.events.ingestEvent(event)), {
      message: "insufficient permissions",
    });
    assert.deepEqual(await rejected(403, reader.secrets.listApiKeys()), {
      message: "insufficient permissions",
    });
  });

  it("throws errors with status and body", async () => {
    const badRole = client.users.createUser({ type: "service_account", roles: ["custom_role"] });
    assert.deepEqual(await rejected(400, badRole), {
      code: "validation_error",
      message: "Role 'custom_role' does not exist",
      http_status_code: 400,
      details: { role: "custom_role" },
    });
    assert.equal(
      field(await rejected(404, client.secrets.deleteApiKey("secret_nope")), "message"),
      "Secret not found",
    );
    assert.deepEqual(await rejected(404, client.rbac.getRbacRole("nope")), {
      error: "Role not found",
    });
    assert.deepEqual(await rejected(401, connect("sk_bad").users.getUserInfo()), {
      error: "Unauthorized",
    });
  });

  it("gets the same response as a plain request", async () => {
    const accountId = idOf(await newAccount());
    const { text } = await new EmulatorClient(emulator.url, { apiKey: operator.apiKey }).send(
      "POST",
      "/users/search",
      { user_ids: [accountId], limit: 1 },
    );
    const page = await accepted(200, client.users.queryUser({ userIds: [accountId], limit: 1 }));
    assert.deepEqual(page, JSON.parse(text));
  });
});

/** Whether the client only misses fields that may be absent. */
function isOnlyAbsence(error: unknown): boolean {
  const issues = field(field(error, "cause"), "issues");
  return field(error, "name") === "ResponseValidationError" && areAbsences(issues);
}

function areAbsences(issues: unknown): boolean {
  return Array.isArray(issues) && issues.length > 0 && issues.every(isAbsence);
}

function isAbsence(issue: unknown): boolean {
  if (!isRecord(issue)) return false;
  if (field(issue, "code") === "invalid_type") return field(issue, "expected") === "nonoptional";
  const branches = field(issue, "errors");
  return Array.isArray(branches) && branches.some(areAbsences);
}
