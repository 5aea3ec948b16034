import assert from "node:assert/strict";
import { step, withFixture } from "../../support/scenario";
import { use } from "../consumer";
import { changes, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

describeBoth("adopt of a ServiceIdentity", (frontEnd) => {
  it("takes over an account with its key, which the next rotation replaces", async () => {
    await withFixture(open(frontEnd, ""), async (fixture) => {
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "b",
        roles: ["event_reader"],
      });
      const expiresAt = new Date(fixture.clock.now().getTime() + 30 * 24 * 3_600_000);
      const key = fixture.emulator.createKey(account.id, environmentId, {
        name: "b",
        expiresAt,
      });
      fixture.setSource(`
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
const billing = new flexprice.ServiceIdentity("billing", {
  roles: ["event_reader"],
  onDelete: "revoke",
  adopt: {
    serviceAccountId: "${account.id}",
    key: { id: "${key.id}", apiKey: new pulumi.Config().requireSecret("oldKey") },
  },
});
export const { serviceAccountId, apiKey } = billing;`);
      await fixture.workspace.setConfig({ oldKey: { value: key.value, secret: true } });
      succeeded(await fixture.up());
      assert.deepEqual(fixture.takeWrites(), []);
      const adopted = { serviceAccountId: account.id, apiKey: key.value };
      assert.deepEqual(await fixture.outputs(), adopted);
      assert.equal(
        JSON.stringify(await fixture.workspace.exportState()).includes(key.value),
        false,
      );
      fixture.clock.advance("20d");
      succeeded(await fixture.up());
      const { apiKey, serviceAccountId } = await fixture.outputs();
      assert.equal(serviceAccountId, account.id);
      assert.deepEqual([await use(fixture, apiKey), await use(fixture, key.value)], [200, 401]);
      succeeded(await fixture.destroy());
      assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
    });
  });
});

describeBoth("adopt", (frontEnd) => {
  it("takes over an account and its key without a change on the server", async () => {
    await withFixture(open(frontEnd, ""), async (fixture) => {
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "by hand",
        roles: ["event_reader"],
      });
      const key = fixture.emulator.createKey(account.id, environmentId, { name: "by hand" });
      await fixture.workspace.setConfig({ oldKey: { value: key.value, secret: true } });

      function program(account: string, key: string): string {
        return `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
const apiKey = new pulumi.Config().requireSecret("oldKey");
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"], ${account} });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id, ${key} });
export const [accountId, keyId, value] = [account.id, key.id, key.apiKey];
`;
      }

      const adopting = (more = "") =>
        program(`adopt: "${account.id}"`, `${more} adopt: { id: "${key.id}", apiKey }`);

      await step("preview rejects a key that does not match the program", async () => {
        fixture.setSource(adopting('name: "other",').replace(/account\.id,/, `"${account.id}",`));
        const preview = failed(await fixture.preview());
        const [error = "", ...others] = messages(preview, "error");
        assert.deepEqual(others, []);
        assert.match(
          error,
          /adopt: Could not adopt API key .*\n.*its name is "by hand", but the program asks for "other"/,
        );
      });

      await step("up takes over both, and destroy deletes both", async () => {
        fixture.setSource(adopting());
        const preview = succeeded(await fixture.preview());
        assert.deepEqual(messages(preview, "info").sort(), [
          `Takes over API key "by hand" (${key.id}) instead of creating one.\n`,
          `Takes over service account "by hand" (${account.id}) instead of creating one.\n`,
        ]);
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
        assert.deepEqual(fixture.takeWrites(), []);
        const adopted = { accountId: account.id, keyId: key.id, value: key.value };
        assert.deepEqual(await fixture.outputs(), adopted);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
        fixture.setSource(program("", ""));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        succeeded(await fixture.destroy());
        assert.equal(await use(fixture, key.value), 401);
        assert.deepEqual(fixture.accounts(), []);
      });
    });
  });
});
