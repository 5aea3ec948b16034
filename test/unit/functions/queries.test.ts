import assert from "node:assert/strict";
import { FlexpriceQueries } from "../../../provider/functions/queries";
import { uniqueName } from "../../../provider/session/auto-name";
import { ConnectionPool } from "../../../provider/session/connection-pool";
import { failureOf, UnitFixture } from "../fixture";

/** Tests through a program's functions are in index.test.ts. */
describe("FlexpriceQueries.serviceAccount with a name", () => {
  const fixture = UnitFixture.forEachTest();
  let queries: FlexpriceQueries;
  beforeEach(async () => {
    const { emulator, operator } = fixture;
    queries = new FlexpriceQueries(
      new ConnectionPool({
        config: () => undefined,
        environment: { FLEXPRICE_BASE_URL: emulator.url, FLEXPRICE_API_KEY: operator.apiKey },
      }),
    );
  });

  function addAccount(name: string): string {
    return fixture.addAccount({ name, roles: ["event_reader"] }).id;
  }
  const findUsage = () => queries.serviceAccount({ name: "usage" });

  it("fails, and shows the account whose unique name starts with the name", async () => {
    const unique = uniqueName("usage");
    const id = addAccount(unique);
    addAccount(uniqueName("usage-ingestor"));
    addAccount("usage-2");
    const { message } = await failureOf(findUsage(), "not_found");
    assert.equal(
      message,
      `Could not look up service account "usage".
  Reason: no service account has exactly this name (archived ones do not count); there is "${unique}" (${id}): without "name" in its program an account gets a unique name
  What to do: look it up by its id, or set name: "usage" on its ServiceAccount, which renames it in place.`,
    );
  });

  it("fails, and shows ten of many accounts whose unique name starts with the name", async () => {
    for (let i = 0; i < 12; i++) addAccount(uniqueName("usage"));
    const { reason } = await failureOf(findUsage(), "not_found");
    assert.equal(reason.match(/\(user_\w+\)/g)?.length, 10);
    assert.match(reason, /\) and 2 more: without/);
  });

  it("finds the account with exactly this name beside one whose unique name starts with it", async () => {
    addAccount(uniqueName("usage"));
    const id = addAccount("usage");
    assert.equal((await findUsage()).id, id);
  });
});
