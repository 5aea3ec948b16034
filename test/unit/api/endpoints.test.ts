import assert from "node:assert/strict";
import { Client } from "../../../provider/api/client";
import { FlexpriceApi } from "../../../provider/api/endpoints";
import type { HttpRequest } from "../../../provider/api/transport";
import { credential, failureOf, ONCE, START } from "../fixture";

/** Endpoints of a server with this response to everything. */
function answering(status: number, body: unknown) {
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
  describe("takes no id from the server that would turn into another path", () => {
    for (const id of [".", "..", "", "a/b", "../tenants", "a?b", "a#b", "a b", "%2e%2e", "é"]) {
      it(JSON.stringify(id), async () => {
        const page = (item: unknown) => ({ items: [item], pagination: { total: 1 } });
        const of = (body: unknown) => answering(200, body).api;
        const first = { limit: 1, offset: 0 };
        for (const error of [
          await failureOf(of(user(id)).me(), "malformed_answer"),
          await failureOf(of(page(user(id))).searchAccounts(first), "malformed_answer"),
          await failureOf(of(page(key(id))).listKeys(first), "malformed_answer"),
        ]) {
          assert.match(error.reason, /\bid: is not an id/);
        }
        const make = { name: "ci", type: "private_key" };
        const created = await of({ secret: key(id), api_key: "sk_1" }).createKey(make);
        assert("error" in created);
        assert.equal(created.error.kind, "outcome_unknown");
      });
    }
  });

  it("takes ids as Flexprice and others make them", async () => {
    for (const id of ["user_01M85F3VN6K63X2SZKSCVMP5X7", "0198-a4f0", "7"]) {
      assert.equal((await answering(200, user(id)).api.me()).id, id);
    }
  });

  describe("sends the expiry of a key in UTC, with the digits that it was given", () => {
    const instants: Record<string, string> = {
      "2030-06-01T12:00:00Z": "2030-06-01T12:00:00Z",
      "2030-06-01T12:00:00+05:30": "2030-06-01T06:30:00Z",
      "2030-01-01T00:30:00.123456789+01:00": "2029-12-31T23:30:00.123456789Z",
      "2030-06-01T12:00:00.5-15:59": "2030-06-02T03:59:00.5Z",
      "2030-06-01T12:00Z": "2030-06-01T12:00:00Z",
    };
    for (const [given, expected] of Object.entries(instants)) {
      it(given, async () => {
        const { api, sent } = answering(201, { secret: key("secret_1"), api_key: "sk_1" });
        await api.createKey({ name: "ci", type: "private_key", expiresAt: given });
        assert.equal(JSON.parse(sent[0]?.body ?? "").expires_at, expected);
      });
    }
  });

  it("passes word of a long wait on", async () => {
    const said: string[] = [];
    const client = { notify: async (text: string) => void said.push(text) };
    await new FlexpriceApi(client as unknown as Client).notify("waiting");
    assert.deepEqual(said, ["waiting"]);
  });
});
