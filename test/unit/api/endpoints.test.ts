import assert from "node:assert/strict";
import { Client } from "../../../provider/api/client";
import { FlexpriceApi } from "../../../provider/api/endpoints";
import type { HttpRequest } from "../../../provider/api/transport";
import { credential, failureOf, ONCE, START } from "../fixture";

/** Endpoints of a server with this response to everything. */
function apiWith(status: number, body: unknown) {
  const sent: HttpRequest[] = [];
  const api = new FlexpriceApi(
    new Client({
      baseUrl: "https://flexprice.example/v1",
      credential: credential("sk_01M85FAKMEBXGA1EGXE598V40Z"),
      retry: ONCE,
      platform: {
        transport: async (request) => {
          sent.push(request);
          return { status, headers: {}, body: JSON.stringify(body) };
        },
        now: () => START,
        random: () => 0,
        sleep: async () => {},
      },
    }),
  );
  return { api, sent };
}

const user = (id: string) => ({
  id,
  name: "ci",
  type: "service_account",
  roles: ["event_reader"],
  tenant: { id: "tenant_1" },
});
const key = (id: string) => ({
  id,
  name: "ci",
  type: "private_key",
  status: "published",
  created_at: "2026-11-24T08:00:00Z",
});

describe("api/endpoints", () => {
  describe("rejects an id from the server that would change a path:", () => {
    for (const id of [".", "..", "", "a/b", "../tenants", "a?b", "a#b", "a b", "%2e%2e", "é"]) {
      it(JSON.stringify(id), async () => {
        const page = (item: unknown) => ({ items: [item], pagination: { total: 1 } });
        const api = (body: unknown) => apiWith(200, body).api;
        const pageRequest = { limit: 1, offset: 0 };
        for (const error of [
          await failureOf(api(user(id)).me(), "malformed_response"),
          await failureOf(api(page(user(id))).searchAccounts(pageRequest), "malformed_response"),
          await failureOf(api(page(key(id))).listKeys(pageRequest), "malformed_response"),
        ]) {
          assert.match(error.reason, /\bid: is not an id/);
        }
        const newKey = { name: "ci", type: "private_key" };
        const created = await api({ secret: key(id), api_key: "sk_1" }).createKey(newKey);
        assert("error" in created);
        assert.equal(created.error.kind, "outcome_unknown");
      });
    }
  });

  it("accepts ids of Flexprice and other formats", async () => {
    for (const id of ["user_01M85F3VN6K63X2SZKSCVMP5X7", "0198-a4f0", "7"]) {
      assert.equal((await apiWith(200, user(id)).api.me()).id, id);
    }
  });

  describe("sends the expiry of a key in UTC, with all given digits:", () => {
    const instants: Record<string, string> = {
      "2030-06-01T12:00:00Z": "2030-06-01T12:00:00Z",
      "2030-06-01T12:00:00+05:30": "2030-06-01T06:30:00Z",
      "2030-01-01T00:30:00.123456789+01:00": "2029-12-31T23:30:00.123456789Z",
      "2030-06-01T12:00:00.5-15:59": "2030-06-02T03:59:00.5Z",
      "2030-06-01T12:00Z": "2030-06-01T12:00:00Z",
    };
    for (const [given, expected] of Object.entries(instants)) {
      it(given, async () => {
        const { api, sent } = apiWith(201, { secret: key("secret_1"), api_key: "sk_1" });
        await api.createKey({ name: "ci", type: "private_key", expiresAt: given });
        assert.equal(JSON.parse(sent[0]?.body ?? "").expires_at, expected);
      });
    }
  });

  it("passes on notices of long waits", async () => {
    const notices: string[] = [];
    const client = { notify: async (text: string) => void notices.push(text) };
    await new FlexpriceApi(client as unknown as Client).notify("waiting");
    assert.deepEqual(notices, ["waiting"]);
  });
});
