import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { StackState } from "../../scripts/workspace";
import type { EngineFixture } from "./fixture";

/** Written by release 0.1.0 and exported with secrets. Values that vary are in capitals. Never rewrite it. */
export const RELEASED_STATE = readFileSync(join(__dirname, "fixtures", "state-0.1.0.json"), "utf8");

/** Puts the state in place of the stack's own, and its account and key on the server. */
export async function importReleasedState(
  fixture: EngineFixture,
): Promise<{ readonly accountId: string; readonly keyId: string }> {
  const { tenantId, environmentId, apiKey } = fixture.operator;
  const roles = ["event_ingestor"];
  const account = fixture.emulator.createAccount(tenantId, { name: "ci", roles });
  const key = fixture.emulator.createKey(account.id, environmentId, {
    name: "ci",
    expiresAt: new Date("2099-06-01T12:00:00Z"),
  });
  const places = {
    ACCOUNT_ID: account.id,
    KEY_ID: key.id,
    KEY_VALUE: key.value,
    DISPLAY_ID: key.displayId,
    TENANT_ID: tenantId,
    OPERATOR_KEY: apiKey,
  };
  const state = Object.entries(places).reduce(
    (text, [place, value]) => text.replaceAll(place, value),
    RELEASED_STATE,
  );
  const released: StackState = JSON.parse(state);
  const { deployment } = await fixture.workspace.exportState();
  // The import encrypts the secrets again.
  Object.assign(released.deployment, { secrets_providers: deployment.secrets_providers });
  await fixture.workspace.importState(released);
  // It contains keys in plain text, which the provider must not write.
  rmSync(join(fixture.workspace.scratch, "import.json"));
  return { accountId: account.id, keyId: key.id };
}
