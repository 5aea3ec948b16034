import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { use } from "../consumer";
import { changes, type EngineFixture, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

describeBoth("adoption by a ServiceIdentity", (frontEnd) => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await open(frontEnd, "");
  });
  after(() => fixture.close());

  it("takes an account over with its key, which the next rotation replaces", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const account = fixture.emulator.createAccount(tenantId, {
      name: "b",
      roles: ["event_reader"],
    });
    const expiresAt = new Date(fixture.clock.now().getTime() + 30 * 24 * 3_600_000);
    const key = fixture.emulator.createKey(account.id, environmentId, { name: "b", expiresAt });
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
    assert.equal(JSON.stringify(await fixture.workspace.exportState()).includes(key.value), false);
    fixture.clock.advance("20d");
    succeeded(await fixture.up());
    const { apiKey, serviceAccountId } = await fixture.outputs();
    assert.equal(serviceAccountId, account.id);
    assert.deepEqual([await use(fixture, apiKey), await use(fixture, key.value)], [200, 401]);
    succeeded(await fixture.destroy());
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  });
});

describeBoth("adoption", (frontEnd) => {
  let fixture: EngineFixture;
  let theirs: EmulatedUser;
  let theirKey: EmulatedKey;
  before(async () => {
    fixture = await open(frontEnd, "");
    const { tenantId, environmentId } = fixture.operator;
    theirs = fixture.emulator.createAccount(tenantId, { name: "by hand", roles: ["event_reader"] });
    theirKey = fixture.emulator.createKey(theirs.id, environmentId, { name: "by hand" });
    await fixture.workspace.setConfig({ oldKey: { value: theirKey.value, secret: true } });
  });
  after(() => fixture.close());

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
    program(`adopt: "${theirs.id}"`, `${more} adopt: { id: "${theirKey.id}", apiKey }`);

  it("of what does not fit is rejected by a preview, which says why", async () => {
    fixture.setSource(adopting('name: "other",').replace(/account\.id,/, `"${theirs.id}",`));
    const preview = failed(await fixture.preview());
    const [error = "", ...others] = messages(preview, "error");
    assert.deepEqual(others, []);
    assert.match(
      error,
      /adopt: Could not adopt API key .*\n.*its name is "by hand", but the program asks for "other"/,
    );
  });

  it("takes both over without a change on the server, and ends with the resources", async () => {
    fixture.setSource(adopting());
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(messages(preview, "info").sort(), [
      `Takes over API key "by hand" (${theirKey.id}) instead of creating one.\n`,
      `Takes over service account "by hand" (${theirs.id}) instead of creating one.\n`,
    ]);
    const up = succeeded(await fixture.up());
    assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
    assert.deepEqual(fixture.takeWrites(), []);
    const adopted = { accountId: theirs.id, keyId: theirKey.id, value: theirKey.value };
    assert.deepEqual(await fixture.outputs(), adopted);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
    fixture.setSource(program("", ""));
    assert.deepEqual(changes(succeeded(await fixture.up())), []);
    succeeded(await fixture.destroy());
    assert.equal(await use(fixture, theirKey.value), 401);
    assert.deepEqual(fixture.accounts(), []);
  });
});
