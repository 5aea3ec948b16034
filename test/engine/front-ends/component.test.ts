import assert from "node:assert/strict";
import { step, withFixture } from "../../support/scenario";
import { use } from "../consumer";
import { changes, failed, messages, prefixOf, succeeded } from "../fixture";
import { describeBoth, open } from "./fixture";

function program(inputs: string, options = ""): string {
  return `
import * as flexprice from "pulumi-flexprice";
const ingestor = new flexprice.ServiceIdentity("ingestor", { ${inputs} }, { ${options} });
export const { serviceAccountId, apiKey, expiresAt } = ingestor;
`;
}

describeBoth("a ServiceIdentity", (frontEnd) => {
  it("creates, rotates and deletes an account with its key", async () => {
    await withFixture(open(frontEnd, program('roles: ["event_ingestr"]')), async (fixture) => {
      await step("preview rejects an invalid role once, and sends nothing", async () => {
        const preview = failed(await fixture.preview());
        const [error = "", ...others] = messages(preview, "error").filter((text) =>
          text.includes("event_ingestr"),
        );
        assert.deepEqual(others, []);
        assert.match(
          error,
          /roles: Invalid role: event_ingestr\. .* Did you mean "event_ingestor"\?/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up creates an account and its key, whose value is a secret output", async () => {
        fixture.setSource(program('roles: ["event_ingestor"]', "protect: true"));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), ["create ServiceAccount ingestor", "create ApiKey ingestor"]);
        assert.match(up.output, / apiKey +: \[secret\]/);
        const [account] = fixture.accounts();
        const [key] = fixture.keys();
        for (const created of [account, key]) assert.equal(prefixOf(created?.name), "ingestor");
        assert.deepEqual(await fixture.outputs(), {
          ...{ serviceAccountId: account?.id, apiKey: key?.value, expiresAt: key?.expiresAt },
        });
        const held = await fixture.resources();
        assert.deepEqual(
          held.map(({ protect }) => protect ?? false),
          [true, false],
        );
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("up rotates the key with an overlap, despite protect", async () => {
        const old = await fixture.outputs();
        fixture.clock.advance("77d");
        const up = succeeded(await fixture.up());
        assert.deepEqual(
          changes(up),
          ["create-replacement", "replace", "delete-replaced"].map((op) => `${op} ApiKey ingestor`),
        );
        const now = await fixture.outputs();
        assert.equal(now["serviceAccountId"], old["serviceAccountId"]);
        assert.notEqual(now["apiKey"], old["apiKey"]);
        for (const { apiKey } of [old, now]) assert.equal(await use(fixture, apiKey), 200);
      });

      await step("destroy deletes everything", async () => {
        fixture.setSource(program('roles: ["event_ingestor"]'));
        succeeded(await fixture.up());
        succeeded(await fixture.destroy());
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});
