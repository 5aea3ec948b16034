import assert from "node:assert/strict";
import { ConnectionPool } from "../../../provider/session/connection-pool";
import { failureOf, MINUTE, START, UnitFixture } from "../fixture";

describe("session/connection-pool", () => {
  const fixture = UnitFixture.forEachTest({ serverAheadMs: MINUTE });
  let connections: ConnectionPool;
  beforeEach(async () => {
    const config: Record<string, string> = {
      "flexprice:baseUrl": fixture.emulator.url,
      "flexprice:apiKey": fixture.operator.apiKey,
      "flexprice:connections": JSON.stringify({ blank: {} }),
    };
    connections = new ConnectionPool(
      { config: (key) => config[key], environment: {} },
      fixture.platform(),
    );
  });

  it("creates each connection once", async () => {
    const connection = connections.connect(undefined);
    assert.equal(connections.connect(undefined), connection);
    assert.equal((await connection.caller()).id, fixture.operator.userId);
  });

  it("creates no connection without a credential, and reports that it is not configured", async () => {
    assert.deepEqual(
      [undefined, "blank"].map((name) => connections.isConfigured(name)),
      [true, false],
    );
    const { message } = await failureOf(async () => connections.connect("blank"), "configuration");
    assert.match(
      message,
      /^Could not connect to Flexprice\.\n {2}Reason: connection "blank" has neither apiKey/,
    );
  });

  it("returns the local time until the server has shown its own", async () => {
    assert.equal(connections.now(undefined), START);
    const connection = connections.connect(undefined);
    assert.equal(connections.now(undefined), START);
    await connection.caller();
    assert.equal(connections.now(undefined), START + MINUTE);
    assert.equal(connections.now("blank"), START);
  });
});
