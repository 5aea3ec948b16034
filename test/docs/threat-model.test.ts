import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  accountWithKey,
  Bench,
  CHANGES_SEEN,
  changes,
  failed,
  messages,
  succeeded,
} from "../engine/harness";
import { follow, type Scene } from "./follow";

const INGESTOR = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("usage-ingestor", { roles: ["event_ingestor"] });
`;

/** Kills the provider while Flexprice makes the account. */
async function killWhileCreating({ bench }: Scene): Promise<void> {
  const { emulator, workspace } = bench;
  bench.setSource(INGESTOR);
  const isCreate = { method: "POST", path: /^\/v1\/users$/ };
  emulator.faults.add({ kind: "slow", bytesPerSecond: 40, when: "after", match: isCreate });
  const up = workspace.start("up");
  while (emulator.writes().length === 0) await sleep(5);
  for (const { pid, command } of workspace.processes()) {
    if (command.includes("dynamic-provider")) process.kill(pid, "SIGKILL");
  }
  assert.notEqual((await up.done).exitCode, 0);
}

follow("docs/threat-model.md", { before: { unfinished: killWhileCreating } });

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
