import assert from "node:assert/strict";
import { FlexpriceQueries } from "../../../provider/functions/queries";
import { uniqueName } from "../../../provider/session/auto-name";
import { ConnectionPool } from "../../../provider/session/connection-pool";
import { failureOf, UnitFixture } from "../fixture";

/** Tests through a program's functions are in index.test.ts. */
describe("functions/queries", () => {
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

  function account(name: string): string {
    const { tenantId } = fixture.operator;
    return fixture.emulator.createAccount(tenantId, { name, roles: ["event_reader"] }).id;
  }

  describe("for an account by its name", () => {
    const findUsage = () => queries.serviceAccount({ name: "usage" });

    it("name the account whose unique name was made from it, and what to do", async () => {
      const unique = uniqueName("usage");
      const id = account(unique);
      account(uniqueName("usage-ingestor"));
      account("usage-2");
      const { message } = await failureOf(findUsage(), "not_found");
      assert.equal(
        message,
        `Could not look up service account "usage".
  Reason: no service account has exactly this name (archived ones do not count); there is "${unique}" (${id}): without "name" in its program an account gets a unique name
  What to do: look it up by its id, or set name: "usage" on its ServiceAccount, which renames it in place.`,
      );
    });

    it("name ten of many", async () => {
      for (let i = 0; i < 12; i++) account(uniqueName("usage"));
      const { reason } = await failureOf(findUsage(), "not_found");
      assert.equal(reason.match(/\(user_\w+\)/g)?.length, 10);
      assert.match(reason, /\) and 2 more: without/);
    });

    it("find the one of exactly this name among them", async () => {
      account(uniqueName("usage"));
      const id = account("usage");
      assert.equal((await findUsage()).id, id);
    });
  });
});
