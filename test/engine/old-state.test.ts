import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { StackState } from "../../scripts/workspace";
import { sample } from "../support/sample";
import { accountWithKey, changes, EngineFixture, succeeded } from "./fixture";

/** Written by release 0.1.0 and exported with secrets. Values that vary are in capitals. Never rewrite it. */
const STATE = readFileSync(join(__dirname, "fixtures", "state-0.1.0.json"), "utf8");

function program(name?: string): string {
  const key = 'expiresAt: "2099-06-01T12:00:00Z"';
  return accountWithKey({ key, ...(name === undefined ? {} : { name }) });
}

describe("a state written by release 0.1.0", () => {
  let fixture: EngineFixture;
  let accountId: string;
  let keyId: string;

  before(async () => {
    fixture = await EngineFixture.open(program());
    const { tenantId, environmentId, apiKey } = fixture.operator;
    const roles = ["event_ingestor"];
    const account = fixture.emulator.createAccount(tenantId, { name: "ci", roles });
    const key = fixture.emulator.createKey(account.id, environmentId, {
      name: "ci",
      expiresAt: new Date("2099-06-01T12:00:00Z"),
    });
    accountId = account.id;
    keyId = key.id;
    const places = {
      ACCOUNT_ID: account.id,
      KEY_ID: key.id,
      KEY_VALUE: key.value,
      DISPLAY_ID: key.displayId,
      TENANT_ID: tenantId,
      OPERATOR_KEY: apiKey,
      SALT: saltOf(fixture.workspace.scratch),
    };
    const state = Object.entries(places).reduce(
      (text, [place, value]) => text.replaceAll(place, value),
      STATE,
    );
    await fixture.workspace.importState(JSON.parse(state) as StackState);
    // It contains keys in plain text, which the provider must not write.
    rmSync(join(fixture.workspace.scratch, "import.json"));
  });
  after(() => fixture.close());

  /** The ids and outputs of the two resources in the state. */
  async function outputs() {
    return Object.values(await fixture.held()).map(({ id, outputs }) => ({ id, outputs }));
  }

  it("names code that this release still has", () => {
    for (const text of ["serviceAccount", "apiKey"]) {
      assert.ok(
        STATE.includes(
          `"__provider": "exports.handler = () => require(\\"pulumi-flexprice/runtime\\").${text}"`,
        ),
      );
    }
  });

  for (const [what, name] of sample([
    ["a program without names", undefined],
    ["a program that says the name", "ci"],
  ] as const)) {
    it(`has no drift and needs no change by ${what}`, async () => {
      fixture.setSource(program(name));
      const before = await outputs();
      assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      assert.deepEqual(changes(succeeded(await fixture.up())), []);
      assert.deepEqual(await outputs(), before);
      assert.deepEqual(fixture.takeWrites(), []);
    });
  }

  it("is taken to its end, without the program", async () => {
    fixture.setSource("throw new Error('destroy runs no program')");
    assert.deepEqual(changes(succeeded(await fixture.destroy())), [
      "delete ApiKey ci",
      "delete ServiceAccount ci",
    ]);
    assert.deepEqual(
      fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
      [`DELETE /v1/secrets/api/keys/${keyId} 204`, `DELETE /v1/users/${accountId} 204`],
    );
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  });
});

/** The salt of the stack's passphrase: the import encrypts the secrets again. */
function saltOf(scratch: string): string {
  const config = readFileSync(join(scratch, "Pulumi.test.yaml"), "utf8");
  return /^encryptionsalt: (\S+)$/m.exec(config)?.[1] ?? "";
}
