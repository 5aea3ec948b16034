import assert from "node:assert/strict";
import { nightlyStep, step } from "../support/scenario";
import { changes, failed, messages, prefixOf, succeeded, withStack } from "./fixture";

const FLEXPRICE = 'import * as flexprice from "pulumi-flexprice";';

/** Every function in both forms. The results are exported as JSON, to compare them as a whole. */
const EVERY_LOOKUP = `
import * as pulumi from "@pulumi/pulumi";
${FLEXPRICE}
const id = new pulumi.Config().require("readerId");
const results = {
  byId: flexprice.getServiceAccount({ id }),
  byName: flexprice.getServiceAccount({ name: "number 1000" }),
  all: flexprice.getServiceAccounts().then((accounts) => accounts.length),
  readers: flexprice.getServiceAccounts({ role: "event_reader" }),
  keys: flexprice.getApiKeys({ serviceAccountId: id }),
  everyKey: flexprice.getApiKeys(),
  roles: flexprice.getRoles(),
  caller: flexprice.getCaller(),
  elsewhere: flexprice.getServiceAccounts({ connection: "elsewhere" }),
};
const outputs = {
  byId: flexprice.getServiceAccountOutput({ id: pulumi.output(id) }),
  byName: flexprice.getServiceAccountOutput({ name: pulumi.output("number 1000") }),
  all: flexprice.getServiceAccountsOutput().length,
  readers: flexprice.getServiceAccountsOutput({ role: pulumi.output("event_reader") }),
  keys: flexprice.getApiKeysOutput({ serviceAccountId: pulumi.output(id) }),
  everyKey: flexprice.getApiKeysOutput(),
  roles: flexprice.getRolesOutput(),
  caller: flexprice.getCallerOutput(),
  elsewhere: flexprice.getServiceAccountsOutput({ connection: pulumi.output("elsewhere") }),
};
export const plain = pulumi.jsonStringify(results);
export const output = pulumi.jsonStringify(outputs);
`;

const LISTS = [
  "GET /v1/rbac/roles",
  "GET /v1/rbac/roles?user_type=service_account",
  "GET /v1/secrets/api/keys?limit=1000&offset=0&sort=created_at&order=desc",
  "GET /v1/users/me",
  "POST /v1/users/search",
];

describe("functions", () => {
  it("find accounts, keys, roles and the caller", async () => {
    await withStack(EVERY_LOOKUP, { ownProcess: true }, async (fixture) => {
      await fixture.keepCredentialInConfig();

      const account = (name: string, role = "event_ingestor") =>
        fixture.emulator.createAccount(fixture.operator.tenantId, { name, roles: [role] });
      const takeRequests = () => {
        const taken = fixture.emulator.requests.map(({ method, path }) => `${method} ${path}`);
        fixture.emulator.clearRequests();
        return taken;
      };
      const errors = async () => messages(failed(await fixture.preview()), "error");

      await step("both forms find objects on all pages, and share requests", async () => {
        const { tenantId, userId, environmentId } = fixture.operator;
        const reader = account("reader", "event_reader");
        const key = fixture.emulator.createKey(reader.id, environmentId, { name: "by hand" });
        for (let i = 1; i <= 1_000; i++) account(`number ${i}`);
        const elsewhere = fixture.emulator.createTenant();
        fixture.hide(elsewhere.apiKey);
        const accountElsewhere = fixture.emulator.createAccount(elsewhere.tenantId, {
          name: "there",
          roles: ["event_reader"],
        });
        await fixture.workspace.setConfig({
          "test:readerId": { value: reader.id },
          "flexprice:connections": {
            value: JSON.stringify({ elsewhere: { apiKey: elsewhere.apiKey } }),
            secret: true,
          },
        });
        succeeded(await fixture.up());
        const { plain, output } = await fixture.outputs();
        const found = JSON.parse(plain ?? "");
        assert.deepEqual(JSON.parse(output ?? ""), found);
        const shown = (id: string, name: string, role: string, tenant = tenantId) => ({
          id,
          name,
          roles: [role],
          tenantId: tenant,
        });
        const last = fixture.accounts().at(-1);
        assert.deepEqual(found.byId, shown(reader.id, "reader", "event_reader"));
        assert.deepEqual(found.byName, shown(last?.id ?? "", "number 1000", "event_ingestor"));
        assert.equal(found.all, 1_001);
        assert.deepEqual(found.readers, [found.byId]);
        const [{ createdAt, ...rest }, ...others] = found.keys;
        // The list rounds to microseconds, a Date truncates to milliseconds.
        assert.ok(Math.abs(Date.parse(createdAt) - key.createdAt.getTime()) <= 1, createdAt);
        assert.deepEqual(others, []);
        assert.deepEqual(rest, {
          id: key.id,
          displayId: key.displayId,
          name: "by hand",
          type: "private_key",
          roles: ["event_reader"],
          userId: reader.id,
          userType: "service_account",
        });
        assert.deepEqual(
          found.everyKey.map(({ name }: { name: string }) => name),
          ["by hand", "admin key"],
        );
        assert.deepEqual(
          found.roles.map(({ id, assignable }: { id: string; assignable: boolean }) => [
            id,
            assignable,
          ]),
          [
            ["all_reader", false],
            ["all_writer", false],
            ["event_ingestor", true],
            ["event_reader", true],
            ["super_admin", true],
          ],
        );
        const { id, type, roles } = found.caller;
        assert.deepEqual([id, type, roles], [userId, "user", ["super_admin"]]);
        assert.deepEqual(found.elsewhere, [
          shown(accountElsewhere.id, "there", "event_reader", elsewhere.tenantId),
        ]);
        // One request for each list, each page of accounts, the caller, and the other tenant.
        assert.deepEqual(takeRequests().sort(), [
          ...LISTS,
          "POST /v1/users/search",
          "POST /v1/users/search",
        ]);
      });

      await step("queries about a resource that is not created yet wait for it", async () => {
        fixture.setSource(`${FLEXPRICE}
const account = new flexprice.ServiceAccount("new", { roles: ["event_reader"] });
const key = new flexprice.ApiKey("new", { serviceAccountId: account.id });
export const { name } = flexprice.getServiceAccountOutput({ id: account.id });
export const keyIds = key.id.apply(() => flexprice.getApiKeysOutput({ serviceAccountId: account.id }).apply((keys) => keys.map(({ id }) => id)));
export const keyId = key.id;
`);
        const preview = succeeded(await fixture.preview());
        assert.match(preview.output, /name +: \[unknown\]/);
        assert.deepEqual(takeRequests().sort(), [
          "GET /v1/rbac/roles?user_type=service_account",
          "GET /v1/users/me",
        ]);
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), ["create ServiceAccount new", "create ApiKey new"]);
        const { name, keyIds, keyId } = await fixture.outputs();
        assert.deepEqual([prefixOf(name), keyIds], ["new", [keyId]]);
        takeRequests();
        succeeded(await fixture.destroy());
        // This does not run the program, so nothing is looked up.
        assert.ok(!takeRequests().some((request) => request.endsWith("/users/search")));
      });

      await step("a failed query ends the program with its message alone", async () => {
        const ids = [account("twin"), account("twin")].map(({ id }) => id).reverse();
        fixture.setSource(`${FLEXPRICE}
flexprice.getServiceAccount({ name: "twin" });
flexprice.getServiceAccountOutput({ name: "Reader" });
const { id } = flexprice.getServiceAccountOutput({ id: "user_nope" });
new flexprice.ApiKey("key", { serviceAccountId: id });
`);
        const [noSuchId = "", ...others] = (await errors()).sort((a, b) => b.length - a.length);
        // The order in which Pulumi shows them, and whether with the dependent property, is random.
        assert.equal(
          noSuchId.replace(/^error serializing property "serviceAccountId": /, ""),
          "Could not look up service account user_nope.\n" +
            "  Reason: the tenant of the credential from config key flexprice:apiKey has no service account with this id, or it is archived\n" +
            "  What to do: correct the id, or the credential if the account belongs to another tenant.\n",
        );
        assert.deepEqual(others, [
          `Could not look up service account "Reader".\n  Reason: no service account has this name (archived ones do not count); there is "reader"\n  What to do: correct the name, upper and lower case included, or look the account up by its id.\n`,
          `Could not look up service account "twin".\n  Reason: 2 service accounts have this name: ${ids.join(", ")}\n  What to do: look it up by its id: names are not unique.\n`,
        ]);
      });

      await nightlyStep("errors name a missing credential or connection", async () => {
        fixture.setSource(`${FLEXPRICE}
export const caller = flexprice.getCaller();
export const account = flexprice.getServiceAccount({ name: "x", connection: "elswhere" });
`);
        await fixture.unsetConfig("flexprice:apiKey");
        takeRequests();
        const [missing, wrong = ""] = (await errors()).sort();
        assert.match(
          wrong,
          /connection "elswhere" does not exist; configured: elsewhere\n {2}What to do: /,
        );
        assert.equal(
          missing,
          'Could not look up who the credential belongs to.\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.\n',
        );
        assert.deepEqual(takeRequests(), []);

        fixture.setSource(
          `${FLEXPRICE}\nexport = async () => ({ caller: await flexprice.getCaller() });`,
        );
        fixture.workspace.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
        fixture.workspace.env["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9/v1";
        assert.deepEqual(await errors(), [
          "Could not look up who the credential belongs to.\n  Reason: no response from GET http://127.0.0.1:9/v1/users/me: connect ECONNREFUSED 127.0.0.1:9\n  What to do: check flexprice:baseUrl (or FLEXPRICE_BASE_URL) and that http://127.0.0.1:9/v1 can be reached from here; nothing was sent.\n",
        ]);

        await fixture.workspace.setConfig({ "flexprice:apikey": { value: "true" } });
        assert.match((await errors()).join(), /config key flexprice:apikey is unknown/);
      });
    });
  });
});
