import assert from "node:assert/strict";
import { changes, type EngineFixture, failed, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

const PAIR = `
const account = new flexprice.ServiceAccount("billing", { roles: ["event_reader"] }, options);
const key = new flexprice.ApiKey("billing", {
  serviceAccountId: account.id, expiresIn: "30d", rotateBefore: "7d",
}, options);
export const [id, apiKey] = [account.id, key.apiKey];`;

const IDENTITY = `
const billing = new flexprice.ServiceIdentity("billing", {
  roles: ["event_reader"], expiresIn: "30d", rotateBefore: "7d",
}, options);
export const [id, apiKey] = [billing.serviceAccountId, billing.apiKey];`;

const TOP = `
import * as flexprice from "pulumi-flexprice";
const options = {};`;

const BELOW = `
import * as flexprice from "pulumi-flexprice";
import * as pulumi from "@pulumi/pulumi";
const options = { parent: new pulumi.ComponentResource("example:Team", "team") };`;

describeBoth("an account and its key", (frontEnd) => {
  let fixture: EngineFixture;
  beforeEach(async () => {
    fixture = await open(frontEnd, "");
  });
  afterEach(() => fixture.close());

  for (const [where, start] of [
    ["", TOP],
    [" with the same parent", BELOW],
  ]) {
    it(`move into a ServiceIdentity${where} and stay as they are`, async () => {
      fixture.setSource(start + PAIR);
      succeeded(await fixture.up());
      const before = await fixture.outputs();
      fixture.takeWrites();
      fixture.setSource(start + IDENTITY);
      // The component keeps rotated keys until their expiry, which only the state has to know.
      const moved = ["update ApiKey billing", "update ServiceAccount billing"];
      assert.deepEqual(changes(succeeded(await fixture.preview())).sort(), moved);
      assert.deepEqual(changes(succeeded(await fixture.up())).sort(), moved);
      assert.deepEqual(await fixture.outputs(), before);
      assert.deepEqual(fixture.takeWrites(), []);
      assert.deepEqual(changes(succeeded(await fixture.up())), []);
      assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      succeeded(await fixture.destroy());
      assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
    });
  }

  it("cannot stay beside a new ServiceIdentity of their name: a preview says so", async () => {
    fixture.setSource(TOP + PAIR);
    succeeded(await fixture.up());
    fixture.takeWrites();
    const identity = IDENTITY.replace(/export .*/, "");
    for (const source of [TOP + PAIR + identity, TOP + identity + PAIR]) {
      fixture.setSource(source);
      const preview = failed(await fixture.preview());
      assert.match(preview.output, /Duplicate resource (?:alias|URN) '.*::billing' /);
    }
    assert.deepEqual(fixture.takeWrites(), []);
  });
});
