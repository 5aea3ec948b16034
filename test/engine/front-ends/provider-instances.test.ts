import assert from "node:assert/strict";
import { sample } from "../../support/sample";
import { step, withFixture } from "../../support/scenario";
import { use } from "../consumer";
import { changes, failed, messages, succeeded } from "../fixture";
import { errorOf, open, PLUGIN_FRONT_END } from "./fixture";

const PREAMBLE = `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
const config = new pulumi.Config();
`;

/** Two environments of one tenant, a second tenant, and a provider whose credential the program creates. */
const PROGRAM = `${PREAMBLE}
const providers = {
  production: new flexprice.Provider("production", { apiKey: config.requireSecret("production") }),
  sandbox: new flexprice.Provider("sandbox", { apiKey: config.requireSecret("sandbox") }),
  india: new flexprice.Provider("india", {}, { envVarMappings: { INDIA_KEY: "FLEXPRICE_API_KEY" } }),
};
const outputs: Record<string, unknown> = {};
for (const [name, provider] of Object.entries(providers)) {
  const account = new flexprice.ServiceAccount(name, { roles: ["event_reader"] }, { provider });
  const key = new flexprice.ApiKey(name, { serviceAccountId: account.id }, { provider });
  Object.assign(outputs, { [name]: account.id, [name + "Key"]: key.apiKey });
}
const { production: provider } = providers;
const robot = new flexprice.ServiceAccount("robot", { roles: ["super_admin"] }, { provider });
const { apiKey } = new flexprice.ApiKey("robot", { serviceAccountId: robot.id }, { provider });
const chained = new flexprice.Provider("chained", { apiKey });
const account = new flexprice.ServiceAccount("chained", { roles: ["event_reader"] }, { provider: chained });
export = { ...outputs, chained: account.id };
`;

/** The resources that refer to the credentials of {@link PROGRAM}. */
const RESOURCES = 9;

describe("several provider instances in one program", () => {
  it("have their own credentials, tenants and environments", async () => {
    let created: Record<string, string>;
    const opening = open(PLUGIN_FRONT_END, PROGRAM, { withoutCredential: true });
    await withFixture(opening, async (fixture) => {
      const setCredential = (key: string, value: string) =>
        fixture.workspace.setConfig({ [key]: { value, secret: true } });
      const keyWith = (value: unknown) =>
        fixture.emulator.keys().find((key) => key.value === value);

      const production = fixture.operator;
      const india = fixture.emulator.createTenant({ name: "India" });
      const sandbox = fixture.emulator.createEnvironment(production.tenantId, "Sandbox");
      const sandboxKey = fixture.emulator.createKey(production.userId, sandbox, {
        name: "sandbox",
      }).value;
      await setCredential("production", production.apiKey);
      await setCredential("sandbox", sandboxKey);
      fixture.workspace.env["INDIA_KEY"] = india.apiKey;

      await step("up creates objects in each tenant and environment", async () => {
        assert.equal(changes(succeeded(await fixture.preview())).length, RESOURCES);
        assert.deepEqual(fixture.takeWrites(), []);
        assert.equal(changes(succeeded(await fixture.up())).length, RESOURCES);
        created = await fixture.outputs();
        assert.deepEqual(
          ["production", "sandbox", "india"].map((name) => {
            const { tenantId, environmentId, userId } =
              keyWith(created[`${name}Key`]) ?? assert.fail();
            assert.equal(userId, created[name]);
            return [tenantId, environmentId];
          }),
          [
            [production.tenantId, production.environmentId],
            [production.tenantId, keyWith(sandboxKey)?.environmentId],
            [india.tenantId, india.environmentId],
          ],
        );
        const [robot] = fixture.keys().filter(({ name }) => name.startsWith("robot-"));
        const post = fixture.emulator
          .writes()
          .find(({ body }) => String(Object(body).name).startsWith("chained-"));
        assert.equal(post?.headers["x-api-key"], robot?.value);
      });

      await step("the state has each credential only in the entry of its provider", async () => {
        const { deployment } = await fixture.workspace.exportState({ showSecrets: true });
        const holders = (credential: string) =>
          (deployment.resources ?? [])
            .filter((resource) => JSON.stringify(resource).includes(credential))
            .map(({ type, urn }) => `${type} ${urn.split("::").at(-1)}`);
        assert.deepEqual(holders(production.apiKey), ["pulumi:providers:flexprice production"]);
        assert.deepEqual(holders(sandboxKey), ["pulumi:providers:flexprice sandbox"]);
        assert.deepEqual(holders(india.apiKey), []);
      });

      await step("another credential updates only the provider", async () => {
        const { environmentId, userId } = production;
        const next = fixture.emulator.createKey(userId, environmentId, { name: "next" });
        await setCredential("production", next.value);
        fixture.takeWrites();
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), []);
        assert.deepEqual(
          up.steps.filter(({ op }) => op !== "same").map(({ op, name }) => `${op} ${name}`),
          ["update production"],
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("a credential of another tenant is rejected", async () => {
        await setCredential("sandbox", india.apiKey);
        for (const verb of sample(["preview", "up"] as const)) {
          const errors = messages(failed(await fixture[verb]()), "error").join("");
          assert.match(errors, /^Could not manage (service account|API key) "sandbox-\w+"/);
          assert.match(
            errors,
            new RegExp(`belongs to tenant ${production.tenantId}, .* to tenant ${india.tenantId}`),
          );
        }
        assert.deepEqual(fixture.takeWrites(), []);
        await setCredential("sandbox", sandboxKey);
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(await fixture.outputs(), created);
      });

      await step("preview rejects unknown and malformed settings", async () => {
        const declared = (settings: string) =>
          `${PREAMBLE} new flexprice.Provider("wrong", { ${settings} });`;
        fixture.setSource(declared('apikey: "typo"'));
        const unknown = errorOf(await fixture.preview());
        assert.match(
          unknown,
          /^pulumi:providers:flexprice resource 'wrong' has a problem: Could not use provider "wrong"\.\n {2}Reason: argument "apikey" is unknown\n/,
        );
        fixture.setSource(declared('baseUrl: "ftp://flexprice.example"'));
        const malformed = errorOf(await fixture.preview());
        assert.match(malformed, /^pulumi:providers:flexprice resource 'wrong' has a problem: /);
        assert.match(
          malformed,
          /Reason: the base URL from baseUrl of provider "wrong" is not a valid/,
        );
        fixture.setSource(PROGRAM);
      });

      await step("refresh and destroy use the current environment, not the program", async () => {
        const { id } =
          fixture.emulator.keys().find(({ value }) => value === india.apiKey) ?? assert.fail();
        const today = fixture.emulator.createKey(india.userId, india.environmentId, {
          name: "today",
        });
        fixture.emulator.revokeKey(id);
        fixture.workspace.env["INDIA_KEY"] = today.value;
        assert.deepEqual(changes(succeeded(await fixture.refresh())), []);
        succeeded(await fixture.destroy());
        assert.deepEqual(await fixture.resources(), []);
        assert.ok(fixture.emulator.accounts().every(({ status }) => status === "archived"));
        assert.equal(await use(fixture, created["indiaKey"]), 401);
      });
    });
  });
});
