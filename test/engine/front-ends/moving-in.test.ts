import assert from "node:assert/strict";
import { nightly, sample } from "../../support/sample";
import { changes, type EngineFixture, failed, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

const PAIR = `
const account = new flexprice.ServiceAccount("billing", { roles: ["event_reader"] }, options);
const key = new flexprice.ApiKey("billing-key", {
  serviceAccountId: account.id, expiresIn: "30d", rotateBefore: "7d",
}, keyOptions(account));
export const [id, apiKey] = [account.id, key.apiKey];`;

const IDENTITY = `
const billing = new flexprice.ServiceIdentity("billing", {
  roles: ["event_reader"], expiresIn: "30d", rotateBefore: "7d",
  movedFrom: { serviceAccount: "billing", key: "billing-key" },
}, options);
export const [id, apiKey] = [billing.serviceAccountId, billing.apiKey];`;

const TOP = `
import * as flexprice from "pulumi-flexprice";
const [options, keyOptions] = [{}, () => ({})];`;

const BELOW = `
import * as flexprice from "pulumi-flexprice";
import * as pulumi from "@pulumi/pulumi";
const options = { parent: new pulumi.ComponentResource("example:Team", "team") };
const keyOptions = (account: pulumi.Resource) => ({ parent: account });`;

/** The pair in the place of the component, as a user who goes back writes it. */
const MOVED_OUT = `
import * as flexprice from "pulumi-flexprice";
const parent = "urn:pulumi:test::test::flexprice:index:ServiceIdentity::billing";
const options = { aliases: [{ parent }] };
const keyOptions = () => ({ aliases: [{ parent, name: "billing" }] });`;

describeBoth("an account and its key", (frontEnd) => {
  let fixture: EngineFixture;
  beforeEach(async () => {
    fixture = await open(frontEnd, "");
  });
  afterEach(() => fixture.close());

  for (const [where, start] of sample([
    ["", TOP],
    [" with a parent, the key below its account", BELOW],
  ] as const)) {
    it(`move into a ServiceIdentity${where}, and stay unchanged`, async () => {
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
      fixture.setSource((start + IDENTITY).replace(/movedFrom.*/, ""));
      assert.deepEqual(changes(succeeded(await fixture.up())), []);
      if (start === TOP) {
        fixture.setSource(MOVED_OUT + PAIR);
        succeeded(await fixture.up());
        assert.deepEqual(await fixture.outputs(), before);
        assert.deepEqual(fixture.takeWrites(), []);
      }
      succeeded(await fixture.destroy());
      assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
    });
  }

  nightly("part if the key never expires: the account moves, the key stays", async () => {
    fixture.setSource(`${TOP}
const account = new flexprice.ServiceAccount("billing", { roles: ["event_reader"] });
const key = new flexprice.ApiKey("billing-key", { serviceAccountId: account.id });
export const [id, apiKey] = [account.id, key.apiKey];`);
    succeeded(await fixture.up());
    const before = await fixture.outputs();
    fixture.takeWrites();
    fixture.setSource(`${TOP}
const billing = new flexprice.ServiceIdentity("billing", {
  roles: ["event_reader"], movedFrom: { serviceAccount: "billing" },
});
const key = new flexprice.ApiKey("billing-key", { serviceAccountId: billing.serviceAccountId });
export const [id, apiKey] = [billing.serviceAccountId, key.apiKey];`);
    const up = changes(succeeded(await fixture.up())).sort();
    assert.deepEqual(up, ["create ApiKey billing", "update ServiceAccount billing"]);
    assert.deepEqual(await fixture.outputs(), before);
    assert.equal(fixture.takeWrites().length, 1);
  });

  it("stay unchanged beside a ServiceIdentity of the same name", async () => {
    const named = IDENTITY.replace(/movedFrom.*/, "").replace(/export .*/, "");
    fixture.setSource(TOP + PAIR);
    succeeded(await fixture.up());
    const before = await fixture.outputs();
    fixture.setSource(TOP + named + PAIR);
    assert.deepEqual(changes(succeeded(await fixture.up())), [
      "create ServiceAccount billing",
      "create ApiKey billing",
    ]);
    assert.deepEqual(await fixture.outputs(), before);
  });

  it("cannot stay in the program if they move, which preview rejects", async () => {
    fixture.setSource(TOP + PAIR);
    succeeded(await fixture.up());
    fixture.takeWrites();
    const identity = IDENTITY.replace(/export .*/, "");
    for (const source of [TOP + PAIR + identity, TOP + identity + PAIR]) {
      fixture.setSource(source);
      const preview = failed(await fixture.preview());
      assert.match(preview.output, /Duplicate resource (?:alias|URN) '.*::billing(?:-key)?' /);
    }
    assert.deepEqual(fixture.takeWrites(), []);
  });
});
