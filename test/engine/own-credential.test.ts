import assert from "node:assert/strict";
import { use } from "./consumer";
import { Bench, failed, messages, succeeded } from "./fixture";

const FLEXPRICE = 'import * as flexprice from "pulumi-flexprice";';
const ANOTHER =
  'What to do: configure another credential, or leave this key out of the program. If the state has it, take it out with "pulumi state delete".';

describe("the operator's own credential", () => {
  let bench: Bench;
  /** A key of an account that is an operator itself. */
  let robotKey: string;
  before(async () => {
    bench = await Bench.open("", { config: {} });
    bench.workspace.env["FLEXPRICE_API_KEY"] = bench.operator.apiKey;
  });
  after(() => bench.close());

  /** Runs an operation that has to be refused, with this credential; the one error of the provider. */
  async function refusal(
    credential: string,
    operation: () => ReturnType<Bench["up"]>,
  ): Promise<string> {
    bench.takeWrites();
    bench.workspace.env["FLEXPRICE_API_KEY"] = credential;
    const result = failed(await operation());
    bench.workspace.env["FLEXPRICE_API_KEY"] = bench.operator.apiKey;
    assert.deepEqual(bench.takeWrites(), []);
    return messages(result, "error")[0] ?? "";
  }

  it("is not adopted: a preview refuses its key", async () => {
    const { id } = bench.emulator.keys()[0] ?? assert.fail();
    bench.setSource(`${FLEXPRICE}
new flexprice.ApiKey("own", { adopt: { id: "${id}", apiKey: process.env["FLEXPRICE_API_KEY"] ?? "" } });`);
    const error = await refusal(bench.operator.apiKey, () => bench.preview());
    assert.match(
      error,
      /adopt: Could not adopt API key secret_\w+\.\n {2}Reason: it is the operator's own credential, from environment variable FLEXPRICE_API_KEY\n/,
    );
  });

  it("is not left without its account: a preview refuses to adopt that", async () => {
    const { tenantId, environmentId } = bench.operator;
    const robot = bench.emulator.createAccount(tenantId, { roles: ["super_admin"] });
    bench.setSource(`${FLEXPRICE}
new flexprice.ServiceAccount("robot", { roles: ["super_admin"], adopt: "${robot.id}" });`);
    robotKey = bench.emulator.createKey(robot.id, environmentId, { name: "robot's" }).value;
    const error = await refusal(robotKey, () => bench.preview());
    assert.match(
      error,
      /adopt: Could not adopt service account user_\w+\.\n {2}Reason: it is the account of the operator's own credential, from environment variable FLEXPRICE_API_KEY\n/,
    );
  });

  it("is not ended by a destroy, neither the key nor its account", async () => {
    bench.setSource(`${FLEXPRICE}
new flexprice.ServiceAccount("robot", { roles: ["super_admin"], adopt: "${bench.accounts()[0]?.id}", forceDestroy: true });
export const { apiKey } = new flexprice.ApiKey("own");`);
    succeeded(await bench.up());
    const { apiKey = "" } = await bench.outputs();
    const key = await refusal(apiKey, () => bench.destroy("--target", "**own"));
    assert.match(
      key,
      /^Could not revoke API key "own-\w+" \(secret_\w+\)\.\n {2}Reason: it is the operator's own/,
    );
    assert.ok(key.includes(ANOTHER), key);
    const account = await refusal(robotKey, () => bench.destroy("--target", "**robot"));
    assert.match(
      account,
      /^Could not archive service account .*\n {2}Reason: it is the account of the operator's own/,
    );
    for (const value of [apiKey, robotKey]) assert.equal(await use(bench, value), 200);
    assert.equal((await bench.resources()).length, 2);
  });

  it("that is not at work can be ended", async () => {
    succeeded(await bench.destroy());
    assert.deepEqual([bench.accounts(), bench.keys()], [[], []]);
  });
});
