import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import * as flexprice from "../../provider";
import { type EmbeddedFlexprice, startFlexprice } from "../../provider/testing";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { nightly } from "../support/sample";

describe("a stack of startFlexprice", () => {
  const scratch = mkdtempSync(join(tmpdir(), "pulumi-flexprice-scratch-"));
  const home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-home-"));
  const shell = { ...process.env };
  let server: EmbeddedFlexprice;

  before(async () => {
    const { directory } = await ensurePulumi();
    Object.assign(process.env, {
      PATH: [directory, shell["PATH"]].join(delimiter),
      HOME: home,
      TMPDIR: scratch,
      PULUMI_CREDENTIALS_PATH: home,
      FLEXPRICE_ENVIRONMENT_ID: "env_of_the_shell",
      FLEXPRICE_ACCESS_TOKEN: "a-token-of-the-shell",
    });
    for (const name of ["PULUMI_HOME", "PULUMI_BACKEND_URL"]) delete process.env[name];
  });
  after(() => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, shell);
    for (const folder of [scratch, home]) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    server = await startFlexprice();
  });

  function create(protect: boolean) {
    return async () => {
      const { tenantId } = await flexprice.getCaller();
      const account = new flexprice.ServiceAccount(
        "ci",
        { roles: ["event_ingestor"] },
        { protect },
      );
      const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id });
      return { tenantId, apiKey: key.apiKey };
    };
  }

  const statuses = () => server.accounts().map(({ status }) => status);

  it("runs a program against the embedded server, and leaves nothing behind", async () => {
    const stack = await server.stack(create(false));
    const { outputs } = await stack.up();
    assert.equal(outputs["tenantId"]?.value, server.operator.tenantId);
    const [, key] = server.keys();
    assert.deepEqual(outputs["apiKey"], { value: key?.value, secret: true });
    assert.deepEqual(statuses(), ["published"]);
    server.faults.outage = true;
    const late = server.stack(create(false));
    await server.stop();
    await server.stop();
    await late;
    assert.deepEqual(statuses(), ["archived"]);
    assert.deepEqual([...readdirSync(scratch), ...readdirSync(home)], []);
  });

  nightly("reports what cannot be destroyed, and still removes its folder", async () => {
    const first = await server.stack(create(false));
    await first.up();
    const second = await server.stack(create(true));
    await second.up();
    await assert.rejects(server.stop(), (error: Error) => {
      assert.match(error.message, /^Could not destroy the stack of the test\.\n/);
      assert.match(error.message, /\n {2}Reason: pulumi destroy failed: error: .*protect.*\n/);
      assert.match(error.message, /\n {2}What to do: .*\bprotected resource\b/);
      return true;
    });
    assert.deepEqual(statuses(), ["archived", "published"]);
    assert.deepEqual([...readdirSync(scratch), ...readdirSync(home)], []);
    await assert.rejects(fetch(server.url));
  });
});
