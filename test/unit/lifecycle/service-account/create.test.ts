import assert from "node:assert/strict";
import {
  type AccountState,
  createAccount,
  failureOf,
  type ProviderProcess,
  SECOND,
  token,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_ingestor"];
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';

describe("ServiceAccountProvider", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  let tenantId: string;
  beforeEach(() => {
    provider = fixture.process();
    tenantId = fixture.operator.tenantId;
  });

  describe("create", () => {
    it("creates one account, renames it, and returns the inputs and the tenant", async () => {
      const inputs = { name: "ci", roles: ["event_reader", "event_ingestor"], forceDestroy: true };
      const { id, state } = await createAccount(provider, inputs);
      const roles = ["event_ingestor", "event_reader"];
      assert.deepEqual(state, { name: "ci", roles, forceDestroy: true, tenantId });
      const [post, put] = fixture.emulator.writes();
      assert.deepEqual(fixture.writes, ["POST /users", `PUT /users/${id}`]);
      assert(post);
      const { name: firstName, ...body } = post.body as { name: string };
      assert.match(firstName, /^ci-[0-9a-hjkmnp-tv-z]{10}$/);
      assert.deepEqual(body, { type: "service_account", roles });
      assert.deepEqual(put?.body, { name: "ci" });
      const { name, status } = fixture.account(id);
      assert.deepEqual([name, status], ["ci", "published"]);
      assert(provider.managed.has(id));
    });

    it("fails with the account's name and the server's reason if the server rejects it", async () => {
      const inputs = { name: "ci", roles: ["custom_role"] };
      const error = await failureOf(provider.accounts.create(inputs), "invalid");
      assert.equal(error.operation, 'create service account "ci"');
      assert.match(error.reason, /400 validation_error: Role 'custom_role' does not exist/);
    });

    it("fails if the server is unreachable", async () => {
      await fixture.stop();
      await failureOf(provider.accounts.create({ name: "ci", roles: ROLES }), "unreachable");
    });

    it("takes the account that a request without a response has created", async () => {
      fixture.fault({ kind: "reset" }, "after", { match: { method: "POST", path: /users$/ } });
      const { id, state } = await createAccount(provider, { name: "ci", roles: ROLES });
      assert.deepEqual(
        fixture.emulator.accounts().map((account) => account.id),
        [id],
      );
      assert.deepEqual(state, { name: "ci", roles: ROLES, tenantId });
    });

    it("creates another account for a replacement, before the old one is archived", async () => {
      const replaced = await createAccount(provider, { name: "ci", roles: ROLES });
      const news = { name: "ci", roles: ["event_reader"] };
      const { replaces } = await provider.accounts.diff(replaced.id, replaced.state, news);
      assert.deepEqual(replaces, ["roles"]);
      const { id } = await createAccount(provider, news);
      await provider.accounts.delete(replaced.id, replaced.state);
      assert.deepEqual(
        fixture.emulator.accounts().map((account) => [account.id, account.status]),
        [
          [replaced.id, "archived"],
          [id, "published"],
        ],
      );
    });
  });

  describe("create with adopt", () => {
    const addAdoptable = (name = "ci") => {
      const adopt = fixture.addAccount({ name, roles: ROLES }).id;
      return { name: "ci", roles: ROLES, adopt };
    };

    it("renames the adopted account, and creates none", async () => {
      const inputs = addAdoptable("existing");
      const { id, state } = await createAccount(provider, inputs);
      assert.equal(id, inputs.adopt);
      assert.deepEqual(state, { ...inputs, tenantId });
      assert.deepEqual(fixture.writes, [`PUT /users/${id}`]);
      assert.equal(fixture.account(id).name, "ci");
    });

    it("sends no write if the adopted account has the name already", async () => {
      await createAccount(provider, addAdoptable());
      assert.deepEqual(fixture.writes, []);
    });

    it("rejects an account that another resource of the run has adopted", async () => {
      const inputs = addAdoptable();
      await createAccount(provider, inputs);
      const error = await failureOf(provider.accounts.create(inputs), "refused");
      assert.equal(error.reason, "a resource of this stack manages it already");
    });

    it("keeps the account if the resource that had it before is deleted, in this run and a later one", async () => {
      const inputs = addAdoptable();
      const { id, state } = await createAccount(provider, inputs);
      const formerState = { ...state, namePrefix: "former logical name" };
      await provider.accounts.delete(id, formerState);
      assert.deepEqual(provider.warnings, [
        `Service account "ci" (${id}) is not deleted: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
      ]);
      provider = fixture.process();
      await provider.accounts.check(inputs, inputs);
      await provider.accounts.diff(id, state, inputs);
      await provider.accounts.delete(id, formerState);
      assert.deepEqual([fixture.writes, fixture.account(id).status], [[], "published"]);
    });

    it("does not keep an account that the program replaces or no longer adopts", async () => {
      const inputs = addAdoptable();
      const { id, state } = await createAccount(provider, inputs);
      provider = fixture.process();
      await provider.accounts.diff(id, state, { name: "ci", roles: ROLES });
      await provider.accounts.diff(id, state, { ...inputs, roles: ["event_reader"] });
      await provider.accounts.delete(id, state);
      assert.equal(fixture.account(id).status, "archived");
    });

    it("rejects accounts that are missing, archived, of another tenant, or have other roles", async () => {
      const archived = fixture.addAccount({ roles: ROLES }).id;
      fixture.emulator.archiveAccount(archived);
      const foreign = fixture.addForeignAccount({ roles: ROLES }).id;
      for (const adopt of ["user_nope", archived, foreign]) {
        const inputs = { name: "ci", roles: ROLES, adopt };
        const error = await failureOf(provider.accounts.create(inputs), "not_found");
        assert.match(error.reason, /has no service account with this id, or it is archived$/);
      }
      const admin = fixture.addAccount({ roles: ["super_admin"] }).id;
      const inputs = { name: "ci", roles: ROLES, adopt: admin };
      const error = await failureOf(provider.accounts.create(inputs), "refused");
      assert.equal(
        error.reason,
        "it has the roles super_admin, but the program asks for event_ingestor",
      );
      assert.deepEqual(fixture.writes, []);
    });
  });

  describe("read", () => {
    let id: string;
    let state: AccountState;
    beforeEach(async () => {
      ({ id, state } = await createAccount(provider, { name: "ci", roles: ROLES }));
      fixture.emulator.clearRequests();
      provider = fixture.process();
    });

    it("returns the state of an unchanged account with one search", async () => {
      const props = { ...state, __provider: PROVIDER };
      assert.deepEqual(await provider.accounts.read(id, props), { id, props: state });
      assert.deepEqual(fixture.log, ["GET /users/me", "POST /users/search"]);
      assert(provider.managed.has(id));
    });

    it("keeps properties that the server does not know", async () => {
      const props = { ...state, forceDestroy: true, adopt: id, connection: "india" };
      assert.deepEqual(await provider.accounts.read(id, props), { id, props });
    });

    it("returns a changed name and changed roles as properties and as inputs", async () => {
      fixture.emulator.renameAccount(id, "renamed");
      fixture.emulator.setRoles(id, ["event_reader", "event_ingestor", "event_reader"]);
      const inputs = { name: "renamed", roles: ["event_ingestor", "event_reader"] };
      const props = { ...inputs, autoName: "ci", tenantId };
      assert.deepEqual(await provider.accounts.read(id, state), { id, props, inputs });
      const news = { name: "ci", roles: ROLES };
      assert.deepEqual((await provider.accounts.diff(id, props, news)).replaces, ["roles"]);
    });

    it("drops an archived account once two searches and the keys agree", async () => {
      fixture.emulator.archiveAccount(id);
      fixture.passReplicaLag();
      assert.deepEqual(await provider.accounts.read(id, state), { id: "", props: state });
      assert.deepEqual(
        fixture.log.map((line) => line.replace(/\?.*/, "")),
        ["GET /users/me", "POST /users/search", "POST /users/search", "GET /secrets/api/keys"],
      );
      assert(provider.pauses.includes(2 * SECOND));
      assert.match(
        provider.warnings.join(),
        /^Service account .*was archived outside of this program/,
      );
    });

    it("reads many accounts with one search", async () => {
      const ids = Array.from(
        { length: 20 },
        (_, i) => fixture.addAccount({ name: `a${i}`, roles: ROLES }).id,
      );
      await Promise.all(ids.map((account) => provider.accounts.read(account, { tenantId })));
      assert.deepEqual(fixture.log, ["GET /users/me", "POST /users/search"]);
    });

    it("keeps the state and warns if the credential may not read accounts", async () => {
      const { credential } = fixture.accountWithKey(["event_reader"]);
      const weak = fixture.process({ credential });
      fixture.emulator.archiveAccount(id);
      assert.deepEqual(await weak.accounts.read(id, state), { id, props: state });
      assert.deepEqual(weak.warnings, [
        `Service account "ci" (${id}) is not visible to the credential from config key flexprice:apiKey; its state is kept as it was. Flexprice answered 403: insufficient permissions (POST ${fixture.emulator.url}/users/search)`,
      ]);
    });

    it("rejects a credential of another tenant before any search", async () => {
      const foreign = fixture.foreignProcess();
      const error = await failureOf(foreign.accounts.read(id, state), "wrong_tenant");
      const foreignTenant = (await foreign.connection.caller()).tenant.id;
      assert.equal(
        error.message,
        `Could not read service account "ci" (${id}).\n  Reason: it belongs to tenant ${tenantId}, but the credential from config key flexprice:apiKey belongs to tenant ${foreignTenant}\n  What to do: configure a credential of the resource's tenant. refresh and destroy use the config of the last update: there, set the environment variable or run "pulumi up" first.`,
      );
      assert.deepEqual(fixture.log, ["GET /users/me"]);
    });

    it("fails during an outage, and never drops the account", async () => {
      await provider.connection.caller();
      const { accessToken } = fixture.operator;
      fixture.emulator.faults.outage = true;
      await failureOf(provider.accounts.read(id, state), "server_error");
      const withToken = fixture.process({ credential: token(accessToken) });
      await failureOf(withToken.accounts.read(id, state), "server_error");
      fixture.emulator.faults.outage = false;
      assert.equal((await provider.accounts.read(id, state)).id, id);

      const emptyBody = { kind: "wrong_shape", body: {} } as const;
      fixture.fault(emptyBody, "before", { match: { path: /search/ }, times: 99 });
      await failureOf(fixture.process().accounts.read(id, state), "malformed_response");
      fixture.emulator.faults.clear();
      await fixture.stop();
      await failureOf(fixture.process().accounts.read(id, state), "unreachable");
    });

    it("looks up an account by its id without a state", async () => {
      const expected = { id, props: state, inputs: { name: "ci", roles: ROLES } };
      assert.deepEqual(await provider.accounts.read(id), expected);
      assert.deepEqual(await provider.accounts.read(id, {}), expected);
      const error = await failureOf(provider.accounts.read("user_nope", {}), "not_found");
      assert.equal(
        error.message,
        `Could not read service account user_nope.\n  Reason: tenant ${tenantId} has no service account with this id, or it is archived\n  What to do: correct the id, or the credential if the account belongs to another tenant.`,
      );
      const { credential } = fixture.accountWithKey(["event_reader"]);
      await failureOf(fixture.process({ credential }).accounts.read(id, {}), "forbidden");
    });
  });

  describe("update", () => {
    const renaming = { name: "ci2", roles: ROLES };
    let id: string;
    let state: AccountState;
    beforeEach(async () => {
      ({ id, state } = await createAccount(provider, { name: "ci", roles: ROLES }));
      fixture.emulator.clearRequests();
    });

    it("renames the account with one request", async () => {
      const { outs } = await provider.accounts.update(id, state, renaming);
      assert.deepEqual(outs, { ...renaming, tenantId });
      assert.deepEqual(
        fixture.emulator.requests.map(({ path, body }) => [path, body]),
        [[`/v1/users/${id}`, { name: "ci2" }]],
      );
      const { name, roles } = fixture.account(id);
      assert.deepEqual([name, roles], ["ci2", ROLES]);
    });

    it("lets a later read return the new name without a request", async () => {
      provider = fixture.process();
      await provider.accounts.read(id, state);
      const { outs } = await provider.accounts.update(id, state, renaming);
      fixture.emulator.clearRequests();
      const { props } = await provider.accounts.read(id, outs as AccountState);
      assert.deepEqual([props?.name, fixture.log], ["ci2", []]);
    });

    it("sets and removes forceDestroy without a request", async () => {
      const inputs = { name: "ci", roles: ROLES };
      const { outs } = await provider.accounts.update(id, state, { ...inputs, forceDestroy: true });
      assert.deepEqual(outs, { ...state, forceDestroy: true });
      const removed = await provider.accounts.update(id, outs as AccountState, inputs);
      assert.deepEqual(removed.outs, state);
      assert.deepEqual(fixture.log, []);
    });

    it("rejects a credential of another tenant", async () => {
      const { accounts } = fixture.foreignProcess();
      await failureOf(accounts.update(id, state, renaming), "wrong_tenant");
      assert.deepEqual(fixture.writes, []);
    });

    it("suggests a refresh if the account is archived or missing", async () => {
      fixture.emulator.archiveAccount(id);
      const error = await failureOf(provider.accounts.update(id, state, renaming), "invalid");
      assert.equal(error.operation, `rename service account "ci" (${id}) to "ci2"`);
      assert.match(
        error.reason,
        /400 validation_error: Archived service accounts cannot be update/,
      );
      assert.equal(
        error.fix,
        'run "pulumi refresh" to see whether the account still exists, then "pulumi up" again.',
      );
      const missing = provider.accounts.update("user_nope", state, renaming);
      assert.equal((await failureOf(missing, "not_found")).fix, error.fix);
    });

    it("sends the rename again after a lost response", async () => {
      fixture.fault({ kind: "reset" }, "after", { match: { method: "PUT" } });
      await provider.accounts.update(id, state, renaming);
      assert.equal(fixture.account(id).name, "ci2");
      assert.equal(fixture.writes.length, 2);
    });
  });
});
