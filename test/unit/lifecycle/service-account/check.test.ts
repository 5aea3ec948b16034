import assert from "node:assert/strict";
import {
  type AccountInputs,
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

describe("ServiceAccountProvider.check", () => {
  const fixture = UnitFixture.forEachTest();
  let provider: ProviderProcess;
  beforeEach(() => {
    provider = fixture.process();
  });

  const check = (news: object, olds: object = {}) =>
    provider.accounts.check(olds, news as AccountInputs);
  const reasonsFor = async (news: object, olds?: object) => reasons(await check(news, olds));

  it("returns the inputs with sorted roles without duplicates, and without __provider", async () => {
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

  it("returns the inputs unchanged if one is invalid", async () => {
    const inputs = { name: "", roles: ["b", "a"] };
    assert.deepEqual((await check(inputs)).inputs, inputs);
  });

  it("treats null as an absent input", async () => {
    const inputs = { roles: ["event_reader"] };
    const nulls = { name: null, namePrefix: null, forceDestroy: null, adopt: null };
    assert.deepEqual(await check({ ...inputs, ...nulls, connection: null }), {
      inputs,
      failures: [],
    });
  });

  const valid: Record<string, object> = {
    "one role": { roles: ["event_reader"] },
    "super_admin alone, even twice": { roles: ["super_admin", "super_admin"] },
    "a name of one character": { name: "x" },
    "a name of 255 characters": { name: "é".repeat(255) },
    "a name of 255 characters of two UTF-16 units each": { name: "😀".repeat(255) },
    "a name that contains white space": { name: " a\n\tb " },
    "no name": { name: undefined },
    "a prefix of any length": { name: undefined, namePrefix: "x".repeat(5_000) },
    "a prefix that contains white space": { name: undefined, namePrefix: " a\n\tb " },
    "forceDestroy false": { forceDestroy: false },
  };
  for (const [title, inputs] of Object.entries(valid)) {
    it(`accepts ${title}`, async () => {
      assert.deepEqual(await reasonsFor({ name: "ci", roles: ["event_reader"], ...inputs }), []);
    });
  }

  const invalid: Record<string, [inputs: object, ...reasons: string[]]> = {
    "an empty list of roles": [{ roles: [] }, NO_ROLE],
    "missing roles": [{ roles: undefined }, NO_ROLE],
    "roles that are null": [{ roles: null }, NO_ROLE],
    "roles that are a string": [{ roles: "event_reader" }, "roles: must be a list of roles"],
    "a role that is a number": [
      { roles: ["event_reader", 7] },
      "roles[1]: must be the name of a role",
    ],
    "an unknown role": [{ roles: ["custom_role"] }, `roles: Invalid role: custom_role. ${ALLOWED}`],
    "a misspelled role, and suggests the right one": [
      { roles: ["event_ingester"] },
      `roles: Invalid role: event_ingester. ${ALLOWED} Did you mean "event_ingestor"?`,
    ],
    "super_admin together with another role": [
      { roles: ["super_admin", "event_reader"] },
      "roles: super_admin includes every other role: assign it alone.",
    ],
    "an empty name": [{ name: "" }, NAME_RULE],
    "a blank name": [{ name: " \n\t" }, NAME_RULE],
    "a name of 256 characters": [{ name: "é".repeat(256) }, NAME_RULE],
    "a name with NUL": [{ name: "a\0b" }, NAME_RULE],
    "a name that is a number": [{ name: 7 }, NAME_RULE],
    "a name with half a surrogate pair": [{ name: "a\ud83d" }, "name: must be well-formed Unicode"],
    "an empty prefix": [{ namePrefix: "" }, PREFIX_RULE],
    "a blank prefix": [{ namePrefix: " \n\t" }, PREFIX_RULE],
    "a prefix with NUL": [{ namePrefix: "a\0b" }, PREFIX_RULE],
    "a prefix that is a number": [{ namePrefix: 7 }, PREFIX_RULE],
    "a prefix with half a surrogate pair": [
      { namePrefix: "a\ud83d" },
      "namePrefix: must be well-formed Unicode",
    ],
    "forceDestroy that is a string": [
      { forceDestroy: "true" },
      "forceDestroy: must be true or false",
    ],
    "adopt that is not the id of an account": [
      { adopt: "secret_1" },
      'adopt: must be the id of a service account ("user_…"); getServiceAccount({ name }) looks one up by its name',
    ],
    "an empty connection": [{ connection: "" }, "connection: must name a connection"],
    "a connection that is a number": [{ connection: 7 }, "connection: must name a connection"],
    "unknown inputs, and names them": [{ rols: [], nme: 1 }, "unknown property rols, nme"],
    "several invalid inputs at once": [{ name: "", roles: [] }, NAME_RULE, NO_ROLE],
  };
  for (const [title, [inputs, ...expected]] of Object.entries(invalid)) {
    it(`rejects ${title}`, async () => {
      const news = { name: "ci", roles: ["event_reader"], ...inputs };
      assert.deepEqual(await reasonsFor(news), expected);
    });
  }

  for (const property of ["name", "namePrefix", "roles", "forceDestroy", "adopt", "connection"]) {
    it(`accepts an unknown value of ${property}`, async () => {
      const inputs = { name: "ci", roles: ["event_reader"], [property]: UNKNOWN };
      assert.deepEqual(await check(inputs), { inputs, failures: [] });
    });
  }

  it("keeps the order of a list with an unknown role", async () => {
    const inputs = { name: "ci", roles: ["event_reader", UNKNOWN, "event_ingestor"] };
    assert.deepEqual(await check(inputs), { inputs, failures: [] });
  });

  it("rejects an invalid role beside an unknown one", async () => {
    assert.deepEqual(await reasonsFor({ name: "ci", roles: [UNKNOWN, "custom_role"] }), [
      `roles: Invalid role: custom_role. ${ALLOWED}`,
    ]);
  });

  describe("with adopt", () => {
    const roles = ["event_ingestor", "event_reader"];
    let id: string;
    beforeEach(() => {
      id = fixture.addAccount({ name: "existing", roles: roles.toReversed() }).id;
    });

    it("accepts an account with the same roles", async () => {
      const inputs = { name: "ci", roles, adopt: id };
      assert.deepEqual(await check(inputs), { inputs, failures: [] });
    });

    it("says which account a new resource takes over, and nothing for an existing resource", async () => {
      await check({ roles, adopt: id }, { roles });
      assert.deepEqual(provider.infos, []);
      await check({ roles, adopt: id });
      await check({ roles, adopt: id, name: "ci" });
      const takenOver = `Takes over service account "existing" (${id}) instead of creating one`;
      assert.deepEqual(provider.infos, [`${takenOver}.`, `${takenOver}, and renames it to "ci".`]);
    });

    it("rejects an account with other roles", async () => {
      assert.deepEqual(await reasonsFor({ roles: ["event_reader"], adopt: id }), [
        `adopt: Could not adopt service account ${id}.\n  Reason: it has the roles event_ingestor, event_reader, but the program asks for event_reader\n  What to do: set roles to those of the account: Flexprice fixes them at creation.`,
      ]);
    });

    it("rejects an account that does not exist", async () => {
      assert.match(
        (await reasonsFor({ roles, adopt: "user_nope" })).join(),
        /^adopt: Could not adopt service account user_nope\.\n {2}Reason: the credential's tenant has no service account/,
      );
    });

    it("rejects an account that a resource of the stack manages", async () => {
      const inputs = { name: "ci", roles, adopt: id };
      await provider.accounts.create(inputs);
      assert.match(
        (await reasonsFor(inputs)).join(),
        /^adopt: .*a resource of this stack manages it already/s,
      );
    });

    it("names the adopted account that create may not rename", async () => {
      fixture.respondWith(403, { body: { message: "no" }, match: { method: "PUT" } });
      const inputs = { name: "own", roles, adopt: id };
      const { operation } = await failureOf(provider.accounts.create(inputs), "forbidden");
      assert.equal(operation, `rename the adopted service account ${id} to "own"`);
    });

    it("does not look up an account that the resource has adopted before", async () => {
      const inputs = { name: "ci", roles, adopt: "user_nope" };
      assert.deepEqual(await reasonsFor(inputs, inputs), []);
    });

    it("accepts unknown roles", async () => {
      assert.deepEqual(await reasonsFor({ name: "ci", roles: [UNKNOWN], adopt: id }), []);
    });

    it("accepts what it cannot look up because of a server error", async () => {
      provider = fixture.process({ retry: ONCE });
      fixture.respondWith(500, { match: { path: /search/ } });
      assert.deepEqual(await reasonsFor({ name: "ci", roles, adopt: "user_nope" }), []);
    });
  });
});

describe("ServiceAccountProvider.diff", () => {
  const fixture = UnitFixture.forEachTest();
  const id = "user_1";
  const inputs = { name: "ci", roles: ["event_ingestor", "event_reader"] };
  const state = () => ({ ...inputs, tenantId: fixture.operator.tenantId });
  let provider: ProviderProcess;
  beforeEach(() => {
    provider = fixture.process();
  });

  const diff = (changes: object, stateOverrides: object = {}) =>
    provider.accounts.diff(id, { ...state(), ...stateOverrides }, {
      ...inputs,
      ...changes,
    } as AccountInputs);

  const cases: Record<string, [change: object, changes: boolean, replaces: string[]]> = {
    "reports no change for the same inputs": [{}, false, []],
    "updates for another name": [{ name: "ci2" }, true, []],
    "updates for an unknown name": [{ name: UNKNOWN }, true, []],
    "reports no change for the same roles in another order, with duplicates": [
      { roles: ["event_reader", "event_ingestor", "event_reader"] },
      false,
      [],
    ],
    "replaces for other roles": [{ roles: ["event_reader"] }, true, ["roles"]],
    "replaces for unknown roles": [{ roles: UNKNOWN }, true, ["roles"]],
    "replaces for one unknown role": [{ roles: ["event_ingestor", UNKNOWN] }, true, ["roles"]],
    "updates for forceDestroy true": [{ forceDestroy: true }, true, []],
    "reports no change for forceDestroy false, the default": [{ forceDestroy: false }, false, []],
    "updates for an unknown forceDestroy": [{ forceDestroy: UNKNOWN }, true, []],
    "replaces for another connection": [{ connection: "india" }, true, ["connection"]],
    "replaces for an unknown connection": [{ connection: UNKNOWN }, true, ["connection"]],
    "replaces for adopt of another account": [{ adopt: "user_2" }, true, ["adopt"]],
    "reports no change for adopt of the account itself": [{ adopt: id }, false, []],
    "replaces for an unknown adopt": [{ adopt: UNKNOWN }, true, ["adopt"]],
    "replaces for other roles, even if the name changes too": [
      { name: "ci2", roles: ["event_reader"] },
      true,
      ["roles"],
    ],
  };
  for (const [title, [change, changes, replaces]] of Object.entries(cases)) {
    it(title, async () => {
      const changed = changes ? Object.keys(change) : [];
      const expected = { changes, changed, replaces, deleteBeforeReplace: false };
      assert.deepEqual(await diff(change), expected);
    });
  }

  it("reports no change if adopt is removed", async () => {
    assert.equal((await diff({}, { adopt: id })).changes, false);
  });

  it("rejects changes that a credential of another tenant cannot make, and allows the others", async () => {
    const tenantId = "tenant_other";
    for (const change of [{ name: "ci2" }, { roles: ["event_reader"] }, { adopt: "user_2" }]) {
      const { operation } = await failureOf(diff(change, { tenantId }), "wrong_tenant");
      assert.equal(operation, `change service account "ci" (${id})`);
    }
    assert.equal((await diff({ forceDestroy: true }, { tenantId })).changes, true);
  });

  it("rejects a credential of another tenant in the plugin even without a change", async () => {
    provider = fixture.process({ isPlugin: true });
    const error = await failureOf(diff({}, { tenantId: "tenant_other" }), "wrong_tenant");
    assert.equal(error.operation, `manage service account "ci" (${id})`);
    assert.match(error.reason, /tenant_other.*belongs to tenant tenant_/);
  });

  describe("after a check of the same resource", () => {
    const renamed = { ...inputs, name: "ci2" };

    it("leaves a changed input to the engine, so that replaceOnChanges works", async () => {
      await provider.accounts.check(inputs, renamed);
      const expected = { changed: ["name"], replaces: [], deleteBeforeReplace: false };
      assert.deepEqual(await diff(renamed), expected);
    });

    it("reports drift, which no input shows: older hosts do not pass on what a refresh found", async () => {
      await provider.accounts.check(inputs, inputs);
      assert.equal((await diff({}, { name: "renamed" })).changes, true);
    });

    it("reports a change if another resource has the same inputs unchanged", async () => {
      await provider.accounts.check(inputs, renamed);
      await provider.accounts.check(renamed, renamed);
      assert.equal((await diff(renamed)).changes, true);
    });
  });

  it("reports drift that a refresh has found", async () => {
    assert.deepEqual(await diff({}, { name: "renamed", roles: ["super_admin"] }), {
      changes: true,
      changed: ["name", "roles"],
      replaces: ["roles"],
      deleteBeforeReplace: false,
    });
  });
});
