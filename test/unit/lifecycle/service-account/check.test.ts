import assert from "node:assert/strict";
import {
  type AccountInputs,
  type AccountState,
  failureOf,
  ONCE,
  type ProviderProcess,
  reasons,
  UNKNOWN,
  UnitFixture,
} from "../../fixture";

const PROVIDER = 'exports.handler = () => require("pulumi-flexprice/runtime").serviceAccount';
const NAME_RULE = "name: must be 1 to 255 characters long, not blank, without NUL";
const PREFIX_RULE = "namePrefix: must not be blank or contain NUL";
const NO_ROLE = "roles: Service accounts must have at least one role assigned";
const ALLOWED = "Allowed roles: event_ingestor, event_reader, super_admin.";

describe("lifecycle/service-account: check and diff", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  beforeEach(() => {
    process = fixture.process();
  });

  const check = (news: object, olds: object = {}) =>
    process.accounts.check(olds, news as AccountInputs);

  describe("check", () => {
    it("gives back the inputs with the roles as a set, without __provider", async () => {
      const inputs = {
        name: "ci",
        roles: ["event_reader", "event_ingestor", "event_reader"],
        forceDestroy: true,
        connection: "india",
      };
      assert.deepEqual(await check({ ...inputs, __provider: PROVIDER }), {
        inputs: { ...inputs, roles: ["event_ingestor", "event_reader"] },
        failures: [],
      });
    });

    it("gives back the inputs as they are when something is wrong", async () => {
      const inputs = { name: "", roles: ["b", "a"] };
      assert.deepEqual((await check(inputs)).inputs, inputs);
    });

    describe("accepts", () => {
      const accepted: Record<string, object> = {
        "one role": { roles: ["event_reader"] },
        "super_admin alone, also twice": { roles: ["super_admin", "super_admin"] },
        "a name of one character": { name: "x" },
        "a name of 255 characters": { name: "é".repeat(255) },
        "a name of 255 characters that are two units each": { name: "😀".repeat(255) },
        "a name with white space around and within": { name: " a\n\tb " },
        "no name": { name: undefined },
        "a prefix of any length": { name: undefined, namePrefix: "x".repeat(5_000) },
        "a prefix with white space around and within": { name: undefined, namePrefix: " a\n\tb " },
        "forceDestroy false": { forceDestroy: false },
      };
      for (const [what, inputs] of Object.entries(accepted)) {
        it(what, async () => {
          assert.deepEqual(
            reasons(await check({ name: "ci", roles: ["event_reader"], ...inputs })),
            [],
          );
        });
      }
    });

    describe("refuses", () => {
      const refused: Record<string, [inputs: object, ...reasons: string[]]> = {
        "no roles, in the guide's words": [{ roles: [] }, NO_ROLE],
        "roles left out": [{ roles: undefined }, NO_ROLE],
        "roles null": [{ roles: null }, NO_ROLE],
        "a text for roles": [{ roles: "event_reader" }, "roles: must be a list of roles"],
        "a role that is no text": [
          { roles: ["event_reader", 7] },
          "roles[1]: must be the name of a role",
        ],
        "an invalid role, in the guide's words": [
          { roles: ["custom_role"] },
          `roles: Invalid role: custom_role. ${ALLOWED}`,
        ],
        "a slip, with the role that was meant": [
          { roles: ["event_ingester"] },
          `roles: Invalid role: event_ingester. ${ALLOWED} Did you mean "event_ingestor"?`,
        ],
        "super_admin beside another": [
          { roles: ["super_admin", "event_reader"] },
          "roles: super_admin includes every other role: assign it alone.",
        ],
        "an empty name": [{ name: "" }, NAME_RULE],
        "a blank name": [{ name: " \n\t" }, NAME_RULE],
        "a name of 256 characters": [{ name: "é".repeat(256) }, NAME_RULE],
        "a name with NUL": [{ name: "a\0b" }, NAME_RULE],
        "a name that is no text": [{ name: 7 }, NAME_RULE],
        "an empty prefix": [{ namePrefix: "" }, PREFIX_RULE],
        "a blank prefix": [{ namePrefix: " \n\t" }, PREFIX_RULE],
        "a prefix with NUL": [{ namePrefix: "a\0b" }, PREFIX_RULE],
        "a prefix that is no text": [{ namePrefix: 7 }, PREFIX_RULE],
        "a prefix that ends in half a character": [
          { namePrefix: "a\ud83d" },
          "namePrefix: must be well-formed Unicode",
        ],
        "half a character": [{ name: "a\ud83d" }, "name: must be well-formed Unicode"],
        "forceDestroy of another type": [
          { forceDestroy: "true" },
          "forceDestroy: must be true or false",
        ],
        "adopt that is no id": [
          { adopt: "secret_1" },
          'adopt: must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
        ],
        "an empty connection": [{ connection: "" }, "connection: must name a connection"],
        "a connection of another type": [{ connection: 7 }, "connection: must name a connection"],
        "what it does not know": [{ rols: [], nme: 1 }, "unknown property rols, nme"],
        "several things at once": [{ name: "", roles: [] }, NAME_RULE, NO_ROLE],
      };
      for (const [what, [inputs, ...expected]] of Object.entries(refused)) {
        it(what, async () => {
          const checked = await check({ name: "ci", roles: ["event_reader"], ...inputs });
          assert.deepEqual(reasons(checked), expected);
        });
      }
    });

    it("takes null, by which JavaScript says that there is none, for nothing", async () => {
      const inputs = { roles: ["event_reader"] };
      const given = { ...inputs, name: null, namePrefix: null, forceDestroy: null, adopt: null };
      assert.deepEqual(await check({ ...given, connection: null }), { inputs, failures: [] });
    });

    describe("waits for what is not known yet", () => {
      for (const field of ["name", "namePrefix", "roles", "forceDestroy", "adopt", "connection"]) {
        it(field, async () => {
          const inputs = { name: "ci", roles: ["event_reader"], [field]: UNKNOWN };
          assert.deepEqual(await check(inputs), { inputs, failures: [] });
        });
      }

      it("one role, and leaves the list in its order", async () => {
        const inputs = { name: "ci", roles: ["event_reader", UNKNOWN, "event_ingestor"] };
        assert.deepEqual(await check(inputs), { inputs, failures: [] });
      });

      it("but not to check the other roles", async () => {
        assert.deepEqual(reasons(await check({ name: "ci", roles: [UNKNOWN, "custom_role"] })), [
          `roles: Invalid role: custom_role. ${ALLOWED}`,
        ]);
      });
    });

    describe("of adopt", () => {
      let id: string;
      beforeEach(() => {
        const { tenantId } = fixture.operator;
        const roles = ["event_reader", "event_ingestor"];
        id = fixture.emulator.createAccount(tenantId, { name: "theirs", roles }).id;
      });

      it("accepts an account with the same roles", async () => {
        const inputs = { name: "ci", roles: ["event_ingestor", "event_reader"], adopt: id };
        assert.deepEqual(await check(inputs), { inputs, failures: [] });
      });

      it("says what a new resource takes over, and nothing for one that exists", async () => {
        const { accounts, infos } = fixture.process();
        const roles = ["event_ingestor", "event_reader"];
        await accounts.check({ roles }, { roles, adopt: id });
        assert.deepEqual(infos, []);
        await accounts.check({}, { roles, adopt: id });
        await accounts.check({}, { roles, adopt: id, name: "ci" });
        const taken = `Takes over service account "theirs" (${id}) instead of creating one`;
        assert.deepEqual(infos, [`${taken}.`, `${taken}, and renames it to "ci".`]);
      });

      it("refuses one with other roles, one that is not there and one that is managed", async () => {
        assert.deepEqual(reasons(await check({ name: "ci", roles: ["event_reader"], adopt: id })), [
          `adopt: Could not adopt service account ${id}.\n  Reason: it has the roles event_ingestor, event_reader, but the program asks for event_reader\n  What to do: set roles to those of the account: Flexprice fixes them at creation.`,
        ]);
        assert.match(
          reasons(await check({ name: "ci", roles: ["event_reader"], adopt: "user_nope" }))[0] ??
            "",
          /^adopt: Could not adopt service account user_nope\.\n {2}Reason: the credential's tenant has no service account/,
        );
        const other = fixture.process();
        const inputs = { name: "ci", roles: ["event_ingestor", "event_reader"], adopt: id };
        await other.accounts.create(inputs);
        assert.match(
          reasons(await other.accounts.check({}, inputs))[0] ?? "",
          /^adopt: .*a resource of this stack manages it already/s,
        );
      });

      it("names the adopted account that cannot be renamed", async () => {
        fixture.fault({ kind: "status", status: 403, body: { message: "no" } }, "before", {
          match: { method: "PUT" },
        });
        const inputs = { name: "mine", roles: ["event_ingestor", "event_reader"], adopt: id };
        const { operation } = await failureOf(process.accounts.create(inputs), "forbidden");
        assert.equal(operation, `rename the adopted service account ${id} to "mine"`);
      });

      it("asks nothing of an account that is adopted already", async () => {
        const inputs = { name: "ci", roles: ["event_reader"], adopt: "user_nope" };
        assert.deepEqual(reasons(await check(inputs, inputs)), []);
      });

      it("waits for roles that are not known yet", async () => {
        assert.deepEqual(reasons(await check({ name: "ci", roles: [UNKNOWN], adopt: id })), []);
      });

      it("is not decided by a server in trouble", async () => {
        const other = fixture.process({
          retry: ONCE,
        });
        fixture.fault({ kind: "status", status: 500 }, "before", { match: { path: /search/ } });
        const inputs = { name: "ci", roles: ["event_reader"], adopt: "user_nope" };
        assert.deepEqual(reasons(await other.accounts.check({}, inputs)), []);
      });
    });
  });

  describe("diff", () => {
    let state: AccountState;
    beforeEach(() => {
      const { tenantId } = fixture.operator;
      state = { name: "ci", roles: ["event_ingestor", "event_reader"], tenantId };
    });
    const id = "user_1";
    const cases: Record<string, [news: object, changes: boolean, replaces: string[]]> = {
      nothing: [{}, false, []],
      "another name": [{ name: "ci2" }, true, []],
      "an unknown name": [{ name: UNKNOWN }, true, []],
      "roles in another order, twice": [
        { roles: ["event_reader", "event_ingestor", "event_reader"] },
        false,
        [],
      ],
      "other roles": [{ roles: ["event_reader"] }, true, ["roles"]],
      "unknown roles": [{ roles: UNKNOWN }, true, ["roles"]],
      "one unknown role": [{ roles: ["event_ingestor", UNKNOWN] }, true, ["roles"]],
      "forceDestroy set": [{ forceDestroy: true }, true, []],
      "forceDestroy false, which it is": [{ forceDestroy: false }, false, []],
      "forceDestroy unknown": [{ forceDestroy: UNKNOWN }, true, []],
      "another connection": [{ connection: "india" }, true, ["connection"]],
      "an unknown connection": [{ connection: UNKNOWN }, true, ["connection"]],
      "adopt of another": [{ adopt: "user_2" }, true, ["adopt"]],
      "adopt of itself": [{ adopt: id }, false, []],
      "an unknown adopt": [{ adopt: UNKNOWN }, true, ["adopt"]],
      "several at once": [{ name: "ci2", roles: ["event_reader"] }, true, ["roles"]],
    };
    it("refuses what a credential of another tenant could not do, and nothing else", async () => {
      const { tenantId: _, ...same } = state;
      const foreign = { ...state, tenantId: "tenant_other" };
      for (const news of [{ name: "ci2" }, { roles: ["event_reader"] }, { adopt: "user_2" }]) {
        const diff = process.accounts.diff(id, foreign, { ...same, ...news });
        const { operation } = await failureOf(diff, "wrong_tenant");
        assert.equal(operation, `change service account "ci" (${id})`);
      }
      const { changes } = await process.accounts.diff(id, foreign, { ...same, forceDestroy: true });
      assert.equal(changes, true);
    });

    it("refuses every change with a credential of another tenant in the plugin", async () => {
      const { tenantId: _, ...same } = state;
      const plugin = fixture.process({ isPlugin: true });
      const diff = plugin.accounts.diff(id, { ...state, tenantId: "tenant_other" }, same);
      const error = await failureOf(diff, "wrong_tenant");
      assert.equal(error.operation, `manage service account "ci" (${id})`);
      assert.match(error.reason, /tenant_other.*belongs to tenant tenant_/);
    });

    for (const [what, [news, changes, replaces]] of Object.entries(cases)) {
      it(what, async () => {
        const { tenantId: _, ...same } = state;
        assert.deepEqual(await process.accounts.diff(id, state, { ...same, ...news }), {
          changes,
          changed: changes ? Object.keys(news) : [],
          replaces,
          deleteBeforeReplace: false,
        });
      });
    }

    it("changes nothing when adopt is removed", async () => {
      const { tenantId: _, ...same } = state;
      const { changes } = await process.accounts.diff(id, { ...state, adopt: id }, same);
      assert.equal(changes, false);
    });

    it("leaves it to the engine to see what has changed in the program, so that it can heed replaceOnChanges", async () => {
      const { tenantId: _, ...same } = state;
      const changed = { ...same, name: "ci2" };
      await process.accounts.check(same, changed);
      assert.deepEqual(await process.accounts.diff(id, state, changed), {
        changed: ["name"],
        replaces: [],
        deleteBeforeReplace: false,
      });
    });

    it("tells the engine of drift, which is in no input: older hosts pass on none that a refresh has found", async () => {
      const { tenantId: _, ...same } = state;
      const drifted = { ...state, name: "renamed" };
      await process.accounts.check(same, same);
      assert.equal((await process.accounts.diff(id, drifted, same)).changes, true);
    });

    it("tells the engine of a change where another resource has the same inputs already", async () => {
      const { tenantId: _, ...same } = state;
      const changed = { ...same, name: "ci2" };
      await process.accounts.check(same, changed);
      await process.accounts.check(changed, changed);
      assert.equal((await process.accounts.diff(id, state, changed)).changes, true);
    });

    it("sees drift: what a refresh found differs from the program", async () => {
      const { tenantId: _, ...same } = state;
      const drifted = { ...state, name: "renamed", roles: ["super_admin"] };
      assert.deepEqual(await process.accounts.diff(id, drifted, same), {
        changes: true,
        changed: ["name", "roles"],
        replaces: ["roles"],
        deleteBeforeReplace: false,
      });
    });
  });
});
