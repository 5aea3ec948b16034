import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { OperationResult } from "../../scripts/workspace";
import { nightly } from "../support/sample";
import { KEY_REPLACED } from "./consumer";
import { accountWithKey, changes, EngineFixture, failed, succeeded } from "./fixture";

const PACK = ["--policy-pack", resolve("examples/policies")];

const GOOD = accountWithKey({ key: 'expiresIn: "90d", rotateBefore: "14d"' });

/** One line per violation, in the order of the CLI, e.g. `mandatory flexprice-keys-expire ApiKey ci`. */
function violations({ output }: OperationResult): string[] {
  return [...output.matchAll(/- \[(\w+)\] +(\S+) +\(\S+:(\w+): (\S+)\)/g)].map(([, ...parts]) =>
    parts.join(" "),
  );
}

// The pack is the example that users copy. No message may contain a key: the fixture checks this when it closes.
describe("the policy pack", () => {
  let fixture: EngineFixture;
  afterEach(() => fixture.close());

  it("lists all violations in a preview, and what cannot be checked yet", async () => {
    fixture = await EngineFixture.open(
      accountWithKey({
        name: "ci",
        roles: '["super_admin"]',
        more: `
new flexprice.ApiKey("long", { serviceAccountId: account.id, expiresIn: "91d" });
new flexprice.ApiKey("mine", { expiresIn: "1d" });
new flexprice.ApiKey("later", { serviceAccountId: "user_1", expiresAt: account.id.apply(() => "2999-01-01T00:00:00Z") });
new flexprice.ServiceAccount("twin", { name: "ci", roles: account.id.apply(() => ["event_reader"]) });`,
      }),
      { env: { FLEXPRICE_PREFLIGHT: "false" } },
    );
    const refused = failed(await fixture.preview(...PACK));
    assert.deepEqual(violations(refused), [
      "mandatory flexprice-account-per-service ApiKey long",
      "mandatory flexprice-account-per-service ServiceAccount twin",
      "mandatory flexprice-keys-expire ApiKey ci",
      "mandatory flexprice-keys-expire ApiKey long",
      "mandatory flexprice-no-super-admin ApiKey mine",
      "mandatory flexprice-no-super-admin ServiceAccount ci",
      "advisory flexprice-keys-expire ApiKey later",
      "advisory flexprice-no-super-admin ServiceAccount twin",
    ]);
    assert.match(refused.output, /The key never expires\. Set expiresIn to at most "90d"/);
    assert.match(refused.output, /API keys "ci", "long" act for the same service account/);
    assert.match(refused.output, /string value at \.expiresAt can't be known during preview/);
    assert.deepEqual(fixture.takeWrites(), []);
  });

  nightly("stops up before the account is created", async () => {
    fixture = await EngineFixture.open(accountWithKey({ roles: '["super_admin"]' }));
    const refused = failed(await fixture.up(...PACK));
    assert.deepEqual(violations(refused), ["mandatory flexprice-no-super-admin ServiceAccount ci"]);
    assert.deepEqual(fixture.takeWrites(), []);
  });

  nightly("accepts a good program, when it is created and when its key rotates", async () => {
    const good = `${GOOD}
new flexprice.ServiceAccount("other", { namePrefix: "ci", roles: ["event_reader"] });`;
    fixture = await EngineFixture.open(good);
    assert.deepEqual(violations(succeeded(await fixture.up(...PACK))), []);
    fixture.setSource(good.replace("90d", "80d"));
    const rotating = succeeded(await fixture.up(...PACK));
    assert.deepEqual([changes(rotating), violations(rotating)], [KEY_REPLACED, []]);
    assert.equal(fixture.keys().length, 1);
  });

  nightly("finds keys in outputs, of this stack and of others", async () => {
    fixture = await EngineFixture.open(GOOD, { ownProcess: true });
    const { tenantId, environmentId } = fixture.operator;
    const account = fixture.emulator.createAccount(tenantId, {
      name: "by hand",
      roles: ["event_reader"],
    });
    const foreign = fixture.emulator.createKey(account.id, environmentId, { name: "by hand" });
    fixture.workspace.env["FOREIGN_KEY"] = foreign.value;
    succeeded(await fixture.up(...PACK));
    fixture.setSource(`${GOOD}
import * as pulumi from "@pulumi/pulumi";
export const again = pulumi.interpolate\`x-api-key: \${key.apiKey}\`;
export const foreign = pulumi.secret(process.env["FOREIGN_KEY"]);`);
    const refused = failed(await fixture.preview(...PACK));
    assert.deepEqual(violations(refused), [
      "mandatory flexprice-key-outputs Stack test-test",
      "mandatory flexprice-key-outputs Stack test-test",
    ]);
    assert.match(refused.output, /API key "ci" is in the outputs "again", "apiKey"\. Keep one/);
    assert.match(refused.output, /Output "foreign" holds a Flexprice API key that this stack does/);
  });

  nightly("reads levels and settings from --policy-pack-config", async () => {
    fixture = await EngineFixture.open(accountWithKey());
    const file = join(fixture.workspace.scratch, "policies.json");
    const config = {
      "flexprice-keys-expire": { enforcementLevel: "advisory", maxDays: 30 },
      "flexprice-key-outputs": { allowedOutputs: ["another"] },
    };
    writeFileSync(file, JSON.stringify(config));
    const up = failed(await fixture.up(...PACK, "--policy-pack-config", file));
    assert.deepEqual(violations(up), [
      "mandatory flexprice-key-outputs Stack test-test",
      "advisory flexprice-keys-expire ApiKey ci",
    ]);
    assert.match(up.output, /at most "30d"/);
    assert.match(
      up.output,
      /Output "apiKey" holds a Flexprice API key, but is not in allowedOutputs/,
    );
  });
});
