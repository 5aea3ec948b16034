import assert from "node:assert/strict";
import { request } from "node:http";
import { Emulator, type Operator, seeded } from "../../provider/emulator";
import { EmulatorClient, ManualClock, startEmulator } from "../support/emulator-client";
import { field } from "./case";

describe("emulator", () => {
  let emulator: Emulator;
  let operator: Operator;
  let client: EmulatorClient;

  beforeEach(async () => {
    ({ emulator, operator, client } = await startEmulator({ random: seeded(1) }));
  });

  afterEach(() => emulator.stop());

  const keyOf = (userId: string, environmentId: string) =>
    emulator.createKey(userId, environmentId, { name: "p1" });

  describe("two environments", () => {
    it("a key is pinned to its own, a token chooses", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const key = { name: "p1", type: "private_key", service_account_id: id };
      const { apiKey, accessToken } = operator;

      await client.as({ apiKey, environmentId: second }).send("POST", "/secrets/api/keys", key);
      await client
        .as({ accessToken, environmentId: second })
        .send("POST", "/secrets/api/keys", key);

      const environments = emulator.keys(operator.tenantId).map((made) => made.environmentId);
      assert.deepEqual(environments.slice(1), [operator.environmentId, second]);
    });

    it("each lists its own keys", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const here = keyOf(id, operator.environmentId);
      const there = keyOf(id, second);
      const { accessToken } = operator;
      for (const [environmentId, wanted] of [
        [operator.environmentId, here.id],
        [second, there.id],
      ] as const) {
        const { text } = await client
          .as({ accessToken, environmentId })
          .send("GET", `/secrets/api/keys?user_id=${id}`);
        assert.deepEqual(
          JSON.parse(text).items.map((item: { id: string }) => item.id),
          [wanted],
        );
      }
    });

    it("a key of either keeps the account", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const { id: keyId } = keyOf(id, second);
      assert.equal(await client.status("DELETE", `/users/${id}`), 400);
      emulator.revokeKey(keyId);
      assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    });
  });

  describe("two tenants", () => {
    it("neither sees or changes anything of the other", async () => {
      const other = emulator.createTenant({ name: "Other", email: "other@example.com" });
      const theirs = emulator.createAccount(other.tenantId, { name: "x", roles: ["event_reader"] });
      const theirKey = keyOf(theirs.id, other.environmentId);

      const found = await client.send("POST", "/users/search", {
        user_ids: [theirs.id],
        limit: 1,
      });
      assert.match(found.text, /"items":\[\]/);
      assert.equal(await client.status("PUT", `/users/${theirs.id}`, { name: "mine" }), 404);
      assert.equal(await client.status("DELETE", `/users/${theirs.id}`), 404);
      assert.equal(await client.status("DELETE", `/secrets/api/keys/${theirKey.id}`), 404);

      assert.deepEqual(emulator.accounts(other.tenantId), [theirs]);
      assert.deepEqual(emulator.accounts(operator.tenantId), []);
      assert.equal(emulator.keys(other.tenantId).at(-1)?.status, "published");
    });

    it("a suspended one only reads", async () => {
      emulator.suspendTenant(operator.tenantId);
      const { status, json } = await client.makeAccount();
      assert.deepEqual([status, json], [403, { message: "tenant account is suspended" }]);
      assert.equal(await client.status("POST", "/users/search", { limit: 1 }), 200);
      emulator.suspendTenant(operator.tenantId, false);
      assert.equal((await client.makeAccount()).status, 201);
    });
  });

  describe("two emulators", () => {
    it("share nothing", async () => {
      const { emulator: second, client: secondClient } = await startEmulator();
      try {
        assert.equal(await secondClient.as({ apiKey: operator.apiKey }).me(), 401);
        await secondClient.makeAccount();
        assert.deepEqual(emulator.accounts(), []);
        assert.deepEqual(emulator.requests, []);
      } finally {
        await second.stop();
      }
    });

    it("give the same ids for the same clock and seed", async () => {
      const start = () => startEmulator({ clock: new ManualClock().read, random: seeded(3) });
      const [one, two] = [await start(), await start()];
      await Promise.all([one.client.makeAccount(), two.client.makeAccount()]);
      assert.deepEqual(one.emulator.accounts(), two.emulator.accounts());
      assert.deepEqual(one.emulator.keys(), two.emulator.keys());
      await Promise.all([one.emulator.stop(), two.emulator.stop()]);
    });
  });

  describe("recording", () => {
    it("keeps method, path with query, headers, bodies, status and time", async () => {
      await client.makeAccount();
      await client.send("GET", "/secrets/api/keys?limit=1");
      const [made, listed] = emulator.requests;
      assert.equal(emulator.requests.length, 2);
      assert.deepEqual(
        [made?.method, made?.path, made?.body, made?.status, made?.fault],
        [
          "POST",
          "/v1/users",
          { type: "service_account", name: "ci-bot", roles: ["event_ingestor"] },
          201,
          undefined,
        ],
      );
      assert.equal(made?.headers["x-api-key"], operator.apiKey);
      assert.match(JSON.stringify(made?.responseBody), new RegExp(`${emulator.accounts()[0]?.id}`));
      assert(made?.at instanceof Date);
      assert.deepEqual([listed?.path, listed?.body], ["/v1/secrets/api/keys?limit=1", undefined]);
    });

    it("keeps a body that is not JSON as text", async () => {
      await fetch(`${emulator.url}/users`, { method: "POST", body: "{" });
      assert.equal(emulator.requests[0]?.body, "{");
    });

    it("knows which requests ask for a change", async () => {
      await client.send("GET", "/users/me");
      await client.send("POST", "/users/search", { limit: 1 });
      await client.send("POST", "/auth/login", { email: "a@b.co", password: "secret" });
      assert.deepEqual(emulator.writes(), []);
      await client.makeAccount();
      await client.send("PUT", "/users/user_nope", { name: "x" });
      await client.send("DELETE", "/users/user_nope");
      await client.send("POST", "/secrets/api/keys", {});
      assert.deepEqual(
        emulator.writes().map(({ method, status }) => `${method} ${status}`),
        ["POST 201", "PUT 404", "DELETE 404", "POST 400"],
      );
    });

    it("forgets the requests, not what they did", async () => {
      await client.makeAccount();
      emulator.clearRequests();
      assert.deepEqual(emulator.requests, []);
      assert.equal(emulator.accounts().length, 1);
    });
  });

  describe("behind the server's back", () => {
    it("an account is renamed, given other roles and archived", async () => {
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const key = keyOf(id, operator.environmentId);
      emulator.renameAccount(id, "renamed");
      emulator.setRoles(id, ["event_ingestor"]);
      const { text } = await client.as({ apiKey: key.value }).send("GET", "/users/me");
      assert.match(text, /"name":"renamed".*"roles":\["event_ingestor"\]/);
      emulator.archiveAccount(id);
      assert.equal(emulator.accounts()[0]?.status, "archived");
      assert.equal(await client.as({ apiKey: key.value }).me(), 200);
    });

    it("the roles of a key are those of its making", async () => {
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const { value } = keyOf(id, operator.environmentId);
      emulator.setRoles(id, ["event_ingestor"]);
      const event = { event_name: "call", external_customer_id: "c1" };
      assert.equal(await client.as({ apiKey: value }).status("POST", "/events", event), 403);
    });

    it("a key is revoked or expires", async () => {
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      const [one, two] = [keyOf(id, operator.environmentId), keyOf(id, operator.environmentId)];
      emulator.revokeKey(one.id);
      emulator.expireKey(two.id);
      assert.equal(await client.as({ apiKey: one.value }).me(), 401);
      assert.equal(await client.as({ apiKey: two.value }).me(), 401);
      assert.deepEqual(
        emulator.keys(operator.tenantId).map(({ status }) => status),
        ["published", "deleted", "published"],
      );
    });

    it("what is read is a copy", () => {
      const { id } = emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
      emulator.accounts()[0]?.roles.push("super_admin");
      assert.deepEqual(emulator.accounts()[0]?.roles, ["event_reader"]);
      assert.throws(() => emulator.renameAccount("user_nope", "x"), /no user user_nope/);
      assert.throws(() => emulator.revokeKey(id), /no key/);
    });
  });

  describe("chance", () => {
    it("gives the roles in an order of their own each time", async () => {
      const orders = new Set<string>();
      for (let i = 0; i < 20; i++) orders.add((await client.send("GET", "/rbac/roles")).text);
      assert(orders.size > 1);
    });

    it("gives a wrong password one of two statuses", async () => {
      const statuses = new Set<number>();
      const login = { email: operator.email, password: "wrong password" };
      for (let i = 0; i < 50; i++) statuses.add(await client.status("POST", "/auth/login", login));
      assert.deepEqual([...statuses].sort(), [400, 403]);
    });
  });

  describe("reading requests as Go does", () => {
    it("refuses a path with a broken escape before anything else", async () => {
      const { status, text, headers } = await client.as({}).send("GET", "/users/m%zz");
      assert.deepEqual(
        [status, text, headers.get("connection")],
        [400, "400 Bad Request", "close"],
      );
    });

    it("leaves out what it cannot read of a query", async () => {
      const unsorted = ["?sort=__proto__", "?sort=constructor"];
      for (const query of ["?limit=%zz", "?limit=a;b", "?%zz=1&limit=50", ...unsorted]) {
        assert.equal(await client.status("GET", `/secrets/api/keys${query}`), 200, query);
      }
    });

    it("takes bytes that are no UTF-8 for a text that the database refuses", async () => {
      assert.equal(await client.status("DELETE", "/users/a%ff"), 500);
    });
  });

  describe("many", () => {
    const idsIn = (text: string): string[] =>
      JSON.parse(text).items.map(({ id }: { id: string }) => id);

    it("accounts made at one moment keep their order", async () => {
      const frozen = await startEmulator({ clock: new ManualClock().read });
      const { emulator: server, operator: owner, client: user } = frozen;
      try {
        const made = Array.from(
          { length: 1001 },
          () => server.createAccount(owner.tenantId, { roles: ["event_reader"] }).id,
        );
        const { text } = await user.send("POST", "/users/search", { limit: 1001 });
        assert.deepEqual(idsIn(text), made.reverse());
      } finally {
        await server.stop();
      }
    });

    it("keys come in pages of 50 unless told otherwise", async () => {
      for (let i = 0; i < 60; i++) keyOf(operator.userId, operator.environmentId);
      const pages = ["", "?offset=50", "?limit=0", "?limit=-1&offset=1", "?offset=-1"];
      const sizes = pages.map(async (page) => {
        return idsIn((await client.send("GET", `/secrets/api/keys${page}`)).text).length;
      });
      assert.deepEqual(await Promise.all(sizes), [50, 11, 61, 60, 50]);
    });
  });

  describe("reading bodies as Go does", () => {
    it("field names match in any case", async () => {
      const body = { Type: "service_account", NAME: "ci-bot", Roles: ["event_reader"] };
      assert.equal(await client.status("POST", "/users", body), 201);
      assert.equal(emulator.accounts()[0]?.name, "ci-bot");
    });

    it("half a surrogate pair becomes a replacement character", async () => {
      await client.makeAccount(["event_reader"], "a\ud83eb");
      assert.equal(emulator.accounts()[0]?.name, "a\ufffdb");
    });
  });

  describe("numbers", () => {
    const search = (limit: string) =>
      fetch(`${emulator.url}/users/search`, {
        method: "POST",
        headers: { "x-api-key": operator.apiKey },
        body: `{"type":"a 1.5","limit":${limit}}`,
      });

    it("with a fraction or an exponent are no integers, whatever they amount to", async () => {
      for (const limit of ["1.0", "1e3", "1E3", "-1.0e1", "9223372036854775808000"]) {
        assert.equal((await search(limit)).status, 400, limit);
      }
      for (const limit of ["0", "-0", "9007199254740993"]) {
        assert.equal((await search(limit)).status, 200, limit);
      }
    });

    it("of a query that do not fit are refused", async () => {
      const list = (limit: string) => client.status("GET", `/secrets/api/keys?limit=${limit}`);
      for (const limit of ["9223372036854775808000", "1.0", "1e3", "0x10", "1_0", "%201"]) {
        assert.equal(await list(limit), 400, limit);
      }
      for (const limit of ["", "%2B5", "9007199254740993"]) {
        assert.equal(await list(limit), 200, limit);
      }
    });
  });

  describe("texts", () => {
    it("of a name lose the spaces that are too many, as in PostgreSQL, but not in the answer", async () => {
      const name = `${"x".repeat(254)}   `;
      const { status, json } = await client.makeAccount(["event_reader"], name);
      assert.deepEqual([status, field(json, "name")], [201, name]);
      assert.equal(emulator.accounts()[0]?.name, `${"x".repeat(254)} `);
      assert.equal((await client.makeAccount(["event_reader"], `${name}x`)).status, 500);
    });

    it("of a password count by characters", async () => {
      const signUp = (password: string) =>
        client.as({}).status("POST", "/auth/signup", { email: "a@b.co", password });
      assert.equal(await signUp("\u{1f600}".repeat(7)), 400);
      assert.equal(await signUp("\u{1f600}".repeat(8)), 200);
    });

    it("with NUL are refused by the database wherever they are looked up or kept", async () => {
      const nul = "a\0b";
      for (const [method, path, body] of [
        ["PUT", "/users/me", { metadata: { [nul]: "x" } }],
        ["PUT", "/users/me", { metadata: { x: nul } }],
        ["DELETE", "/secrets/api/keys/a%00b", undefined],
        ["GET", "/secrets/api/keys?user_id=a%00b", undefined],
        ["GET", "/environments/a%00b", undefined],
        ["POST", "/environments", { name: nul, type: "development" }],
        ["POST", "/users/search", { type: nul, limit: 1 }],
        ["POST", "/auth/login", { email: nul, password: "x" }],
        ["POST", "/auth/signup", { email: "a@b.co", password: "long enough", tenant_name: nul }],
      ] as const) {
        const { status, json } = await client.send(method, path, body);
        assert.deepEqual([status, field(json, "code")], [500, "database_error"], path);
      }
    });
  });

  describe("headers", () => {
    it("may be long, and of two with one name the first counts", async () => {
      const long = await fetch(`${emulator.url}/users/${"x".repeat(100_000)}`, {
        method: "DELETE",
        headers: { "x-api-key": operator.apiKey },
      });
      assert.equal(long.status, 404);
      const twice = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { "x-api-key": [operator.apiKey, "sk_other"] };
        const sent = request(`${emulator.url}/users/me`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on("error", reject).end();
      });
      assert.equal(twice, 200);
    });
  });

  describe("reading twice", () => {
    it("gives the same bytes", async () => {
      for (let i = 0; i < 3; i++) {
        const { text } = await client.makeAccount();
        keyOf(JSON.parse(text).id, operator.environmentId);
      }
      const search = () => client.send("POST", "/users/search", { limit: 10 });
      const list = () => client.send("GET", "/secrets/api/keys");
      assert.equal((await search()).text, (await search()).text);
      assert.equal((await list()).text, (await list()).text);
    });
  });

  describe("starting and stopping", () => {
    it("listens on loopback and stops at once, twice", async () => {
      const second = await Emulator.start({ host: "127.0.0.1" });
      assert.match(second.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
      assert.equal(await new EmulatorClient(second.url, {}).me(), 401);
      await second.stop();
      await second.stop();
      await assert.rejects(new EmulatorClient(second.url, {}).me(), TypeError);
    });

    it("says that a port is taken", async () => {
      const port = Number(new URL(emulator.url).port);
      await assert.rejects(Emulator.start({ port }), { code: "EADDRINUSE" });
    });

    it("signs up and in over HTTP alone", async () => {
      const nobody = client.as({});
      const credentials = { email: "new@example.com", password: "long enough" };
      const signUp = await nobody.send("POST", "/auth/signup", {
        ...credentials,
        tenant_name: "New",
      });
      const { token } = JSON.parse(signUp.text);
      const environments = await client.as({ accessToken: token }).send("GET", "/environments");
      const [{ id }] = JSON.parse(environments.text).environments;
      const user = client.as({ accessToken: token, environmentId: id });
      const key = await user.send("POST", "/secrets/api/keys", {
        name: "admin key",
        type: "private_key",
      });
      assert.equal(key.status, 201);
      assert.equal(await client.as({ apiKey: JSON.parse(key.text).api_key }).me(), 200);
      assert.equal(await nobody.status("POST", "/auth/login", credentials), 200);
    });
  });
});
