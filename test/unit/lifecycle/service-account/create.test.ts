import assert from "node:assert/strict";
import {
  type AccountInputs,
  type AccountState,
  createAccount,
  failureOf,
  MINUTE,
  type ProviderProcess,
  SECOND,
  token,
  UnitFixture,
} from "../../fixture";

const ROLES = ["event_ingestor"];
const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';

describe("lifecycle/service-account: create, read and update", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  let tenantId: string;
  beforeEach(async () => {
    process = fixture.process();
    tenantId = fixture.operator.tenantId;
  });

  const accountOf = (id: string) =>
    fixture.emulator.accounts().find((account) => account.id === id);

  describe("create", () => {
    it("makes one account and names it, and keeps inputs and tenant", async () => {
      const inputs = { name: "ci", roles: ["event_reader", "event_ingestor"], forceDestroy: true };
      const { id, state } = await createAccount(process, inputs);
      assert.deepEqual(state, {
        name: "ci",
        roles: ["event_ingestor", "event_reader"],
        forceDestroy: true,
        tenantId,
      });
      const [post, put] = fixture.emulator.writes();
      assert.deepEqual(fixture.writes, ["POST /users", `PUT /users/${id}`]);
      assert(post);
      const { name: first, ...body } = post.body as { name: string };
      assert.match(first, /^ci-[0-9a-hjkmnp-tv-z]{10}$/);
      assert.deepEqual(body, {
        type: "service_account",
        roles: ["event_ingestor", "event_reader"],
      });
      assert.deepEqual(put?.body, { name: "ci" });
      assert.equal(accountOf(id)?.name, "ci");
      assert.equal(accountOf(id)?.status, "published");
      assert(process.managed.has(id));
    });

    it("says what was refused, and by whom", async () => {
      const inputs = { name: "ci", roles: ["custom_role"] };
      const error = await failureOf(process.accounts.create(inputs), "invalid");
      assert.equal(
        error.message,
        `Could not create service account "ci".\n  Reason: Flexprice answered 400 validation_error: Role 'custom_role' does not exist {"role":"custom_role"} (POST ${fixture.emulator.url}/users)\n  What to do: correct the program or the settings and run the command again.`,
      );
    });

    it("needs a server", async () => {
      await fixture.stop();
      await failureOf(process.accounts.create({ name: "ci", roles: ROLES }), "unreachable");
    });

    it("takes over what a request without an answer made", async () => {
      fixture.fault({ kind: "reset" }, "after", { match: { method: "POST", path: /users$/ } });
      const { id, state } = await createAccount(process, { name: "ci", roles: ROLES });
      assert.deepEqual(
        fixture.emulator.accounts().map((account) => account.id),
        [id],
      );
      assert.deepEqual(state, { name: "ci", roles: ROLES, tenantId });
    });
  });

  describe("adopt", () => {
    it("takes an account over and renames it, creating nothing", async () => {
      const { id: adopt } = fixture.emulator.createAccount(tenantId, {
        name: "theirs",
        roles: ROLES,
      });
      const { id, state } = await createAccount(process, { name: "ci", roles: ROLES, adopt });
      assert.equal(id, adopt);
      assert.deepEqual(state, { name: "ci", roles: ROLES, adopt, tenantId });
      assert.deepEqual(fixture.writes, [`PUT /users/${adopt}`]);
      assert.equal(accountOf(adopt)?.name, "ci");
    });

    it("writes nothing when the name is the same", async () => {
      const { id: adopt } = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES });
      await createAccount(process, { name: "ci", roles: ROLES, adopt });
      assert.deepEqual(fixture.writes, []);
    });

    it("takes no account twice", async () => {
      const { id: adopt } = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES });
      const inputs = { name: "ci", roles: ROLES, adopt };
      await createAccount(process, inputs);
      const error = await failureOf(process.accounts.create(inputs), "refused");
      assert.equal(error.reason, "a resource of this stack manages it already");
    });

    it("makes a resource that held the account before let go of it, in this run and a later one", async () => {
      const { id: adopt } = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES });
      const inputs = { name: "ci", roles: ROLES, adopt };
      const { state } = await createAccount(process, inputs);
      // Under its old name, or without one in a state of an older release.
      await process.accounts.delete(adopt, { ...state, namePrefix: "before" });
      assert.deepEqual(process.warnings, [
        `Service account "ci" (${adopt}) is not deleted: another resource of the program adopts it, and manages it from now on. To rename a resource, use an alias.`,
      ]);
      process = fixture.process();
      await process.accounts.check(inputs, inputs);
      await process.accounts.diff(adopt, state, inputs);
      await process.accounts.delete(adopt, { ...state, namePrefix: "before" });
      assert.deepEqual([fixture.writes, accountOf(adopt)?.status], [[], "published"]);
    });

    it("keeps no account that the program has ceased to adopt, or replaces", async () => {
      const { id: adopt } = fixture.emulator.createAccount(tenantId, { name: "ci", roles: ROLES });
      const { state } = await createAccount(process, { name: "ci", roles: ROLES, adopt });
      process = fixture.process();
      await process.accounts.diff(adopt, state, { name: "ci", roles: ROLES });
      await process.accounts.diff(adopt, state, { name: "ci", roles: ["event_reader"], adopt });
      await process.accounts.delete(adopt, state);
      assert.equal(accountOf(adopt)?.status, "archived");
    });

    it("takes none that is not there, archived, foreign, or of other roles", async () => {
      const archived = fixture.emulator.createAccount(tenantId, { roles: ROLES }).id;
      fixture.emulator.archiveAccount(archived);
      const other = fixture.emulator.createTenant();
      const foreign = fixture.emulator.createAccount(other.tenantId, { roles: ROLES }).id;
      for (const adopt of ["user_nope", archived, foreign]) {
        const inputs = { name: "ci", roles: ROLES, adopt };
        const error = await failureOf(process.accounts.create(inputs), "not_found");
        assert.match(error.reason, /has no service account with this id, or it is archived$/);
      }
      const powerful = fixture.emulator.createAccount(tenantId, { roles: ["super_admin"] }).id;
      const inputs = { name: "ci", roles: ROLES, adopt: powerful };
      const error = await failureOf(process.accounts.create(inputs), "refused");
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
      ({ id, state } = await createAccount(process, { name: "ci", roles: ROLES }));
      fixture.emulator.clearRequests();
      process = fixture.process();
    });

    it("finds an account unchanged, and asks for nothing but it", async () => {
      const props = { ...state, __provider: PROVIDER };
      assert.deepEqual(await process.accounts.read(id, props), { id, props: state });
      assert.deepEqual(fixture.log, ["GET /users/me", "POST /users/search"]);
      assert(process.managed.has(id));
    });

    it("keeps what only the program knows", async () => {
      const more = { forceDestroy: true, adopt: id, connection: "india" };
      assert.deepEqual(await process.accounts.read(id, { ...state, ...more }), {
        id,
        props: { ...state, ...more },
      });
    });

    it("shows another name and other roles, as a set, in props and inputs", async () => {
      fixture.emulator.renameAccount(id, "renamed");
      fixture.emulator.setRoles(id, ["event_reader", "event_ingestor", "event_reader"]);
      const drifted = { name: "renamed", roles: ["event_ingestor", "event_reader"] };
      const read = await process.accounts.read(id, state);
      const props = { ...drifted, autoName: "ci", tenantId };
      assert.deepEqual(read, { id, props, inputs: drifted });
      const { replaces } = await process.accounts.diff(id, read.props as AccountState, {
        name: "ci",
        roles: ROLES,
      });
      assert.deepEqual(replaces, ["roles"]);
    });

    it("drops an account that is archived, once two searches agree", async () => {
      fixture.emulator.archiveAccount(id);
      fixture.clock.now += 11 * MINUTE;
      assert.deepEqual(await process.accounts.read(id, state), { id: "", props: state });
      assert.deepEqual(
        fixture.log.map((one) => one.replace(/\?.*/, "")),
        ["GET /users/me", "POST /users/search", "POST /users/search", "GET /secrets/api/keys"],
      );
      assert(process.pauses.includes(2 * SECOND));
      assert.match(
        process.warnings.join(),
        /^Service account .*was archived outside of this program/,
      );
    });

    it("reads many with one request", async () => {
      const others = Array.from(
        { length: 20 },
        (_, i) => fixture.emulator.createAccount(tenantId, { name: `a${i}`, roles: ROLES }).id,
      );
      await Promise.all(others.map((other) => process.accounts.read(other, { tenantId })));
      assert.deepEqual(fixture.log, ["GET /users/me", "POST /users/search"]);
    });

    it("keeps the state where the credential may not look, and says so", async () => {
      const { credential } = fixture.accountWithKey(["event_reader"]);
      const weak = fixture.process({ credential });
      fixture.emulator.archiveAccount(id);
      assert.deepEqual(await weak.accounts.read(id, state), { id, props: state });
      assert.deepEqual(weak.warnings, [
        `Service account "ci" (${id}) is not visible to the credential from config key flexprice:apiKey; its state is kept as it was. Flexprice answered 403: insufficient permissions (POST ${fixture.emulator.url}/users/search)`,
      ]);
    });

    it("refuses a credential of another tenant, which sees nothing of it", async () => {
      const other = fixture.emulator.createTenant();
      const foreign = fixture.process({ credential: { ...fixture.admin, value: other.apiKey } });
      const error = await failureOf(foreign.accounts.read(id, state), "wrong_tenant");
      assert.equal(
        error.message,
        `Could not read service account "ci" (${id}).\n  Reason: it belongs to tenant ${tenantId}, but the credential from config key flexprice:apiKey belongs to tenant ${other.tenantId}\n  What to do: configure a credential of the resource's tenant. refresh and destroy use the config of the last update: there, set the environment variable or run "pulumi up" first.`,
      );
      assert.deepEqual(fixture.log, ["GET /users/me"]);
    });

    it("never takes trouble of the server for an account that is gone", async () => {
      await process.connection.caller();
      const { accessToken } = fixture.operator;
      fixture.emulator.faults.outage = true;
      await failureOf(process.accounts.read(id, state), "server_error");
      const bearer = fixture.process({ credential: token(accessToken) });
      await failureOf(bearer.accounts.read(id, state), "server_error");
      fixture.emulator.faults.outage = false;
      assert.equal((await process.accounts.read(id, state)).id, id);

      const empty = { kind: "wrong_shape", body: {} } as const;
      fixture.fault(empty, "before", { match: { path: /search/ }, times: 99 });
      await failureOf(fixture.process().accounts.read(id, state), "malformed_answer");
      fixture.emulator.faults.clear();
      await fixture.stop();
      await failureOf(fixture.process().accounts.read(id, state), "unreachable");
    });

    it("reads an account that is managed elsewhere", async () => {
      const expected = { id, props: state, inputs: { name: "ci", roles: ROLES } };
      assert.deepEqual(await process.accounts.read(id), expected);
      assert.deepEqual(await process.accounts.read(id, {}), expected);
      const error = await failureOf(process.accounts.read("user_nope", {}), "not_found");
      assert.equal(
        error.message,
        `Could not read service account user_nope.\n  Reason: tenant ${tenantId} has no service account with this id, or it is archived\n  What to do: correct the id, or the credential if the account belongs to another tenant.`,
      );
      const { credential } = fixture.accountWithKey(["event_reader"]);
      await failureOf(fixture.process({ credential }).accounts.read(id, {}), "forbidden");
    });
  });

  describe("update", () => {
    let id: string;
    let state: AccountState;
    beforeEach(async () => {
      ({ id, state } = await createAccount(process, { name: "ci", roles: ROLES }));
      fixture.emulator.clearRequests();
    });

    it("renames in place", async () => {
      const { outs } = await process.accounts.update(id, state, { name: "ci2", roles: ROLES });
      assert.deepEqual(outs, { name: "ci2", roles: ROLES, tenantId });
      const [request, ...others] = fixture.emulator.requests;
      assert.deepEqual([request?.path, request?.body], [`/v1/users/${id}`, { name: "ci2" }]);
      assert.deepEqual(others, []);
      assert.deepEqual([accountOf(id)?.name, accountOf(id)?.roles], ["ci2", ROLES]);
    });

    it("reads the new name afterwards, without asking again", async () => {
      const later = fixture.process();
      await later.accounts.read(id, state);
      const news = { name: "ci2", roles: ROLES };
      const { outs } = await later.accounts.update(id, state, news);
      fixture.emulator.clearRequests();
      const { props } = await later.accounts.read(id, outs as AccountState);
      assert.deepEqual([props?.name, fixture.log], ["ci2", []]);
    });

    it("changes forceDestroy without a request, either way", async () => {
      const news = { name: "ci", roles: ROLES, forceDestroy: true };
      const { outs } = await process.accounts.update(id, state, news);
      assert.deepEqual(outs, { ...state, forceDestroy: true });
      const back = await process.accounts.update(id, outs as AccountState, {
        name: "ci",
        roles: ROLES,
      });
      assert.deepEqual(back.outs, state);
      assert.deepEqual(fixture.log, []);
    });

    it("refuses a credential of another tenant", async () => {
      const other = fixture.emulator.createTenant();
      const foreign = fixture.process({ credential: { ...fixture.admin, value: other.apiKey } });
      const renamed = foreign.accounts.update(id, state, { name: "ci2", roles: ROLES });
      await failureOf(renamed, "wrong_tenant");
      assert.deepEqual(fixture.writes, []);
    });

    it("says what to do when the account is gone", async () => {
      fixture.emulator.archiveAccount(id);
      const news = { name: "ci2", roles: ROLES };
      const error = await failureOf(process.accounts.update(id, state, news), "invalid");
      assert.equal(
        error.message,
        `Could not rename service account "ci" (${id}) to "ci2".\n  Reason: Flexprice answered 400 validation_error: Archived service accounts cannot be updated {"id":"${id}"} (PUT ${fixture.emulator.url}/users/${id})\n  What to do: run "pulumi refresh" to see whether the account still exists, then "pulumi up" again.`,
      );
      const gone = process.accounts.update("user_nope", state, news);
      assert.match((await failureOf(gone, "not_found")).fix, /^run "pulumi refresh"/);
    });

    it("goes on after a lost answer", async () => {
      fixture.fault({ kind: "reset" }, "after", { match: { method: "PUT" } });
      await process.accounts.update(id, state, { name: "ci2", roles: ROLES });
      assert.equal(accountOf(id)?.name, "ci2");
      assert.equal(fixture.writes.length, 2);
    });
  });

  it("gives a replacement an account of its own", async () => {
    const old = await createAccount(process, { name: "ci", roles: ROLES });
    const news: AccountInputs = { name: "ci", roles: ["event_reader"] };
    const { replaces } = await process.accounts.diff(old.id, old.state, news);
    assert.deepEqual(replaces, ["roles"]);
    const next = await createAccount(process, news);
    await process.accounts.delete(old.id, old.state);
    assert.notEqual(next.id, old.id);
    assert.deepEqual(
      fixture.emulator.accounts().map(({ id, status }) => [id, status]),
      [
        [old.id, "archived"],
        [next.id, "published"],
      ],
    );
  });
});
