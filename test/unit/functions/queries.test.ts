import assert from "node:assert/strict";
import { uniqueName } from "../../../provider/session/auto-name";
import { Connections } from "../../../provider/session/connection-pool";
import { Inquiries } from "../../../provider/functions/queries";
import { failureOf, Stage } from "../fixture";

/** What is asked through a program's functions is in lookups.test.ts. */
describe("inquiries", () => {
  let stage: Stage;
  let inquiries: Inquiries;
  beforeEach(async () => {
    stage = await Stage.start();
    const { emulator, operator } = stage;
    inquiries = new Inquiries(
      new Connections({
        config: () => undefined,
        environment: { FLEXPRICE_BASE_URL: emulator.url, FLEXPRICE_API_KEY: operator.apiKey },
      }),
    );
  });
  afterEach(() => stage.stop());

  function account(name: string): string {
    const { tenantId } = stage.operator;
    return stage.emulator.createAccount(tenantId, { name, roles: ["event_reader"] }).id;
  }

  describe("for an account by its name", () => {
    const lookUp = () => inquiries.serviceAccount({ name: "usage" });

    it("name the account whose unique name was made from it, and what to do", async () => {
      const unique = uniqueName("usage");
      const id = account(unique);
      account(uniqueName("usage-ingestor"));
      account("usage-2");
      const { message } = await failureOf(lookUp(), "not_found");
      assert.equal(
        message,
        `Could not look up service account "usage".
  Reason: no service account that is not archived has exactly this name; there is "${unique}" (${id}): without "name" in its program an account gets a unique name
  What to do: look it up by its id, or set name: "usage" on its ServiceAccount, which renames it in place.`,
      );
    });

    it("name ten of many", async () => {
      for (let i = 0; i < 12; i++) account(uniqueName("usage"));
      const { answer } = await failureOf(lookUp(), "not_found");
      assert.equal(answer.match(/\(user_\w+\)/g)?.length, 10);
      assert.match(answer, /\) and 2 more: without/);
    });

    it("find the one of exactly this name among them", async () => {
      account(uniqueName("usage"));
      const id = account("usage");
      assert.equal((await lookUp()).id, id);
    });
  });
});
