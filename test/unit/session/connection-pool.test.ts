import assert from "node:assert/strict";
import { Connections } from "../../../provider/session/connection-pool";
import { failureOf, MINUTE, START, Stage } from "../fixture";

describe("connections", () => {
  let stage: Stage;
  let connections: Connections;
  beforeEach(async () => {
    stage = await Stage.start({ serverAheadMs: MINUTE });
    const config: Record<string, string> = {
      "flexprice:baseUrl": stage.emulator.url,
      "flexprice:apiKey": stage.operator.apiKey,
      "flexprice:connections": JSON.stringify({ blank: {} }),
    };
    connections = new Connections({ config: (key) => config[key], environment: {} }, stage.world());
  });
  afterEach(() => stage.stop());

  it("makes each connection once", async () => {
    const connection = connections.connect(undefined, "try");
    assert.equal(connections.connect(undefined, "try again"), connection);
    assert.equal((await connection.caller()).id, stage.operator.userId);
  });

  it("makes none without a credential, and says so before", async () => {
    assert.deepEqual(
      [undefined, "blank"].map((name) => connections.isConfigured(name)),
      [true, false],
    );
    const { message } = await failureOf(
      async () => connections.connect("blank", "try"),
      "configuration",
    );
    assert.match(message, /^Could not try\.\n {2}Reason: connection "blank" has neither apiKey/);
  });

  it("tells our time until the server has shown its own", async () => {
    assert.equal(connections.now(undefined), START);
    const connection = connections.connect(undefined, "try");
    assert.equal(connections.now(undefined), START);
    await connection.caller();
    assert.equal(connections.now(undefined), START + MINUTE);
    assert.equal(connections.now("blank"), START);
  });
});
