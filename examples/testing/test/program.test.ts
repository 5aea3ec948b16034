import assert from "node:assert/strict";
import { resolve } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { type EmbeddedFlexprice, startFlexprice } from "pulumi-flexprice/testing";

describe("the program", () => {
  let flexprice: EmbeddedFlexprice;
  let stack: Stack;

  before(async () => {
    flexprice = await startFlexprice();
    stack = await flexprice.stack(resolve(__dirname, ".."));
  });

  after(() => flexprice.stop());

  /** The keys that the program created and nobody revoked, without the operator's key. */
  const liveKeys = () =>
    flexprice
      .keys()
      .filter(
        ({ status, userId }) => status === "published" && userId !== flexprice.operator.userId,
      );

  /** The status that a consumer of the key gets. */
  async function post(path: string, apiKey: string | undefined): Promise<number> {
    const { status } = await fetch(`${flexprice.url}${path}`, {
      method: "POST",
      headers: { "x-api-key": apiKey ?? "", "content-type": "application/json" },
      body: JSON.stringify({ event_name: "api_call", external_customer_id: "customer-1" }),
    });
    return status;
  }

  it("rejects a misspelled role in a preview", async () => {
    await stack.setConfig("role", { value: "event_ingester" });
    await assert.rejects(stack.preview(), /Invalid role: event_ingester.*\bevent_ingestor\b/);
    assert.deepEqual(flexprice.writes(), []);
    await stack.removeConfig("role");
  });

  it("creates one account with one key, and keeps the key secret", async () => {
    const { outputs } = await stack.up();
    const [account, ...others] = flexprice.accounts();
    assert.deepEqual(others, []);
    assert.deepEqual(account?.roles, ["event_ingestor"]);
    assert.match(account.name, /^usage-ingestor-\w{10}$/);
    const [key] = liveKeys();
    assert.equal(key?.userId, account?.id);
    assert.deepEqual(outputs["apiKey"], { value: key?.value, secret: true });
  });

  it("creates a key that can send events and nothing else", async () => {
    const [key] = liveKeys();
    assert.equal(await post("/events", key?.value), 202);
    assert.equal(await post("/customers", key?.value), 403);
  });

  it("has nothing to do in a second run", async () => {
    await stack.preview({ expectNoChanges: true });
  });

  it("shows a change from the dashboard, and reverts it", async () => {
    const [account] = flexprice.accounts();
    assert(account);
    const { id, name } = account;
    flexprice.renameAccount(id, "renamed by hand");
    await assert.rejects(stack.preview({ refresh: true, expectNoChanges: true }), /no changes/);
    await stack.up({ refresh: true });
    assert.equal(flexprice.accounts()[0]?.name, name);
  });

  it("rotates the key in time", async () => {
    const [first] = liveKeys();
    flexprice.advance("75d");
    await stack.preview({ expectNoChanges: true });
    flexprice.advance("2d");
    const { outputs } = await stack.up();
    const [second, ...others] = liveKeys();
    assert.notEqual(second?.id, first?.id);
    assert.deepEqual(others, []);
    assert.equal(outputs["apiKey"]?.value, second?.value);
    assert.equal(await post("/events", first?.value), 401);
    assert.equal(await post("/events", second?.value), 202);
  });

  it("leaves no working key behind", async () => {
    await stack.destroy();
    assert.deepEqual(liveKeys(), []);
    assert.deepEqual(
      flexprice.accounts().map(({ status }) => status),
      ["archived"],
    );
  });
});
