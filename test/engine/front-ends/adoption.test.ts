import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import { use } from "../consumer";
import { changes, type EngineFixture, failed, messages, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

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
