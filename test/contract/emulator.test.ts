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

  const newAccount = () => emulator.createAccount(operator.tenantId, { roles: ["event_reader"] });
  const keyOf = (userId: string, environmentId: string) =>
    emulator.createKey(userId, environmentId, { name: "p1" });

  describe("with two environments", () => {
    it("creates keys in the environment of an API key, or in the selected one of a token", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = newAccount();
      const key = { name: "p1", type: "private_key", service_account_id: id };
      const { apiKey, accessToken } = operator;

      await client.as({ apiKey, environmentId: second }).send("POST", "/secrets/api/keys", key);
      await client
        .as({ accessToken, environmentId: second })
        .send("POST", "/secrets/api/keys", key);

      const environments = emulator
        .keys(operator.tenantId)
        .map(({ environmentId }) => environmentId);
      assert.deepEqual(environments.slice(1), [operator.environmentId, second]);
    });

    it("lists only the keys of the selected environment", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = newAccount();
      const here = keyOf(id, operator.environmentId);
      const there = keyOf(id, second);
      const { accessToken } = operator;
      for (const [environmentId, expected] of [
        [operator.environmentId, here.id],
        [second, there.id],
      ] as const) {
        const { text } = await client
          .as({ accessToken, environmentId })
          .send("GET", `/secrets/api/keys?user_id=${id}`);
        assert.deepEqual(
          JSON.parse(text).items.map((item: { id: string }) => item.id),
          [expected],
        );
      }
    });

    it("keeps an account that has a key in either environment", async () => {
      const second = emulator.createEnvironment(operator.tenantId, "Second");
      const { id } = newAccount();
      const { id: keyId } = keyOf(id, second);
      assert.equal(await client.status("DELETE", `/users/${id}`), 400);
      emulator.revokeKey(keyId);
      assert.equal(await client.status("DELETE", `/users/${id}`), 204);
    });
  });

  describe("with two tenants", () => {
    it("does not let one tenant see or change the other's objects", async () => {
      const other = emulator.createTenant({ name: "Other", email: "other@example.com" });
      const otherAccount = emulator.createAccount(other.tenantId, {
        name: "x",
        roles: ["event_reader"],
      });
      const otherKey = keyOf(otherAccount.id, other.environmentId);

      const found = await client.send("POST", "/users/search", {
        user_ids: [otherAccount.id],
        limit: 1,
      });
      assert.match(found.text, /"items":\[\]/);
      assert.equal(
        await client.status("PUT", `/users/${otherAccount.id}`, { name: "renamed" }),
        404,
      );
      assert.equal(await client.status("DELETE", `/users/${otherAccount.id}`), 404);
      assert.equal(await client.status("DELETE", `/secrets/api/keys/${otherKey.id}`), 404);

      assert.deepEqual(emulator.accounts(other.tenantId), [otherAccount]);
      assert.deepEqual(emulator.accounts(operator.tenantId), []);
      assert.equal(emulator.keys(other.tenantId).at(-1)?.status, "published");
    });

    it("lets a suspended tenant only read", async () => {
      emulator.suspendTenant(operator.tenantId);
      const { status, json } = await client.makeAccount();
      assert.deepEqual([status, json], [403, { message: "tenant account is suspended" }]);
      assert.equal(await client.status("POST", "/users/search", { limit: 1 }), 200);
      emulator.suspendTenant(operator.tenantId, false);
      assert.equal((await client.makeAccount()).status, 201);
    });
  });

  describe("next to another emulator", () => {
    it("shares nothing with it", async () => {
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

    it("returns the same ids for the same clock and seed", async () => {
      const start = () => startEmulator({ clock: new ManualClock().read, random: seeded(3) });
      const [first, second] = [await start(), await start()];
      await Promise.all([first.client.makeAccount(), second.client.makeAccount()]);
      assert.deepEqual(first.emulator.accounts(), second.emulator.accounts());
      assert.deepEqual(first.emulator.keys(), second.emulator.keys());
      await Promise.all([first.emulator.stop(), second.emulator.stop()]);
    });
  });

  describe("records requests:", () => {
    it("with method, path, query, headers, bodies, status and time", async () => {
      await client.makeAccount();
      await client.send("GET", "/secrets/api/keys?limit=1");
      const [created, listed] = emulator.requests;
      assert.equal(emulator.requests.length, 2);
      assert.deepEqual(
        [created?.method, created?.path, created?.body, created?.status, created?.fault],
        [
          "POST",
          "/v1/users",
          { type: "service_account", name: "ci-bot", roles: ["event_ingestor"] },
          201,
          undefined,
        ],
      );
      assert.equal(created?.headers["x-api-key"], operator.apiKey);
      assert.match(
        JSON.stringify(created?.responseBody),
        new RegExp(`${emulator.accounts()[0]?.id}`),
      );
      assert(created?.at instanceof Date);
      assert.deepEqual([listed?.path, listed?.body], ["/v1/secrets/api/keys?limit=1", undefined]);
    });

    it("with a body that is not JSON as text", async () => {
      await fetch(`${emulator.url}/users`, { method: "POST", body: "{" });
      assert.equal(emulator.requests[0]?.body, "{");
    });

    it("apart by whether they may change something", async () => {
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

    it("until a test clears them, which undoes no effect", async () => {
      await client.makeAccount();
      emulator.clearRequests();
      assert.deepEqual(emulator.requests, []);
      assert.equal(emulator.accounts().length, 1);
    });
  });

  describe("changes objects for tests:", () => {
    it("renames an account, changes its roles and archives it", async () => {
      const { id } = newAccount();
      const key = keyOf(id, operator.environmentId);
      emulator.renameAccount(id, "renamed");
      emulator.setRoles(id, ["event_ingestor"]);
      const { text } = await client.as({ apiKey: key.value }).send("GET", "/users/me");
      assert.match(text, /"name":"renamed".*"roles":\["event_ingestor"\]/);
      emulator.archiveAccount(id);
      assert.equal(emulator.accounts()[0]?.status, "archived");
      assert.equal(await client.as({ apiKey: key.value }).me(), 200);
    });

    it("keeps the roles of existing keys when an account's roles change", async () => {
      const { id } = newAccount();
      const { value } = keyOf(id, operator.environmentId);
      emulator.setRoles(id, ["event_ingestor"]);
      const event = { event_name: "call", external_customer_id: "c1" };
      assert.equal(await client.as({ apiKey: value }).status("POST", "/events", event), 403);
    });

    it("revokes and expires keys", async () => {
      const { id } = newAccount();
      const revoked = keyOf(id, operator.environmentId);
      const expired = keyOf(id, operator.environmentId);
      emulator.revokeKey(revoked.id);
      emulator.expireKey(expired.id);
      assert.equal(await client.as({ apiKey: revoked.value }).me(), 401);
      assert.equal(await client.as({ apiKey: expired.value }).me(), 401);
      assert.deepEqual(
        emulator.keys(operator.tenantId).map(({ status }) => status),
        ["published", "deleted", "published"],
      );
    });

    it("returns copies, and rejects unknown ids", () => {
      const { id } = newAccount();
      emulator.accounts()[0]?.roles.push("super_admin");
      assert.deepEqual(emulator.accounts()[0]?.roles, ["event_reader"]);
      assert.throws(() => emulator.renameAccount("user_nope", "x"), /no user user_nope/);
      assert.throws(() => emulator.revokeKey(id), /no key/);
    });
  });

  describe("at random", () => {
    it("returns the roles in a different order", async () => {
      const orders = new Set<string>();
      for (let i = 0; i < 20; i++) orders.add((await client.send("GET", "/rbac/roles")).text);
      assert(orders.size > 1);
    });

    it("responds to a wrong password with one of two statuses", async () => {
      const statuses = new Set<number>();
      const login = { email: operator.email, password: "wrong password" };
      for (let i = 0; i < 50; i++) statuses.add(await client.status("POST", "/auth/login", login));
      assert.deepEqual([...statuses].sort(), [400, 403]);
    });
  });

  describe("reads requests as Go does:", () => {
    it("rejects a path with an invalid escape first", async () => {
      const { status, text, headers } = await client.as({}).send("GET", "/users/m%zz");
      assert.deepEqual(
        [status, text, headers.get("connection")],
        [400, "400 Bad Request", "close"],
      );
    });

    it("ignores the unreadable parts of a query", async () => {
      const unsorted = ["?sort=__proto__", "?sort=constructor"];
      for (const query of ["?limit=%zz", "?limit=a;b", "?%zz=1&limit=50", ...unsorted]) {
        assert.equal(await client.status("GET", `/secrets/api/keys${query}`), 200, query);
      }
    });

    it("fails on bytes that are not UTF-8, as the database does", async () => {
      assert.equal(await client.status("DELETE", "/users/a%ff"), 500);
    });
  });

  describe("with many objects", () => {
    const idsIn = (text: string): string[] =>
      JSON.parse(text).items.map(({ id }: { id: string }) => id);

    it("keeps the order of accounts that are created at the same time", async () => {
      const frozen = await startEmulator({ clock: new ManualClock().read });
      const { emulator: server, operator: owner, client: user } = frozen;
      try {
        const ids = Array.from(
          { length: 1001 },
          () => server.createAccount(owner.tenantId, { roles: ["event_reader"] }).id,
        );
        const { text } = await user.send("POST", "/users/search", { limit: 1001 });
        assert.deepEqual(idsIn(text), ids.reverse());
      } finally {
        await server.stop();
      }
    });

    it("lists keys in pages of 50 by default", async () => {
      for (let i = 0; i < 60; i++) keyOf(operator.userId, operator.environmentId);
      const pages = ["", "?offset=50", "?limit=0", "?limit=-1&offset=1", "?offset=-1"];
      const sizes = pages.map(async (page) => {
        return idsIn((await client.send("GET", `/secrets/api/keys${page}`)).text).length;
      });
      assert.deepEqual(await Promise.all(sizes), [50, 11, 61, 60, 50]);
    });
  });

  describe("reads bodies as Go does:", () => {
    it("matches field names in any case", async () => {
      const body = { Type: "service_account", NAME: "ci-bot", Roles: ["event_reader"] };
      assert.equal(await client.status("POST", "/users", body), 201);
      assert.equal(emulator.accounts()[0]?.name, "ci-bot");
    });

    it("replaces half a surrogate pair", async () => {
      await client.makeAccount(["event_reader"], "a\ud83eb");
      assert.equal(emulator.accounts()[0]?.name, "a\ufffdb");
    });
  });

  describe("reads numbers as Go does:", () => {
    const search = (limit: string) =>
      fetch(`${emulator.url}/users/search`, {
        method: "POST",
        headers: { "x-api-key": operator.apiKey },
        body: `{"type":"a 1.5","limit":${limit}}`,
      });

    it("rejects fractions and exponents as integers", async () => {
      for (const limit of ["1.0", "1e3", "1E3", "-1.0e1", "9223372036854775808000"]) {
        assert.equal((await search(limit)).status, 400, limit);
      }
      for (const limit of ["0", "-0", "9007199254740993"]) {
        assert.equal((await search(limit)).status, 200, limit);
      }
    });

    it("rejects invalid numbers in a query", async () => {
      const list = (limit: string) => client.status("GET", `/secrets/api/keys?limit=${limit}`);
      for (const limit of ["9223372036854775808000", "1.0", "1e3", "0x10", "1_0", "%201"]) {
        assert.equal(await list(limit), 400, limit);
      }
      for (const limit of ["", "%2B5", "9007199254740993"]) {
        assert.equal(await list(limit), 200, limit);
      }
    });
  });

  describe("treats texts as PostgreSQL does:", () => {
    it("cuts excess spaces from a stored name, but not in the response", async () => {
      const name = `${"x".repeat(254)}   `;
      const { status, json } = await client.makeAccount(["event_reader"], name);
      assert.deepEqual([status, field(json, "name")], [201, name]);
      assert.equal(emulator.accounts()[0]?.name, `${"x".repeat(254)} `);
      assert.equal((await client.makeAccount(["event_reader"], `${name}x`)).status, 500);
    });

    it("counts the characters of a password", async () => {
      const signUp = (password: string) =>
        client.as({}).status("POST", "/auth/signup", { email: "a@b.co", password });
      assert.equal(await signUp("\u{1f600}".repeat(7)), 400);
      assert.equal(await signUp("\u{1f600}".repeat(8)), 200);
    });

    it("fails on NUL wherever a text is looked up or stored", async () => {
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

  describe("reads headers:", () => {
    it("accepts long paths, and uses the first of two headers with one name", async () => {
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

  describe("reads repeatedly:", () => {
    it("returns the same bytes", async () => {
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

  describe("starts and stops:", () => {
    it("listens on loopback, and can be stopped twice", async () => {
      const second = await Emulator.start({ host: "127.0.0.1" });
      assert.match(second.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
      assert.equal(await new EmulatorClient(second.url, {}).me(), 401);
      await second.stop();
      await second.stop();
      await assert.rejects(new EmulatorClient(second.url, {}).me(), TypeError);
    });

    it("rejects a port in use", async () => {
      const port = Number(new URL(emulator.url).port);
      await assert.rejects(Emulator.start({ port }), { code: "EADDRINUSE" });
    });

    it("supports signing up and logging in over HTTP", async () => {
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
