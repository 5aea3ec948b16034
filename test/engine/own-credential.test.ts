import assert from "node:assert/strict";
import { nightlyStep, step } from "../support/scenario";
import { use } from "./consumer";
import { type EngineFixture, failed, messages, succeeded, withStack } from "./fixture";

const FLEXPRICE = 'import * as flexprice from "pulumi-flexprice";';
const ANOTHER =
  'What to do: configure another credential, or leave this key out of the program. If the state has it, remove it from there with "pulumi state delete".';

describe("the operator's own credential", () => {
  it("can be neither adopted nor deleted", async () => {
    /** The key of a service account with super_admin. */
    let robotKey: string;
    await withStack("", {}, async (fixture) => {
      /** Runs an operation with this credential, which must fail. Returns the only error of the provider. */
      async function refusal(
        credential: string,
        operation: () => ReturnType<EngineFixture["up"]>,
      ): Promise<string> {
        fixture.takeWrites();
        fixture.workspace.env["FLEXPRICE_API_KEY"] = credential;
        const result = failed(await operation());
        fixture.workspace.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
        assert.deepEqual(fixture.takeWrites(), []);
        return messages(result, "error")[0] ?? "";
      }

      await nightlyStep("preview rejects adopting its key", async () => {
        const { id } = fixture.emulator.keys()[0] ?? assert.fail();
        fixture.setSource(`${FLEXPRICE}
new flexprice.ApiKey("own", { adopt: { id: "${id}", apiKey: process.env["FLEXPRICE_API_KEY"] ?? "" } });`);
        const error = await refusal(fixture.operator.apiKey, () => fixture.preview());
        assert.match(
          error,
          /adopt: Could not adopt API key secret_\w+\.\n {2}Reason: it is the operator's own credential, from environment variable FLEXPRICE_API_KEY\n/,
        );
      });

      await step("preview rejects adopting its account", async () => {
        const { tenantId, environmentId } = fixture.operator;
        const robot = fixture.emulator.createAccount(tenantId, { roles: ["super_admin"] });
        fixture.setSource(`${FLEXPRICE}
new flexprice.ServiceAccount("robot", { roles: ["super_admin"], adopt: "${robot.id}" });`);
        robotKey = fixture.emulator.createKey(robot.id, environmentId, { name: "robot's" }).value;
        const error = await refusal(robotKey, () => fixture.preview());
        assert.match(
          error,
          /adopt: Could not adopt service account user_\w+\.\n {2}Reason: it is the account of the operator's own credential, from environment variable FLEXPRICE_API_KEY\n/,
        );
      });

      await step("destroy fails for the key and for its account", async () => {
        fixture.setSource(`${FLEXPRICE}
new flexprice.ServiceAccount("robot", { roles: ["super_admin"], adopt: "${fixture.accounts()[0]?.id}", forceDestroy: true });
export const { apiKey } = new flexprice.ApiKey("own");`);
        succeeded(await fixture.up());
        const { apiKey = "" } = await fixture.outputs();
        const key = await refusal(apiKey, () => fixture.destroy("--target", "**own"));
        assert.match(
          key,
          /^Could not revoke API key "own-\w+" \(secret_\w+\)\.\n {2}Reason: it is the operator's own/,
        );
        assert.ok(key.includes(ANOTHER), key);
        const account = await refusal(robotKey, () => fixture.destroy("--target", "**robot"));
        assert.match(
          account,
          /^Could not archive service account .*\n {2}Reason: it is the account of the operator's own/,
        );
        for (const value of [apiKey, robotKey]) assert.equal(await use(fixture, value), 200);
        assert.equal((await fixture.resources()).length, 2);
      });

      await step("destroy works with another credential", async () => {
        succeeded(await fixture.destroy());
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});
