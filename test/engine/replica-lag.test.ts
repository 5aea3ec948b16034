import assert from "node:assert/strict";
import { step } from "../support/scenario";
import {
  accountWithKey,
  changes,
  type EngineFixture,
  messages,
  succeeded,
  withStack,
} from "./fixture";

/** The active objects, and the number of all created ones. */
function remains({ emulator, operator }: EngineFixture): unknown {
  const accounts = emulator.accounts(operator.tenantId);
  const keys = emulator.keys(operator.tenantId).filter(({ value }) => value !== operator.apiKey);
  return {
    accounts: accounts.filter(({ status }) => status !== "archived"),
    keys: keys.filter(({ status }) => status !== "deleted"),
    created: [accounts.length, keys.length],
  };
}

/** Runs an operation that must find no changes. */
async function findsNothingToDo(fixture: EngineFixture, verb: "refresh" | "up"): Promise<string[]> {
  const held = await fixture.held();
  fixture.takeWrites();
  const result = succeeded(await fixture[verb]());
  assert.deepEqual([changes(result), fixture.takeWrites()], [[], []]);
  assert.deepEqual(await fixture.held(), held);
  return messages(result, "warning");
}

describe("a read replica that lags by 300 ms", () => {
  it("does not disturb a stack from its first up to its destroy", async () => {
    const more =
      'new flexprice.ServiceAccount("named", { name: "ingestor", roles: ["event_reader"] });';
    await withStack(accountWithKey({ more }), { replicaLagMs: 300 }, async (fixture) => {
      await step("up creates an account with a key, and one with an explicit name", async () => {
        succeeded(await fixture.up());
        const { accountId, apiKey } = await fixture.outputs();
        assert.equal(fixture.accounts().length, 2);
        assert.ok(fixture.accounts().some(({ name }) => name === "ingestor"));
        assert.deepEqual(
          fixture.keys().map(({ userId, value }) => [userId, value]),
          [[accountId, apiKey]],
        );
      });

      await step("refresh and another up change nothing", async () => {
        await findsNothingToDo(fixture, "refresh");
        await findsNothingToDo(fixture, "up");
      });

      await step("destroy leaves nothing behind", async () => {
        succeeded(await fixture.destroy());
        assert.deepEqual(await fixture.resources(), []);
        assert.deepEqual(remains(fixture), { accounts: [], keys: [], created: [2, 1] });
      });
    });
  });
});

describe("a read replica that lags by a minute", () => {
  it("does not make objects seem gone", async () => {
    const LAG_SECONDS = 60;
    const source = `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
new flexprice.ApiKey("own");
`;
    await withStack(source, { replicaLagMs: LAG_SECONDS * 1_000 }, async (fixture) => {
      succeeded(await fixture.up());

      await step("refresh right after up keeps the state, and says why", async () => {
        const warnings = await findsNothingToDo(fixture, "refresh");
        const about = warnings.map((warning) => warning.replace(/".*?" \(\w+\)/, "…")).sort();
        assert.deepEqual(about, [
          "API key … is not listed by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.\n",
          "Service account … is not shown by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.\n",
        ]);
        await findsNothingToDo(fixture, "up");
      });

      await step("destroy leaves nothing behind", async () => {
        fixture.clock.advance(`${LAG_SECONDS}s`);
        succeeded(await fixture.destroy());
        assert.deepEqual(remains(fixture), { accounts: [], keys: [], created: [1, 1] });
      });
    });
  });
});
