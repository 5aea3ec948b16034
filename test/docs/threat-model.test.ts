import assert from "node:assert/strict";
import {
  accountWithKey,
  Bench,
  CHANGES_SEEN,
  changes,
  failed,
  messages,
  succeeded,
} from "../engine/fixture";
import { cutOff } from "./cut-off";
import { follow } from "./follow";

const INGESTOR = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
`;

follow("docs/threat-model.md", {
  before: { "flexprice/creates": (scene) => cutOff(scene, INGESTOR, "the provider") },
});

describe("what the threat model says", () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(accountWithKey({ key: 'rotationTriggers: { why: "in plain" }' }));
    succeeded(await bench.up());
  });
  after(() => bench.close());

  const keys = () => bench.keys().map(({ value }) => value);

  it("of the whole config in the entry of Pulumi's provider", async () => {
    await bench.workspace.setConfig({ "test:other": { value: "in plain" } });
    succeeded(await bench.up());
    const { deployment } = await bench.workspace.exportState();
    const entry = deployment.resources?.find(
      ({ type }) => type === "pulumi:providers:pulumi-nodejs",
    );
    assert.equal(entry?.inputs?.["test:other"], "in plain");
    assert.ok(Object.hasOwn(Object(entry?.inputs?.["flexprice:apiKey"]), "ciphertext"));
  });

  it("of what Pulumi's own debugging prints", async () => {
    for (const options of [["--debug"], ["-v=9", "--logtostderr"]]) {
      // Not by way of the bench, which refuses such output.
      const { output } = await bench.workspace.start("up", options).done;
      assert.ok(
        keys().some((value) => output.includes(value)),
        options.join(" "),
      );
    }
  });

  it("of what an all_reader sees of drift", async () => {
    const { tenantId, environmentId } = bench.operator;
    const { accessToken } = bench.emulator.createUser(tenantId, ["all_reader"]);
    bench.hide(accessToken);
    Object.assign(bench.workspace.env, {
      FLEXPRICE_ACCESS_TOKEN: accessToken,
      FLEXPRICE_ENVIRONMENT_ID: environmentId,
    });
    await bench.unsetConfig("flexprice:apiKey");
    assert.deepEqual(changes(succeeded(await bench.up())), []);
    assert.deepEqual(changes(succeeded(await bench.drift())), []);
    for (const { id } of bench.keys()) bench.emulator.revokeKey(id);
    const revoked = succeeded(await bench.drift());
    assert.match(messages(revoked, "warning").join(), /is not accepted by the server/);
    for (const { id } of bench.accounts()) bench.emulator.renameAccount(id, "renamed");
    assert.equal(failed(await bench.drift()).exitCode, CHANGES_SEEN);
    assert.deepEqual(bench.takeWrites().slice(2), []);
  });

  for (const [who, roles, may] of [
    ["all_writer user makes accounts", '["event_ingestor"]', true],
    ["all_writer user grants no super_admin", '["super_admin"]', false],
  ] as const) {
    it(`that an ${who}`, async () => {
      const { accessToken } = bench.emulator.createUser(bench.operator.tenantId, ["all_writer"]);
      bench.hide(accessToken);
      bench.workspace.env["FLEXPRICE_ACCESS_TOKEN"] = accessToken;
      bench.setSource(`
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("made", { roles: ${roles} });
new flexprice.ApiKey("own");
`);
      const preview = await bench.preview();
      assert.equal(preview.exitCode === 0, may, preview.output);
    });
  }
});
