import assert from "node:assert/strict";
import { ok } from "../../scripts/workspace";
import { step } from "../support/scenario";
import { use } from "./consumer";
import { changes, failed, messages, succeeded, withStack } from "./fixture";

/** An account with a key in each of these connections; "" is the default connection. */
function program(connections: Record<string, string>): string {
  const resources = Object.entries(connections).map(
    ([name, connection]) => `
const ${name} = new flexprice.ServiceAccount("${name}", { roles: ["event_reader"], connection: ${connection} });
const ${name}Key = new flexprice.ApiKey("${name}", { serviceAccountId: ${name}.id, connection: ${connection} });
export const [${name}Id, ${name}Value] = [${name}.id, ${name}Key.apiKey];`,
  );
  return `import * as flexprice from "pulumi-flexprice";\n${resources.join("\n")}`;
}

describe("connections", () => {
  it("lead to several tenants in one stack", async () => {
    const inBoth = program({ eu: '"eu"', india: '"india"' });
    await withStack(inBoth, { withoutCredential: true }, async (fixture) => {
      const eu = fixture.operator;
      const india = fixture.emulator.createTenant({ name: "India" });
      fixture.hide(india.apiKey);

      const tenantOf = (apiKey: unknown) =>
        fixture.emulator.keys().find(({ value }) => value === apiKey)?.tenantId;

      await step("preview names a missing connection, and the command that sets it", async () => {
        const preview = failed(await fixture.preview());
        assert.match(preview.output, /connection "(eu|india)" does not exist; none is configured/);
        assert.match(
          preview.output,
          /pulumi config set --secret --path flexprice:connections\.(eu|india)\.apiKey/,
        );
        assert.deepEqual(fixture.emulator.requests, []);
      });

      await step("up creates an account and a key in each tenant", async () => {
        for (const [name, { apiKey }] of Object.entries({ eu, india })) {
          const path = `flexprice:connections.${name}.apiKey`;
          await ok(fixture.workspace.run(["config", "set", "--secret", "--path", path, apiKey]));
        }
        succeeded(await fixture.up());
        const { euId, euValue, indiaId, indiaValue } = await fixture.outputs();
        assert.deepEqual([tenantOf(euValue), tenantOf(indiaValue)], [eu.tenantId, india.tenantId]);
        assert.deepEqual(
          fixture.emulator
            .accounts()
            .map(({ id, tenantId }) => [id, tenantId])
            .sort(),
          [
            [euId, eu.tenantId],
            [indiaId, india.tenantId],
          ].sort(),
        );
        const asked = new Set(fixture.emulator.requests.map(({ headers }) => headers["x-api-key"]));
        assert.deepEqual([...asked].sort(), [eu.apiKey, india.apiKey].sort());
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("preview lists the connections if a resource names none", async () => {
        fixture.setSource(program({ eu: '"eu"', india: "undefined" }));
        assert.deepEqual(messages(failed(await fixture.preview()), "error"), [
          `pulumi-nodejs:dynamic/flexprice:ServiceAccount resource 'india' has a problem: connection: no connection is named, and no credential is configured outside of flexprice:connections. Set "connection" to one of those: "eu", "india"\n`,
        ]);
        fixture.setSource(inBoth);
      });

      await step("FLEXPRICE_CONNECTIONS works like the config", async () => {
        await fixture.unsetConfig("flexprice:connections");
        fixture.workspace.env["FLEXPRICE_CONNECTIONS"] = JSON.stringify({
          eu: { apiKey: eu.apiKey },
          india: { apiKey: india.apiKey },
        });
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("another connection replaces account and key, new before old", async () => {
        const { euId: before, euValue } = await fixture.outputs();
        fixture.setSource(program({ eu: '"india"', india: '"india"' }));
        const preview = succeeded(await fixture.preview());
        assert.deepEqual(
          preview.steps.filter(({ op }) => op === "replace").map(({ replaceKeys }) => replaceKeys),
          [["connection"], ["connection", "serviceAccountId"]],
        );
        fixture.takeWrites();
        succeeded(await fixture.up());
        const now = await fixture.outputs();
        assert.equal(tenantOf(now["euValue"]), india.tenantId);
        assert.deepEqual(
          fixture.takeWrites().map(({ request }) => request.replace(/_\w+$/, "_…")),
          [
            "POST /v1/users",
            "POST /v1/secrets/api/keys",
            "DELETE /v1/secrets/api/keys/secret_…",
            "DELETE /v1/users/user_…",
          ],
        );
        assert.equal(await use(fixture, euValue), 401);
        assert.equal(
          fixture.emulator.accounts().find(({ id }) => id === before)?.status,
          "archived",
        );
      });

      await step("another tenant behind a connection makes up warn, and destroy fail", async () => {
        fixture.workspace.env["FLEXPRICE_CONNECTIONS"] = JSON.stringify({
          india: { apiKey: eu.apiKey },
        });
        fixture.takeWrites();
        const up = succeeded(await fixture.up());
        const [warning = "", ...others] = messages(up, "warning");
        assert.deepEqual(others, []);
        assert.ok(
          warning.includes(
            `belongs to tenant ${india.tenantId}, but the credential from connection "india" in environment variable FLEXPRICE_CONNECTIONS belongs to tenant ${eu.tenantId}: neither this resource nor any other of tenant ${india.tenantId} can be read, changed or deleted with it.`,
          ),
          warning,
        );
        const destroy = failed(await fixture.destroy());
        assert.match(
          destroy.output,
          new RegExp(
            `belongs to tenant ${india.tenantId}, but the credential from connection "india" .* to tenant ${eu.tenantId}`,
          ),
        );
        assert.deepEqual(fixture.takeWrites(), []);
        fixture.workspace.env["FLEXPRICE_CONNECTIONS"] = JSON.stringify({
          india: { apiKey: india.apiKey },
        });
        succeeded(await fixture.destroy());
        assert.ok(fixture.emulator.accounts().every(({ status }) => status === "archived"));
      });
    });
  });
});

/** A component whose resources name no connection. One of them is two levels below it. */
function component(start: string): string {
  return `
import * as flexprice from "pulumi-flexprice";
import * as pulumi from "@pulumi/pulumi";
class Shop extends pulumi.ComponentResource {
  constructor(name: string) {
    super("example:Shop", name);
    ${start}
    const roles = ["event_reader"];
    const account = new flexprice.ServiceAccount("flat", { roles }, { parent: this });
    const key = new flexprice.ApiKey("flat", { serviceAccountId: account.id }, { parent: account });
    const group = new pulumi.ComponentResource("example:Group", name, {}, { parent: this });
    const service = new flexprice.ServiceIdentity("service", { roles }, { parent: group });
    const read = flexprice.ServiceAccount.get("read", account.id, { parent: group });
    connections.push(read.connection);
    values.push(key.apiKey, service.apiKey);
    connections.push(account.connection, key.connection, service.key.connection);
  }
}
const values: pulumi.Output<string>[] = [];
const connections: pulumi.Output<string | undefined>[] = [];
new Shop("shop");
export { values, connections };`;
}

describe("a stack that moves from the default connection to a named one", () => {
  it("keeps its objects", async () => {
    await withStack(component(""), {}, async (fixture) => {
      await step("changes no object while both have the same settings", async () => {
        succeeded(await fixture.up());
        const { values } = await fixture.outputs();
        fixture.takeWrites();
        const main = { apiKey: fixture.operator.apiKey, baseUrl: fixture.emulator.url };
        await fixture.workspace.setConfig({
          "flexprice:connections": { value: JSON.stringify({ main }), secret: true },
        });
        fixture.setSource(component('flexprice.setConnection(this, "main");'));
        const moved = ["flat", "service"].flatMap((name) => [
          `update ApiKey ${name}`,
          `update ServiceAccount ${name}`,
        ]);
        moved.push("read ServiceAccount read");
        assert.deepEqual(changes(succeeded(await fixture.preview())).sort(), moved.sort());
        assert.deepEqual(changes(succeeded(await fixture.up())).sort(), moved);
        assert.deepEqual(fixture.takeWrites(), []);
        const connections = ["main", "main", "main", "main"];
        assert.deepEqual(await fixture.outputs(), { values, connections });
      });

      await step("no longer needs the settings of the default connection", async () => {
        for (const name of ["FLEXPRICE_API_KEY", "FLEXPRICE_BASE_URL"]) {
          delete fixture.workspace.env[name];
        }
        for (const result of [await fixture.up(), await fixture.drift()]) {
          assert.deepEqual(changes(succeeded(result)), ["read ServiceAccount read"]);
        }
      });

      await step("preview rejects leaving a connection that is no longer configured", async () => {
        const settings = JSON.stringify({ other: { apiKey: fixture.operator.apiKey } });
        await fixture.unsetConfig("flexprice:connections");
        fixture.workspace.env["FLEXPRICE_CONNECTIONS"] = settings;
        fixture.workspace.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
        fixture.setSource(component('flexprice.setConnection(this, "other");'));
        const preview = failed(await fixture.preview());
        assert.match(
          preview.output,
          /Could not replace service account .*\n +Reason: it was created through connection "main", and could not be deleted: connection "main" does not exist/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });
    });
  });
});
